"""`rem forget`: what is asked, what is sent, what is shown; against a server of one endpoint."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import JSONResponse

from rem_runtime.client.cli import main
from rem_runtime.memory.erasure import ErasureReport
from rem_runtime.serving import Listener, Servers, listen

from .conftest import Ran

REPORT = ErasureReport(purged=True, resources=3, messages=12_345, edges=4, chunks=7, derived=2, terms=11)


@dataclass
class Endpoint:
    """What a server was asked, and what it answers."""

    url: str = ""
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)
    status: int = 200
    body: Any = None


@pytest_asyncio.fixture(loop_scope="session")
async def endpoint() -> AsyncIterator[Endpoint]:
    one = Endpoint(body=REPORT.model_dump(mode="json"))

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        path = scope["raw_path"].decode()
        one.asked.append((request.method, path, request.url.query, request.headers.get("authorization", "")))
        await JSONResponse(one.body, status_code=one.status)(scope, receive, send)

    listener = Listener(answer, listen("127.0.0.1", 0, group="API"))
    servers = Servers([listener])
    running = asyncio.create_task(servers.run())
    one.url = listener.url
    yield one
    servers.stop()
    await running


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def rem(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Awaitable[Ran]]:
    async def run(*argv: str, typed: str | None = None) -> Ran:
        monkeypatch.setenv("REM_URL", endpoint.url)
        monkeypatch.setenv("REM_API_KEY", "key")
        monkeypatch.setattr("sys.stdin", io.StringIO() if typed is None else Terminal(typed))
        code = await asyncio.to_thread(main, ["forget", *argv])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


async def test_counts_are_a_table(rem: Any, endpoint: Endpoint) -> None:
    ran = await rem("user/ann", "--yes")
    assert (ran.code, ran.err) == (0, "")
    assert endpoint.asked == [("DELETE", "/api/v1/users/ann", "purge=true", "Bearer key")]
    assert ran.lines == [
        "Erased of the user 'ann':",
        "  resources       3",
        "  messages   12,345",
        "  edges           4",
        "  chunks          7",
        "  derived         2",
        "  terms          11",
    ]


async def test_nothing_there_is_said(rem: Any, endpoint: Endpoint) -> None:
    endpoint.body = ErasureReport(purged=True).model_dump(mode="json")
    assert (await rem("user/ann", "--yes")).out == "Nothing of the user 'ann' was there.\n"


async def test_json_is_the_servers_answer(rem: Any, endpoint: Endpoint) -> None:
    assert json.loads((await rem("user/ann", "--yes", "--json")).out) == endpoint.body


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("Yes\n", 0), ("\n", 5), ("n\n", 5), ("", 5), ("ann\n", 5)])
async def test_on_a_terminal_it_asks(rem: Any, endpoint: Endpoint, typed: str, code: int) -> None:
    ran = await rem("user/ann", typed=typed)
    assert ran.code == code
    assert f"Erase everything of the user 'ann' at {endpoint.url}? Nothing brings it back. [y/N]" in ran.err
    assert len(endpoint.asked) == (code == 0)
    assert ("nothing was erased" in ran.err) == (code == 5)


async def test_where_nobody_can_be_asked_it_does_not_guess(rem: Any, endpoint: Endpoint) -> None:
    ran = await rem("user/ann")
    assert (ran.code, "--yes" in ran.err, endpoint.asked) == (2, True, [])


@pytest.mark.parametrize("target", ["ann", "user/", "user/ ", "users/ann", "entity/ann", ""])
async def test_it_takes_a_user_only(rem: Any, endpoint: Endpoint, target: str) -> None:
    ran = await rem(target, "--yes")
    assert (ran.code, "user/ID" in ran.err, endpoint.asked) == (2, True, [])


async def test_an_odd_id_is_one_part_of_the_path(rem: Any, endpoint: Endpoint) -> None:
    ran = await rem("user/a/b c?d=ü@x.example", "--yes")
    assert ran.code == 0
    assert endpoint.asked[0][1:3] == ("/api/v1/users/a%2Fb%20c%3Fd%3D%C3%BC%40x.example", "purge=true")


async def test_a_refusal_is_told_and_not_repeated(rem: Any, endpoint: Endpoint) -> None:
    endpoint.status, endpoint.body = 403, {"detail": "forgetting a user needs the scope admin"}
    ran = await rem("user/ann", "--yes")
    assert (ran.code, ran.err) == (4, "rem: forgetting a user needs the scope admin\n")
    endpoint.status, endpoint.body = 503, {"detail": "the database is away"}
    ran = await rem("user/ann", "--yes")
    assert (ran.code, ran.err) == (1, "rem: the database is away\n")
    assert len(endpoint.asked) == 2
