"""What the node writes to the API server and asks of it, against a scripted client at the seam."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from rem_local.kube import Kube, KubeError
from rem_local.node import reporting
from rem_local.node.podspec import Pod, PodMeta
from rem_local.node.reporting import StatusWriter
from rem_local.node.sources import UnresolvedReferenceError
from rem_local.node.volumes import PodVolumes, Tokens

META = PodMeta(name="p", namespace="n", uid="u")


class Server:
    """Answers writes of a status with the next of `answers`, and hands out numbered tokens."""

    def __init__(self, *answers: KubeError | None) -> None:
        self._answers = list(answers)
        self.written: list[dict[str, Any]] = []
        self.tokens: list[dict[str, Any]] = []

    async def apply(self, _res: object, _namespace: str, _name: str, body: dict[str, Any], **how: str) -> None:
        assert how == {"manager": "rem-local-node", "subresource": "status"}
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer
        self.written.append(body)

    async def request_token(self, namespace: str, service_account: str, **wanted: Any) -> str:
        if service_account == "none":
            raise KubeError(404, "NotFound", 'serviceaccounts "none" not found')
        self.tokens.append({"namespace": namespace, "account": service_account, **wanted})
        return f"token-{len(self.tokens)}"


async def _run_for_a_moment(writer: StatusWriter, *phases: str, say: list[str]) -> None:
    task = asyncio.create_task(writer.run())
    for phase in phases:
        say[0] = phase
        writer.changed.notify()
        await asyncio.sleep(0.05)
    task.cancel()


async def _written(server: Server, *phases: str) -> list[str]:
    say = [""]
    writer = StatusWriter(cast("Kube", server), META, lambda _: {"phase": say[0]})
    await _run_for_a_moment(writer, *phases, say=say)
    return [body["status"]["phase"] for body in server.written]


async def test_a_status_is_written_once_and_again_only_when_it_differs() -> None:
    server = Server()
    assert await _written(server, "Pending", "Pending", "Running", "Running") == ["Pending", "Running"]
    assert server.written[0]["metadata"]["uid"] == "u", "the write must not reach another pod of that name"


async def test_a_write_that_fails_is_tried_again_with_the_newest_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "_RETRY_SECONDS", 0.01)
    assert await _written(Server(KubeError(0, "Unreachable", "")), "Pending") == ["Pending"]


@pytest.mark.parametrize("status", [404, 409])
async def test_a_pod_that_is_gone_is_not_written_again(status: int) -> None:
    server = Server(KubeError(status, "NotFound", ""))
    assert await _written(server, "Pending", "Pending") == []


def _pod(expiration_seconds: int, account: str = "acme-api") -> Pod:
    token = {"serviceAccountToken": {"path": "token", "expirationSeconds": expiration_seconds, "audience": "sts"}}
    volume = {"name": "v", "projected": {"sources": [token]}}
    spec = {"containers": [], "volumes": [volume], "serviceAccountName": account}
    return Pod.model_validate({"metadata": META.model_dump(by_alias=True), "spec": spec})


async def test_a_token_is_bound_to_the_pod_and_kept_until_it_wants_renewal() -> None:
    server = Server()
    tokens = Tokens(cast("Kube", server))
    first = await tokens.gather(_pod(3600))
    assert await tokens.gather(_pod(3600)) == first
    assert server.tokens == [
        {
            "namespace": "n",
            "account": "acme-api",
            "audiences": ["sts"],
            "expiration_seconds": 3600,
            "pod": {"name": "p", "uid": "u"},
        }
    ]
    due = tokens.renew_in_seconds()
    assert due is not None
    assert 2800 < due <= 2880


async def test_a_token_past_its_renewal_is_requested_again() -> None:
    tokens = Tokens(cast("Kube", Server()))
    assert list((await tokens.gather(_pod(0))).values()) == ["token-1"]
    assert tokens.renew_in_seconds() == 0
    assert list((await tokens.gather(_pod(0))).values()) == ["token-2"]


async def test_a_refused_token_is_an_unresolved_reference() -> None:
    with pytest.raises(UnresolvedReferenceError, match=r'serviceaccount "none".*not found'):
        await Tokens(cast("Kube", Server())).gather(_pod(3600, account="none"))


def test_volumes_without_tokens_are_never_due(tmp_path: Path) -> None:
    assert PodVolumes(cast("Kube", Server()), tmp_path).renew_in_seconds() is None
