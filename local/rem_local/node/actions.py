"""What probes and lifecycle hooks do: exec, httpGet, tcpSocket, sleep.

Owns: doing one action once, against one running container. Must not be in it: when and how often (probes.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from rem_local import processes
from rem_local.node.environment import CommandLine
from rem_local.node.podspec import Action, Container, Exec, HttpGet, TcpSocket

_BODY_LENGTH = 200


class ActionFailedError(Exception):
    """The action ran and did not succeed, or took too long; the message says what was seen."""


@dataclass(frozen=True)
class Target:
    """The container that an action is about."""

    container: Container
    pod_ip: str
    command: CommandLine
    working_dir: Path
    scratch: Path
    rewrite: Callable[[str], str]
    http: aiohttp.ClientSession


async def perform(action: Action, target: Target, *, timeout_seconds: float) -> None:
    """Do it; raises ActionFailedError."""
    try:
        async with asyncio.timeout(timeout_seconds):
            await _perform(action, target)
    except TimeoutError:
        raise ActionFailedError(f"timed out after {timeout_seconds:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ActionFailedError(f"{type(error).__name__}: {error}") from error


async def _perform(action: Action, target: Target) -> None:
    if action.exec:
        await _execute(action.exec, target)
    elif action.http_get:
        await _get(action.http_get, target)
    elif action.tcp_socket:
        await _connect(action.tcp_socket, target)
    elif action.sleep:
        await asyncio.sleep(action.sleep.seconds)
    else:
        raise ActionFailedError("this node knows exec, httpGet, tcpSocket and sleep only; use one of these")


async def _execute(action: Exec, target: Target) -> None:
    with tempfile.TemporaryDirectory(prefix="exec-", dir=target.scratch) as directory:
        log = Path(directory) / "output"
        process = await processes.start(
            [target.rewrite(word) for word in action.command],
            env=target.command.env,
            log=log,
            cwd=target.working_dir,
        )
        try:
            code = await process.wait()
        finally:
            await process.stop(0)
        if code != 0:
            raise ActionFailedError(f"exit code {code}: {processes.tail_of(log, 3)[:_BODY_LENGTH]}")


async def _get(action: HttpGet, target: Target) -> None:
    host = action.host or target.pod_ip
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    url = f"{action.scheme.lower()}://{host}:{target.container.port_number(action.port)}{path}"
    headers = {"User-Agent": "kube-probe/rem-local", **{each.name: each.value for each in action.http_headers}}
    async with target.http.get(url, headers=headers, allow_redirects=False) as response:
        if not 200 <= response.status < 400:
            body = (await response.content.read(_BODY_LENGTH)).decode(errors="replace")
            raise ActionFailedError(f"HTTP {response.status} from {url}: {body}")


async def _connect(action: TcpSocket, target: Target) -> None:
    port = target.container.port_number(action.port)
    _, writer = await asyncio.open_connection(action.host or target.pod_ip, port)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
