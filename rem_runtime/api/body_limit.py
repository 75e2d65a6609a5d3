"""No body larger than the server takes: refused by its declared length, else while it is read. Pure ASGI, innermost.

FastAPI's own `max_body_size` answers in plain text from outside CORS; this one answers as everything else here does.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rem_runtime.api.problems import ProblemError


def too_large(max_bytes: int) -> ProblemError:
    """The 413."""
    return ProblemError(413, "too-large", f"the body is larger than {max_bytes} bytes; split the document")


def _limit_of(scope: Scope, max_bytes: int, larger: Mapping[str, int]) -> int:
    return larger.get(scope["path"], max_bytes) if scope["method"] == "POST" else max_bytes


class BodyLimitMiddleware:
    """Counts what is read. `larger` names the exact paths to which more may be posted, in bytes."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = _limit_of(scope, self._max_bytes, self._larger)
        if _declared_length(scope) > limit:
            await too_large(limit).response()(scope, receive, send)
            return
        seen = 0

        async def counting() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                # Of what is raised while it reads a body, FastAPI lets only this one through to our handlers.
                raise HTTPException(413, detail=too_large(limit).detail)
            return message

        await self._app(scope, counting, send)


def _declared_length(scope: Scope) -> int:
    value = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(value) if value.isdigit() else 0
