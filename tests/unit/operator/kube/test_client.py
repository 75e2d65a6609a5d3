"""What is sent, what is sent again, and which error each answer becomes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rem_operator.kube.access import Token
from rem_operator.kube.client import KubeClient
from rem_operator.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NamespaceTerminating,
    NotFound,
    NotServed,
    Throttled,
    Unauthorized,
    Unreachable,
)
from rem_operator.kube.resources import CLUSTERS, CONFIG_MAPS, JOBS, SECRETS, STORAGE_CLASSES

Connect = Callable[..., KubeClient]


def status(code: int, reason: str = "", **details: Any) -> tuple[int, dict[str, Any]]:
    return code, {"kind": "Status", "message": "told", "reason": reason, "details": details}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (status(404, "NotFound", name="x", kind="configmaps"), NotFound),
        (status(404, "NotFound"), NotServed),
        ((404, "404 page not found\n"), NotServed),
        (status(409, "AlreadyExists", name="x"), AlreadyExists),
        (status(409, "Conflict", name="x"), Conflict),
        (status(403, "Forbidden"), Forbidden),
        (status(403, "Forbidden", causes=[{"reason": "NamespaceTerminating"}]), NamespaceTerminating),
        (status(422, "Invalid"), Invalid),
        (status(400, "BadRequest"), Invalid),
        (status(429, "TooManyRequests"), Throttled),
        (status(401, "Unauthorized"), Unauthorized),
        (status(500, "InternalError"), Unreachable),
        (status(503, "ServiceUnavailable"), Unreachable),
        ((200, "not json"), Unreachable),
        (status(418), KubeError),
    ],
)
async def test_every_answer_becomes_its_error(api: Any, connect: Connect, answer: Any, error: type[KubeError]) -> None:
    api.answers = [answer]
    with pytest.raises(KubeError) as caught:
        await connect().get(CONFIG_MAPS, "ns", "x")
    assert type(caught.value) is error
    assert "get /api/v1/namespaces/ns/configmaps/x" in str(caught.value)


async def test_apply_is_server_side_apply_by_our_one_manager(api: Any, connect: Connect) -> None:
    api.answers = [(200, {"metadata": {}})]
    await connect().apply(JOBS, "ns", "j", {"kind": "Job"})
    [asked] = api.asked
    assert (asked.method, asked.path) == ("PATCH", "/apis/batch/v1/namespaces/ns/jobs/j")
    assert asked.query == {"fieldManager": "rem-operator", "force": "true", "fieldValidation": "Strict"}
    assert asked.headers["Content-Type"] == "application/apply-patch+yaml"
    assert asked.headers["Authorization"] == "Bearer t"
    assert asked.body == {"kind": "Job"}


async def test_status_is_applied_to_its_subresource(api: Any, connect: Connect) -> None:
    api.answers = [(200, {})]
    await connect().apply_status(CLUSTERS, "ns", "c", {})
    assert api.asked[0].path == "/apis/postgresql.cnpg.io/v1/namespaces/ns/clusters/c/status"


async def test_a_delete_names_the_uid(api: Any, connect: Connect) -> None:
    api.answers = [(200, {})]
    await connect().delete(CONFIG_MAPS, "ns", "x", uid="u")
    assert api.asked[0].body["preconditions"] == {"uid": "u"}
    assert api.asked[0].body["propagationPolicy"] == "Background"


async def test_a_list_fills_in_what_its_items_lack(api: Any, connect: Connect) -> None:
    api.answers = [(200, {"items": [{"metadata": {"name": "a"}}]})]
    [one] = await connect().list(STORAGE_CLASSES, label_selector="a=b")
    assert one == {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "a"}}
    assert api.asked[0].query == {"labelSelector": "a=b"}


@pytest.mark.parametrize("trouble", [status(500), status(503), ConnectionResetError])
async def test_what_can_be_repeated_is_repeated(api: Any, connect: Connect, trouble: Any) -> None:
    api.answers = [trouble, trouble, (200, {"ok": True})]
    assert await connect().apply(CONFIG_MAPS, "ns", "x", {}) == {"ok": True}
    assert len(api.asked) == 3


@pytest.mark.parametrize("trouble", [status(500), ConnectionResetError])
async def test_a_create_is_not_sent_twice(api: Any, connect: Connect, trouble: Any) -> None:
    api.answers = [trouble, (201, {})]
    with pytest.raises(Unreachable):
        await connect().create(SECRETS, "ns", {})
    assert len(api.asked) == 1


async def test_a_json_patch_is_not_sent_twice(api: Any, connect: Connect) -> None:
    api.answers = [status(500), (200, {})]
    with pytest.raises(Unreachable):
        await connect().patch(SECRETS, "ns", "x", [])
    assert len(api.asked) == 1


async def test_a_create_that_was_throttled_is_repeated_when_the_server_says(api: Any, connect: Connect) -> None:
    api.answers = [(*status(429), {"Retry-After": "0"}), (201, {"ok": True})]
    assert await connect().create(SECRETS, "ns", {}) == {"ok": True}


async def test_a_long_retry_after_is_left_to_the_queue(api: Any, connect: Connect) -> None:
    api.answers = [(*status(429), {"Retry-After": "60"})]
    with pytest.raises(Throttled) as caught:
        await connect().get(CONFIG_MAPS, "ns", "x")
    assert caught.value.retry_after_seconds == 60
    assert len(api.asked) == 1


async def test_no_answer_in_time_is_unreachable(connect: Connect) -> None:
    client = connect(attempts=2)
    object.__setattr__(client.access, "server", "http://127.0.0.1:1")
    with pytest.raises(Unreachable):
        await client.get(CONFIG_MAPS, "ns", "x")


async def test_a_renewed_token_is_used(api: Any, connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    now = 0.0
    client = connect(Token(file=file, clock=lambda: now))
    api.answers = [(200, {})]
    await client.get(CONFIG_MAPS, "ns", "x")
    file.write_text("second")
    await client.get(CONFIG_MAPS, "ns", "x")
    now = 61.0
    await client.get(CONFIG_MAPS, "ns", "x")
    assert [asked.headers["Authorization"] for asked in api.asked] == ["Bearer first", "Bearer first", "Bearer second"]


async def test_a_refused_token_is_read_again_at_once(api: Any, connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    client = connect(Token(file=file, clock=lambda: 0.0))
    client.access.token.headers()
    file.write_text("new")
    api.answers = [status(401), (200, {"ok": True})]
    assert await client.get(CONFIG_MAPS, "ns", "x") == {"ok": True}
    assert api.asked[-1].headers["Authorization"] == "Bearer new"


async def test_what_is_served_is_asked_per_group(api: Any, connect: Connect) -> None:
    api.answers = [
        (200, {"resources": [{"name": "clusters"}, {"name": "clusters/status"}]}),
        (404, "404 page not found"),
    ]
    client = connect()
    assert "clusters" in await client.served_kinds(CLUSTERS)
    assert await client.served_kinds(CLUSTERS) == frozenset()


async def test_every_request_is_counted_with_its_status(api: Any, connect: Connect) -> None:
    observed: list[tuple[str, str]] = []
    client = connect(in_flight=1)
    client._observe = lambda verb, code, seconds: observed.append((verb, code))
    api.answers = [status(404, "NotFound", name="x")]
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAPS, "ns", "x")
    assert observed == [("get", "404")]
