"""Listening: several small HTTP servers in one event loop, and one orderly stop on SIGTERM or SIGINT.

Owns sockets and signals, and knows nothing of what is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from rem_runtime.errors import ListenError

log = logging.getLogger(__name__)

_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Listener:
    """One application on one bound address."""

    app: ASGIApp
    sock: socket.socket
    shutdown_seconds: int = 5

    @property
    def url(self) -> str:
        host, port = self.sock.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int, *, group: str) -> socket.socket:
    """A bound, listening socket; `group` is the prefix of the variables that chose the address, for the error."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: with 0, asyncio does not recognise TCP, leaves Nagle on, and an answer may take 40 ms more.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        reason = error.strerror or str(error)
        raise ListenError(
            f"cannot listen on {host} port {port}: {reason}; choose another with {group}__HOST and {group}__PORT"
        ) from error
    return sock


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: two servers in one process would fight over them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Servers:
    """Several servers as one: they run together, and when one ends for whatever reason, all do."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._servers = [(_Server(_config(listener)), listener) for listener in listeners]
        self._stopping = False

    async def run(self) -> None:
        """Serves until `stop`, then lets requests in flight finish."""
        async with asyncio.TaskGroup() as group:
            for server, listener in self._servers:
                group.create_task(self._run_one(server, listener))

    def stop(self) -> None:
        """Ends `run`; the second time it cuts off what is still in flight."""
        for server, _ in self._servers:
            server.force_exit = self._stopping
            server.should_exit = True
        self._stopping = True

    async def _run_one(self, server: _Server, listener: Listener) -> None:
        try:
            await server.serve(sockets=[listener.sock])
        finally:
            for other, _ in self._servers:
                other.should_exit = True


async def serve(listeners: Sequence[Listener], *, companions: Sequence[Coroutine[Any, Any, None]] = ()) -> None:
    """Serves until SIGTERM or SIGINT; a second one is for those who cannot wait.

    Companions run as long as the servers do; a fault in one ends everything, so that it is not missed.
    """
    servers = Servers(listeners)

    def stop(number: signal.Signals) -> None:
        log.info("stopping", extra={"signal": number.name})
        servers.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    tasks = [asyncio.ensure_future(companion) for companion in companions]
    for task in tasks:
        task.add_done_callback(lambda task: _stop_after_fault(task, servers))
    try:
        await servers.run()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        await _end(tasks)


def _stop_after_fault(task: asyncio.Future[None], servers: Servers) -> None:
    """In order, so that requests in flight are answered and the sockets closed."""
    if not task.cancelled() and task.exception() is not None:
        servers.stop()


async def _end(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Cancels what still runs; raises an ExceptionGroup of the faults."""
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    if faults := [error for error in ended if isinstance(error, Exception)]:
        raise ExceptionGroup("a companion of the servers failed", faults)


def _config(listener: Listener) -> uvicorn.Config:
    return uvicorn.Config(
        listener.app,
        lifespan="off",  # what an application needs is opened before it listens, so that a failure is one clear line
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,  # longer than the gateways in front, or a reused connection is closed under them
        proxy_headers=False,  # nothing here trusts a forwarded address
        timeout_graceful_shutdown=listener.shutdown_seconds,
    )
