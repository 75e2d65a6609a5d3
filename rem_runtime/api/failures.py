"""Which exception becomes which problem: the only table of the kind, registered once by the application.

What a stranger may read is in `detail`; whatever names hosts, users or statements goes to the log instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import asyncpg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rem_runtime.api.media_types import wrong_media_type
from rem_runtime.api.problems import ProblemError
from rem_runtime.database import DATABASE_AWAY
from rem_runtime.memory.errors import (
    Busy,
    Conflict,
    DialectError,
    EmbedderUnavailable,
    InvalidInput,
    MemoryFault,
    NotAvailable,
    NotFound,
    NotPermitted,
    PreconditionFailed,
    SchemaError,
    UnreadableFile,
)

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 2
BUSY_RETRY_AFTER_SECONDS = 10


def register_failures(app: FastAPI) -> None:
    """Every exception that an endpoint lets through, as a problem."""

    def handle(kind: type[Exception], translate: Callable[[Any], ProblemError]) -> None:
        async def handler(_: Request, error: Exception) -> Response:
            return translate(error).response()

        app.add_exception_handler(kind, handler)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            error.headers = {"Allow": ", ".join(_methods_of(request))}
        return _of_http(error).response()

    async def validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return (wrong_media_type(request) or _of_validation(error)).response()

    app.add_exception_handler(RequestValidationError, validation)
    handle(ProblemError, lambda error: error)
    app.add_exception_handler(HTTPException, http)
    handle(MemoryFault, _of_memory)
    for kind in DATABASE_AWAY:
        handle(kind, _database_away)
    handle(asyncpg.DataError, _unfit)
    handle(UnicodeEncodeError, _unfit)
    handle(asyncpg.ProgramLimitExceededError, _too_long)


def _database_away(error: Exception) -> ProblemError:
    """503, with the reason in the log."""
    if isinstance(error, ValueError):
        # asyncpg's own check of a value, an InterfaceError by descent.
        return _unfit(error)
    log.warning("database not available", extra={"error": type(error).__name__, "reason": str(error)})
    return ProblemError(
        503,
        "database-unavailable",
        f"the database does not answer now; try again in {RETRY_AFTER_SECONDS} s",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _unfit(error: Exception) -> ProblemError:
    """A value that PostgreSQL cannot hold: U+0000, half a surrogate pair, a number out of range."""
    log.warning("value does not fit the database", extra={"error": type(error).__name__, "reason": str(error)})
    return ProblemError(
        422, "invalid-input", "a value cannot be stored: U+0000, half a surrogate pair, or a number out of range"
    )


def _too_long(error: Exception) -> ProblemError:
    """A value that an index cannot hold; what has a bound of its own is refused before."""
    log.warning("value does not fit an index", extra={"error": type(error).__name__})
    return ProblemError(422, "invalid-input", "a value is too long to be found by it: shorten the uri, or the name")


# DialectError and SchemaError say more than a status; any other fault of the memory is one of ours.
_MEMORY: dict[type[MemoryFault], tuple[int, str]] = {
    NotAvailable: (501, "not-available"),
    InvalidInput: (422, "invalid-input"),
    UnreadableFile: (422, "unreadable-file"),
    NotPermitted: (403, "not-permitted"),
    NotFound: (404, "not-found"),
    Conflict: (409, "conflict"),
    PreconditionFailed: (412, "precondition-failed"),
    Busy: (503, "busy"),
}


def _of_memory(fault: MemoryFault) -> ProblemError:
    if isinstance(fault, DialectError):
        members = {"position": fault.position, "hint": fault.hint}
        return ProblemError(400, "invalid-query", fault.reason, members=members)
    if isinstance(fault, SchemaError):
        log.warning("schema not usable", extra={"reason": str(fault)})
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return ProblemError(503, "schema-not-ready", str(fault), headers=retry)
    if isinstance(fault, EmbedderUnavailable):
        log.warning("embedder not available", extra={"reason": str(fault)})
        detail = "the model that makes vectors does not answer now; try again, or ask with MODE lexical"
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return ProblemError(503, "embedder-unavailable", detail, headers=retry)
    if isinstance(fault, UnreadableFile):
        members = {"file_id": str(fault.file_id)}
        return ProblemError(422, "unreadable-file", str(fault), members=members)
    if type(fault) in _MEMORY:
        status, kind = _MEMORY[type(fault)]
        headers = {"Retry-After": str(BUSY_RETRY_AFTER_SECONDS)} if status == 503 else {}
        return ProblemError(status, kind, str(fault), headers=headers)
    return _fault(fault)


def _fault(error: Exception) -> ProblemError:
    log.error("request failed", exc_info=error)
    return ProblemError(500, "internal-error", "a fault in the server; its log has the details")


def _methods_of(request: Request) -> list[str]:
    """What the path takes, of all its routes: the framework names those of the first."""
    routes = [route for route in iter_route_contexts(request.app.routes) if route.methods]
    matching = [route for route in routes if route.path_regex.match(request.url.path)]
    return sorted({method for route in matching for method in route.methods or ()})


def _of_http(error: HTTPException) -> ProblemError:
    match error.status_code:
        case 404:
            kind, detail = "no-such-path", "there is nothing at this path; /api/v1/openapi.json lists what there is"
        case 405:
            kind, detail = "method-not-allowed", "this path does not take that method; see the Allow header"
        case 400:
            kind, detail = "invalid-body", f"the body cannot be read: {error.detail}"
        case 413:
            kind, detail = "too-large", str(error.detail)
        case _:
            kind, detail = "http-error", str(error.detail)
    return ProblemError(error.status_code, kind, detail, headers=error.headers)


def _of_validation(error: RequestValidationError) -> ProblemError:
    items = list(error.errors())
    if any(item["type"] == "json_invalid" for item in items):
        return ProblemError(400, "invalid-json", f"the body is not JSON: {items[0]['ctx']['error']}")
    if any(tuple(item["loc"]) == ("body",) for item in items):
        return ProblemError(422, "invalid-request", "send a JSON object, with Content-Type: application/json")
    errors = [_field_error(item) for item in items]
    detail = "; ".join(f"{field['pointer']}: {field['detail']}" for field in errors)
    return ProblemError(422, "invalid-request", detail, members={"errors": errors})


def _field_error(item: dict[str, Any]) -> dict[str, str]:
    """One field: a JSON pointer into the body, or the name of a parameter. The value itself is not repeated."""
    source, *path = item["loc"]
    pointer = "/" + "/".join(map(str, path)) if source == "body" else ".".join(map(str, path))
    return {"in": str(source), "pointer": pointer, "detail": item["msg"]}
