"""The application in this process: over a scripted memory (who was asked what), or over the real one."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from rem_crds.handoff import ApiKey, sha256_of_key
from rem_runtime.api.auth.caller import Authenticator
from rem_runtime.api.auth.keys import KeyRing
from rem_runtime.api.statistics import StatisticsRefresher
from rem_runtime.app import create_app
from rem_runtime.memory.answers import IngestResult, QueryAnswer, StoredDocument
from rem_runtime.memory.caller import Caller, owner_for
from rem_runtime.memory.embedding import Embedder, load_embedder
from rem_runtime.memory.errors import NotFound
from rem_runtime.memory.ingest import Document
from rem_runtime.memory.pool import open_pool
from rem_runtime.memory.schema import apply_schema
from rem_runtime.memory.store import Memory
from rem_runtime.monitoring import Metrics
from rem_runtime.settings import ApiSettings, EmbeddingSettings, Settings, TenantSettings

TENANT = "acme"

KEYS = {
    "everything": {"user": "", "scopes": ["read", "write", "admin", "impersonate", "sql"]},
    "ann": {"user": "ann", "scopes": ["read", "write"]},
    "reader": {"user": "bob", "scopes": ["read"]},
    "writer": {"user": "bob", "scopes": ["write"]},
    "admin": {"user": "root", "scopes": ["read", "write", "admin"]},
    "gateway": {"user": "", "scopes": ["read", "write", "impersonate"]},
}


def plain(name: str) -> str:
    """The key that a client of that name sends."""
    return f"key-of-{name}"


class ScriptedMemory(Memory):
    """Notes who asked; answers a little; raises what it is told to raise."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []
        self.fails: Exception | None = None

    def _called(self, caller: Caller) -> None:
        self.callers.append(caller)
        if self.fails is not None:
            raise self.fails

    async def schema_version(self) -> int:
        if self.fails is not None:
            raise self.fails
        return 1

    async def query(self, text: str, caller: Caller) -> QueryAnswer:
        self._called(caller)
        return QueryAnswer(query=text, verb="LOOKUP", defaults={}, took_ms={"total": 0.1}, results=())

    async def ingest(self, document: Document, caller: Caller) -> IngestResult:
        self._called(caller)
        owner = owner_for(caller, document.owner)
        return IngestResult(
            id=uuid4(),
            uri=document.uri,
            label=document.uri,
            owner=owner,
            chunks=1,
            edges=0,
            created=True,
            unchanged=False,
        )

    async def get_resource(self, resource_id: UUID, caller: Caller) -> StoredDocument:
        self._called(caller)
        raise NotFound(f"there is no resource {resource_id}")


def client_of(app: FastAPI, key: str = "", **headers: str) -> httpx.AsyncClient:
    """A client of the application; `key` is a name in KEYS, `x_user_id="ann"` a header."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if key:
        sent["Authorization"] = f"Bearer {plain(key)}"
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://rem.test", headers=sent)


def app_over(memory: Memory, *, keys: KeyRing | None, api: ApiSettings | None = None) -> FastAPI:
    """The real application over a memory."""
    settings = Settings(tenant=TenantSettings(name=TENANT), api=api or ApiSettings())
    return create_app(
        settings,
        memory,
        authenticator=Authenticator(tenant=TENANT, keys=keys),
        metrics=Metrics(),
        statistics=StatisticsRefresher(memory),
    )


def write_keys(file: Path, keys: Mapping[str, Mapping[str, Any]]) -> None:
    """Replaces the file's keys."""
    entries = [ApiKey(name=name, sha256=sha256_of_key(plain(name)), **value) for name, value in keys.items()]
    file.write_text(json.dumps([entry.model_dump(mode="json") for entry in entries]))


# Tests are no package, so what they share comes as fixtures.
@pytest.fixture
def connect() -> Callable[..., httpx.AsyncClient]:
    return client_of


@pytest.fixture
def make_app() -> Callable[..., FastAPI]:
    return app_over


@pytest.fixture
def replace_keys() -> Callable[[Path, Mapping[str, Mapping[str, Any]]], None]:
    return write_keys


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """The keys of KEYS, as the operator writes them."""
    file = tmp_path / "keys.json"
    write_keys(file, KEYS)
    return file


@pytest.fixture
def scripted() -> ScriptedMemory:
    return ScriptedMemory()


@pytest.fixture
def app(scripted: ScriptedMemory, keys_file: Path) -> FastAPI:
    """The application with API keys over a scripted memory."""
    return app_over(scripted, keys=KeyRing(keys_file))


@pytest.fixture
def open_app(scripted: ScriptedMemory) -> FastAPI:
    """The same with auth Disabled."""
    return app_over(scripted, keys=None)


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The real one, loaded once."""
    directory = EmbeddingSettings().directory
    if not (directory / "embedder.json").is_file():
        pytest.skip("the embedder is not converted yet: python -m rem_runtime.memory.embedding.convert")
    return load_embedder(directory)


@pytest_asyncio.fixture(loop_scope="session")
async def memory(database: Any, embedder: Embedder) -> AsyncIterator[Memory]:
    """The real memory in a fresh database with our tables."""
    owner = await asyncpg.connect(database.owner_dsn)
    await apply_schema(owner, app_role="rem_app", sql_role="rem_sql")
    await owner.close()
    pool = await open_pool(min_size=0, max_size=4, dsn=database.app_dsn)
    yield Memory(pool, embedder, tenant=TENANT)
    await pool.close()


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def served(memory: Memory, keys_file: Path) -> FastAPI:
    """The application with API keys over the real memory."""
    return app_over(memory, keys=KeyRing(keys_file))


@pytest_asyncio.fixture(loop_scope="session")
async def as_user(served: FastAPI) -> AsyncIterator[Callable[[str], httpx.AsyncClient]]:
    """Clients of users: `as_user("ann")` may read and write as Ann, `as_user("admin")` everything, as user root."""
    async with contextlib.AsyncExitStack() as stack:
        clients: dict[str, httpx.AsyncClient] = {}

        def client(user: str) -> httpx.AsyncClient:
            if user not in clients:
                clients[user] = (
                    client_of(served, "admin") if user == "admin" else client_of(served, "gateway", x_user_id=user)
                )
                stack.push_async_callback(clients[user].aclose)
            return clients[user]

        yield client
