"""An embedding endpoint on loopback that answers as scripted, and well when the script is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

Answer = tuple[int, dict[str, str], str]
Script = Callable[[dict[str, Any]], Answer]


class Server:
    """HTTP/1.1 on loopback; one scripted answer per request, then the good one."""

    def __init__(self) -> None:
        self.script: list[Script | Answer] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.pause_seconds = 0.0
        self.url = ""
        self.connections: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections[writer] = asyncio.current_task()
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                self.paths.append(first)
                self.headers.append(headers)
                self.requests.append(body)
                await asyncio.sleep(self.pause_seconds)
                step = self.script.pop(0) if self.script else good
                status, extra, content = step(body) if callable(step) else step
                lines = [f"HTTP/1.1 {status} X", f"content-length: {len(content.encode())}"]
                lines += [f"{name}: {value}" for name, value in extra.items()]
                writer.write(("\r\n".join(lines) + "\r\n\r\n" + content).encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def end(self) -> None:
        """What still runs, a client that left meanwhile for one, ends now."""
        tasks = [task for task in self.connections.values() if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def vector_of(text: str) -> list[float]:
    return [float(len(text)), 1.0, 2.0, 2.0]


def rows(texts: list[str]) -> list[dict[str, Any]]:
    return [{"index": number, "embedding": vector_of(text)} for number, text in enumerate(texts)]


def good(body: dict[str, Any]) -> Answer:
    """The rows in any order, as the protocol allows."""
    return 200, {}, json.dumps({"data": list(reversed(rows(body["input"])))})


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listening.close()
        await server.end()
