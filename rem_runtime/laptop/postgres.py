"""One embedded PostgreSQL 18 with pgvector: made, started on a given address, stopped, and gone when we are gone.

Owns the server process and its directory (`data`, `log`, the superuser's password). What is inside the databases is
the caller's business. As root the server runs as another account, see `account`.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic
from types import TracebackType
from typing import Self
from urllib.parse import quote

from rem_runtime.laptop import supervise
from rem_runtime.laptop.account import hand_over, reachable_directory, server_account, sweep_substitutes
from rem_runtime.laptop.errors import EmbeddedPostgresError
from rem_runtime.laptop.installation import installed_postgres

SUPERUSER = "postgres"
# Bytewise order, case mapping of all of Unicode, the same on every machine.
# As the operator asks CloudNativePG for it; pg_trgm takes its letters from LC_CTYPE, and under C it sees ASCII only.
DEFAULT_INITDB_OPTIONS = ("--locale=C", "--lc-ctype=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
# For data that may be lost with the machine: tests and development clusters. A killed server loses nothing by it,
# which is why synchronous_commit stays on.
NOT_DURABLE: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}

# Nothing of ours leaks into the server: PGDATA and its like would change what it does.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_MISSING_LIBRARY = "error while loading shared libraries"
_INITDB_SECONDS = 120.0
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.01
_STATUS_LINE = 7  # of postmaster.pid, counted from 0: "ready" or "standby" once connections are accepted


class EmbeddedPostgres:
    """A PostgreSQL server in `directory`, listening on `host`:`port` (0: a free one) and nowhere else.

    A context manager, sync and async; `start` and `stop` may be called from any thread, and again. Clients
    authenticate by scram-sha-256; the superuser's password is made once and kept beside the data.
    """

    def __init__(
        self,
        directory: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 5432,
        parameters: Mapping[str, str] | None = None,
        initdb_options: Sequence[str] = DEFAULT_INITDB_OPTIONS,
        log_file: Path | None = None,
    ) -> None:
        self._account = server_account()
        # PostgreSQL is started from elsewhere: a relative path would mean another directory to it.
        self._preferred_directory = directory.absolute()
        self.directory = reachable_directory(self._preferred_directory, self._account)
        self.host = host
        self.port = port or _free_port(host)
        self._parameters = dict(parameters or {})
        self._initdb_options = tuple(initdb_options)
        self.log_file = log_file or self.directory / "log"
        """What the server, and before it initdb, wrote."""
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def data_directory(self) -> Path:
        """Where PostgreSQL keeps its files."""
        return self.directory / "data" / "pgdata"

    @property
    def running(self) -> bool:
        """Whether the server process that we started is still there."""
        return self._supervisor is not None and self._supervisor.poll() is None

    @property
    def password_file(self) -> Path:
        """Where the superuser's password is kept."""
        return self.directory / "superuser-password"

    @property
    def superuser_password(self) -> str:
        """The superuser's password; there after the first start."""
        try:
            return self.password_file.read_text()
        except FileNotFoundError:
            raise EmbeddedPostgresError(
                f"{self.password_file} is missing, and without it nobody can enter: put it back, or remove "
                f"{self.directory} to begin anew, without what is stored"
            ) from None

    @property
    def superuser_dsn(self) -> str:
        """A URL for the superuser and the database `postgres`."""
        return self.dsn()

    def dsn(self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None) -> str:
        """A URL for a database; the password is needed for everybody but the superuser."""
        secret = self.superuser_password if password is None else password
        credentials = f"{quote(user, safe='')}:{quote(secret, safe='')}"
        return f"postgresql://{credentials}@{self.host}:{self.port}/{quote(database, safe='')}"

    def start(self) -> None:
        """Make the data directory where there is none, start the server and return when it takes connections."""
        if self.running:
            return
        sweep_substitutes()
        installation = installed_postgres()
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._locked() as lock:
            self._initialise(installation)
            # Left by a server that was killed; its pid may belong to somebody else by now. The lock says it is gone.
            (self.data_directory / "postmaster.pid").unlink(missing_ok=True)
            self._supervisor = self._launch(installation, lock=lock)
        try:
            self._await_ready()
        except EmbeddedPostgresError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server fast, with a checkpoint; nothing happens when it does not run."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        assert supervisor.stdin is not None
        supervisor.stdin.close()
        try:
            supervisor.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise EmbeddedPostgresError(
                f"PostgreSQL (supervisor {supervisor.pid}) does not stop; {self._log_tail()}"
            ) from error

    def destroy(self) -> None:
        """Stop the server and remove its directory with all data."""
        self.stop()
        for directory in {self.directory, self._preferred_directory}:
            shutil.rmtree(directory, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Hold the directory's lock, which the server inherits; waits for one that is still stopping."""
        deadline = monotonic() + _STOP_SECONDS
        with (self.directory / "lock").open("a") as handle:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if monotonic() > deadline:
                        raise EmbeddedPostgresError(
                            f"another PostgreSQL runs in {self.directory}: stop it first"
                        ) from None
                    Event().wait(_POLL_SECONDS)
                else:
                    break
            yield handle.fileno()

    def _initialise(self, installation: Path) -> None:
        if (self.data_directory / "PG_VERSION").exists():
            return
        if self.data_directory.exists():  # never ours to clear: initdb's result is moved there whole
            raise EmbeddedPostgresError(
                f"{self.data_directory} has lost its PG_VERSION: restore it, or remove {self.directory} to begin anew, "
                "without what is stored"
            )
        # What an interrupted initdb left is not usable: it works beside the final place and is renamed.
        shutil.rmtree(self.data_directory.parent, ignore_errors=True)
        parent = hand_over(self.data_directory.parent, self._account)
        password = secrets.token_urlsafe(24)
        _write_secret(self.password_file, password)
        readable = parent / "password"  # initdb runs as the server's account
        _write_secret(readable, password)
        if self._account.switch:
            os.chown(readable, self._account.uid, self._account.gid)
        command = [
            str(installation / "bin" / "initdb"),
            f"--pgdata={parent / 'unfinished'}",
            f"--username={SUPERUSER}",
            f"--pwfile={readable}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-sync",
            "--no-instructions",
            *self._initdb_options,
        ]
        with self.log_file.open("ab") as log:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(installation),
                timeout=_INITDB_SECONDS,
                check=False,
                **self._account.identity,
            )
        readable.unlink()
        if done.returncode != 0:
            raise EmbeddedPostgresError(f"initdb failed; {self._log_tail()}")
        (parent / "unfinished").rename(self.data_directory)

    def _launch(self, installation: Path, *, lock: int) -> subprocess.Popen[bytes]:
        identity = (self._account.uid, self._account.gid) if self._account.switch else (-1, -1)
        supervisor = [sys.executable, "-I", "-S", str(supervise.__file__), *map(str, identity)]
        parameters = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": "",  # a socket's path has at most 107 bytes, and nobody needs one
            "cluster_name": self.directory.name,
            **self._parameters,
        }
        options = [f"--{name}={value}" for name, value in parameters.items()]
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                [*supervisor, str(installation / "bin" / "postgres"), "-D", str(self.data_directory), *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_environment(installation),
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C reaches us, and we end it in order
            )

    def _await_ready(self) -> None:
        assert self._supervisor is not None
        deadline = monotonic() + _START_SECONDS
        while not self._is_ready():
            try:
                self._supervisor.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                if monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"PostgreSQL is not ready after {_START_SECONDS:.0f} s; {self._log_tail()}"
                    ) from None
            else:
                raise EmbeddedPostgresError(f"PostgreSQL ended while it started; {self._log_tail()}")

    def _is_ready(self) -> bool:
        try:
            lines = (self.data_directory / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"

    def _log_tail(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        hint = (
            "install the system library that is named here; " if any(_MISSING_LIBRARY in line for line in lines) else ""
        )
        return f"{hint}the end of {self.log_file}:\n" + "\n".join(lines[-12:])


def _free_port(host: str) -> int:
    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


def _environment(installation: Path) -> dict[str, str]:
    # The wheel carries libraries that its libraries need, which the run path of the executables does not cover.
    return {**_ENVIRONMENT, "LD_LIBRARY_PATH": str(installation / "lib")}


def _write_secret(path: Path, value: str) -> None:
    path.touch(mode=0o600)
    path.write_text(value)
