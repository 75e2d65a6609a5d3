"""`rem` as it is run, against a real server on loopback over a scripted memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from starlette.responses import PlainTextResponse

from rem_crds.handoff import make_api_key_file
from rem_runtime.api.auth.caller import Authenticator
from rem_runtime.api.auth.keys import KeyRing
from rem_runtime.api.statistics import StatisticsRefresher
from rem_runtime.app import create_app
from rem_runtime.client.cli import main
from rem_runtime.memory.answers import Hit, QueryAnswer
from rem_runtime.memory.caller import Caller, owner_for
from rem_runtime.memory.errors import DialectError, NotPermitted, UnreadableFile
from rem_runtime.memory.ingest import FileInput, FileResult
from rem_runtime.memory.store import Memory
from rem_runtime.monitoring import Metrics
from rem_runtime.serving import Listener, Servers, listen
from rem_runtime.settings import Settings, TenantSettings

KEY = "key of the test"


class RememberingMemory(Memory):
    """Keeps files by uri; answers every query with the results it was given, and notes it."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], FileInput] = {}
        self.queries: list[str] = []
        self.results: tuple[Hit, ...] = ()
        self.fails: list[Exception] = []
        self.refuses_after: int | None = None
        self.at_once = self.most_at_once = 0

    async def query(self, text: str, caller: Caller) -> QueryAnswer:
        self.queries.append(text)
        if "BAD" in text:
            raise DialectError("BAD is no clause", position=text.index("BAD"), hint="try LIMIT 5")
        return QueryAnswer(query=text, verb="SEARCH", defaults={}, took_ms={"total": 1.0}, results=self.results)

    async def read_file(self, file: FileInput, caller: Caller) -> Any:
        return file, caller

    async def store_file(self, read: Any) -> FileResult:
        file, caller = read
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        if self.fails:
            raise self.fails.pop()
        if self.refuses_after is not None and len(self.documents) >= self.refuses_after:
            raise NotPermitted("this key may no longer write")
        if b"refuse me" in file.data:
            raise UnreadableFile("this document asks to be refused", file_id=uuid4())
        key = (owner_for(caller, file.owner), file.uri)
        before = self.documents.get(key)
        self.documents[key] = file
        return FileResult(
            id=uuid4(),
            resource_id=uuid4(),
            uri=file.uri,
            label=file.uri,
            owner=key[0],
            media_type="text/plain",
            size_bytes=len(file.data),
            chunks=2,
            edges=1,
            created=before is None,
            unchanged=before == file,
            notes=("its pictures are not read",) if b"picture" in file.data else (),
        )

    async def refresh_statistics(self) -> bool:
        return True


@dataclass
class Server:
    """A running server and what it remembers."""

    url: str
    memory: RememberingMemory


@dataclass
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str
    lines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = self.out.splitlines()


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """The API on a free port, with one key that may do everything."""
    keys = tmp_path / "keys.json"
    keys.write_text(make_api_key_file(KEY, "test"))
    memory = RememberingMemory()
    app = create_app(
        Settings(tenant=TenantSettings(name="acme")),
        memory,
        authenticator=Authenticator(tenant="acme", keys=KeyRing(keys)),
        metrics=Metrics(),
        statistics=StatisticsRefresher(memory),
    )
    listener = Listener(app, listen("127.0.0.1", 0, group="API"))
    servers = Servers([listener])
    running = asyncio.create_task(servers.run())
    yield Server(listener.url, memory)
    servers.stop()
    await running


@pytest.fixture
def rem(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Awaitable[Ran]]:
    """Runs `rem` with the server's address and key; variables are set by keyword."""

    async def run(*argv: str | Path, **variables: str) -> Ran:
        for name, value in {"REM_URL": server.url, "REM_API_KEY": KEY, "COLUMNS": "200", **variables}.items():
            monkeypatch.setenv(name, value)
        code = await asyncio.to_thread(main, [str(argument) for argument in argv])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest_asyncio.fixture(loop_scope="session")
async def unused_http_server() -> AsyncIterator[str]:
    """Somebody else's server: answers everything with a page."""

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("<h1>It works!</h1>")(scope, receive, send)

    listener = Listener(page, listen("127.0.0.1", 0, group="API"))
    servers = Servers([listener])
    running = asyncio.create_task(servers.run())
    yield listener.url
    servers.stop()
    await running
