"""The PostgreSQL servers behind the Clusters: one each, whatever `instances` says.

Owns: which Cluster has which server on which address, bootstrap, and superuser connections. Must not be in it: the
API server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from rem_local.addresses import AddressBlock
from rem_local.kube import Object
from rem_local.neighbours.cnpg.manifests import initdb_of
from rem_local.neighbours.cnpg.resources import POSTGRES_PORT
from rem_local.neighbours.cnpg.sql import identifier, literal
from rem_runtime.laptop.postgres import NOT_DURABLE, EmbeddedPostgres

_BOOTSTRAPPED = "bootstrapped"
_CONNECT_SECONDS = 10.0
# Options of the image that CloudNativePG runs, which have no meaning for one server on loopback.
_IGNORED_PARAMETERS = ("archive_mode", "archive_command", "listen_addresses", "port", "ssl", "unix_socket_directories")


class UnsupportedBootstrapError(Exception):
    """The stand-in makes new databases only: use bootstrap.initdb, or try recovery on a real cluster."""


@dataclass(eq=False)
class Instance:
    """One Cluster's server."""

    cluster_uid: str
    directory: Path
    address: str
    log_file: Path
    server: EmbeddedPostgres | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    system_id: str = ""
    ready: bool = False
    applied_secret_version: str = ""

    async def start(self, cluster: Object) -> None:
        """Start the server, or restart it when the Cluster's parameters changed; bootstrap it once."""
        parameters = parameters_of(cluster)
        if self.server is not None and self.server.running and self.parameters == parameters:
            return
        await self.stop()
        self.parameters = parameters
        self.server = EmbeddedPostgres(
            self.directory,
            host=self.address,
            port=POSTGRES_PORT,
            parameters=parameters,
            initdb_options=initdb_options(cluster),
            log_file=self.log_file,
        )
        await asyncio.to_thread(self.server.start)
        await self._bootstrap(cluster)
        async with self.connect() as connection:
            self.system_id = str(await connection.fetchval("SELECT system_identifier FROM pg_control_system()"))
        self.ready = True

    async def stop(self) -> None:
        """Stop the server; its data stays."""
        self.ready = False
        self.applied_secret_version = ""
        if self.server is not None:
            await asyncio.to_thread(self.server.stop)

    async def destroy(self) -> None:
        """Stop the server and remove its data."""
        self.ready = False
        if self.server is not None:
            await asyncio.to_thread(self.server.destroy)
            self.server = None

    @asynccontextmanager
    async def connect(self, database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
        """A superuser's connection to one database."""
        assert self.server is not None
        connection = await asyncpg.connect(self.server.dsn(database), timeout=_CONNECT_SECONDS)
        try:
            yield connection
        finally:
            await connection.close()

    async def _bootstrap(self, cluster: Object) -> None:
        assert self.server is not None
        marker = self.server.directory / _BOOTSTRAPPED
        if await asyncio.to_thread(marker.exists):
            return
        initdb = initdb_of(cluster)
        owner, database = str(initdb["owner"]), str(initdb["database"])
        try:
            async with self.connect() as connection:
                await connection.execute(f"CREATE ROLE {identifier(owner)} LOGIN")
                await _execute(connection, initdb.get("postInitSQL"))
            async with self.connect("template1") as connection:
                await _execute(connection, initdb.get("postInitTemplateSQL"))
            async with self.connect() as connection:
                await connection.execute(f"CREATE DATABASE {identifier(database)} OWNER {identifier(owner)}")
            async with self.connect(database) as connection:
                await _execute(connection, initdb.get("postInitApplicationSQL"))
        except asyncpg.PostgresError:
            # As the initdb Job of the real one: it starts again from nothing.
            await self.destroy()
            raise
        await asyncio.to_thread(marker.touch)

    async def set_owner_password(self, cluster: Object, password: str) -> None:
        """Give the owner the password of the application's Secret."""
        owner = identifier(str(initdb_of(cluster)["owner"]))
        async with self.connect() as connection:
            await connection.execute(f"ALTER ROLE {owner} PASSWORD {literal(password)}")


class Instances:
    """The servers of all Clusters, by namespace and name."""

    def __init__(self, block: AddressBlock, *, state_dir: Path, log_dir: Path) -> None:
        self._addresses = block.databases()
        self._state_dir = state_dir
        self._log_dir = log_dir
        self._instances: dict[tuple[str, str], Instance] = {}

    def get(self, namespace: str, name: str) -> Instance | None:
        """The server of a Cluster, running or not."""
        return self._instances.get((namespace, name))

    def running(self, namespace: str, cluster: Object) -> Instance | None:
        """The server of just this Cluster (not of one that had its name), when it takes connections."""
        instance = self.get(namespace, cluster["metadata"]["name"])
        if instance is None or not instance.ready or instance.cluster_uid != cluster["metadata"]["uid"]:
            return None
        return instance

    def ensure(self, cluster: Object) -> Instance:
        """The server of a Cluster; not started here."""
        metadata = cluster["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if key not in self._instances:
            title = f"{metadata['namespace']}.{metadata['name']}"
            self._log_dir.mkdir(parents=True, exist_ok=True)
            self._instances[key] = Instance(
                cluster_uid=metadata["uid"],
                directory=self._state_dir / "postgres" / f"{title}.{metadata['uid'][:8]}",
                address=self._addresses.take(),
                log_file=self._log_dir / f"postgres.{title}.log",
            )
        return self._instances[key]

    async def remove(self, namespace: str, name: str) -> None:
        """Destroy a Cluster's server with its data, and free its address."""
        instance = self._instances.pop((namespace, name), None)
        if instance is not None:
            await instance.destroy()
            self._addresses.give_back(instance.address)

    async def stop_all(self) -> None:
        """Stop every server; data stays."""
        await asyncio.gather(*(instance.stop() for instance in self._instances.values()))


def parameters_of(cluster: Object) -> dict[str, str]:
    """The server's parameters: the Cluster's, without those that make no sense for a server on loopback."""
    postgresql = cluster["spec"].get("postgresql") or {}
    given = {name: str(value) for name, value in (postgresql.get("parameters") or {}).items()}
    libraries = postgresql.get("shared_preload_libraries") or []
    if libraries:
        given["shared_preload_libraries"] = ",".join(libraries)
    return {**{name: value for name, value in given.items() if name not in _IGNORED_PARAMETERS}, **NOT_DURABLE}


def initdb_options(cluster: Object) -> tuple[str, ...]:
    """The options of initdb, with the defaults of CloudNativePG: UTF8, and C for what is not said."""
    unsupported = sorted(set(cluster["spec"].get("bootstrap") or {}) - {"initdb"})
    if unsupported:
        raise UnsupportedBootstrapError(f"bootstrap.{unsupported[0]}: {UnsupportedBootstrapError.__doc__}")
    initdb = initdb_of(cluster)
    default = None if initdb.get("locale") else "C"
    options: dict[str, Any] = {
        "encoding": initdb.get("encoding") or "UTF8",
        "locale": initdb.get("locale"),
        "lc-collate": initdb.get("localeCollate") or default,
        "lc-ctype": initdb.get("localeCType") or default,
        "locale-provider": initdb.get("localeProvider"),
        "builtin-locale": initdb.get("builtinLocale"),
        "icu-locale": initdb.get("icuLocale"),
        "icu-rules": initdb.get("icuRules"),
        "wal-segsize": initdb.get("walSegmentSize"),
    }
    return tuple(f"--{name}={value}" for name, value in options.items() if value)


async def _execute(connection: asyncpg.Connection, statements: list[str] | None) -> None:
    for statement in statements or ():
        await connection.execute(statement)
