"""No body larger than the server takes: refused by its declared length, else while it is read. Pure ASGI, innermost.

FastAPI's own `max_body_size` answers in plain text from outside CORS; this one answers as everything else here does.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rem_runtime.api.problems import ProblemError


def too_large(max_bytes: int) -> ProblemError:
    """The 413."""
    return ProblemError(413, "too-large", f"the body is larger than {max_bytes} bytes; split the document")


class BodyLimitMiddleware:
    """Counts what is read."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _declared_length(scope) > self._max_bytes:
            await too_large(self._max_bytes).response()(scope, receive, send)
            return
        seen = 0

        async def counting() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                # Of what is raised while it reads a body, FastAPI lets only this one through to our handlers.
                raise HTTPException(413)
            return message

        await self._app(scope, counting, send)


def _declared_length(scope: Scope) -> int:
    value = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(value) if value.isdigit() else 0
