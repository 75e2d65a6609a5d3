"""The tenant's API as `rem` sees it: requests, bounded retries, and problems turned into client errors.

Prints nothing; `render.py` does.
"""

from __future__ import annotations

import asyncio
import posixpath
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from rem_runtime.client.errors import ClientError, InvalidQueryError, NotAllowedError, RefusedError, UnreachableError
from rem_runtime.client.settings import ClientSettings

# Everything that `rem` sends may be repeated: a document replaces itself, a query changes nothing.
_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
# A large file is read, cut and embedded before it is answered: a small server manages a few pages a second.
_BYTES_PER_SECOND = 20_000
# Not repeated by itself: the second answer would count nothing.
_FORGETTING_SECONDS = 600.0
_TRY_AGAIN = frozenset({429, 502, 503, 504})


class RemClient:
    """`async with RemClient(settings) as client`; `transport` is for tests against an application in this process."""

    def __init__(self, settings: ClientSettings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        key = settings.api_key.get_secret_value()
        self._settings = settings
        self._http = httpx.AsyncClient(
            base_url=settings.url + "/api/v1",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=settings.timeout_seconds,
            transport=transport,
        )

    async def __aenter__(self) -> RemClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def query(self, text: str) -> dict[str, Any]:
        """The answer to one query of the dialect."""
        return await self._post("/query", {"query": text})

    async def put_file(self, *, uri: str, content: bytes, owner: str) -> dict[str, Any]:
        """Stores one file; the same again changes nothing (`unchanged`). The server finds out what format it is."""
        response = await self._send(
            "/files",
            extra_seconds=len(content) / _BYTES_PER_SECOND,
            data={"uri": uri, "owner": owner},
            files={"file": (posixpath.basename(uri), content, "application/octet-stream")},
        )
        return _answer_of(response, {}, self._settings)

    async def forget_user(self, user: str) -> dict[str, Any]:
        """Erases everything of a user, which may take minutes; how many things of each kind that was."""
        path = f"/users/{quote(user, safe='')}"
        timeout = max(_FORGETTING_SECONDS, self._settings.timeout_seconds)
        try:
            response = await self._http.delete(path, params={"purge": "true"}, timeout=timeout)
        except httpx.TransportError as error:
            raise _unreachable(self._settings, error) from error
        return _answer_of(response, {}, self._settings)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return _answer_of(await self._send(path, json=body), body, self._settings)

    async def _send(self, path: str, *, extra_seconds: float = 0.0, **content: Any) -> httpx.Response:
        seconds = self._settings.timeout_seconds + extra_seconds
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = await self._http.post(path, timeout=seconds, **content)
            except httpx.TransportError as error:
                # Nobody listening is told at once; a connection that broke on the way is tried again.
                if attempt == _ATTEMPTS or isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol):
                    raise _unreachable(self._settings, error) from error
                await asyncio.sleep(_pause_seconds(attempt, None))
                continue
            if response.status_code not in _TRY_AGAIN or attempt == _ATTEMPTS:
                return response
            await asyncio.sleep(_pause_seconds(attempt, response.headers.get("Retry-After")))
        raise AssertionError("the last attempt returns or raises")


def _answer_of(response: httpx.Response, body: dict[str, Any], settings: ClientSettings) -> dict[str, Any]:
    if not response.is_success:
        raise _error_of(response, body, settings)
    answer = _json_of(response)
    if isinstance(answer, dict):
        return answer
    raise ClientError(f"{settings.url} answered, but not as REM does; check REM_URL")


def _pause_seconds(attempt: int, retry_after: str | None) -> float:
    asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
    return min(max(asked, _FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1)), _LONGEST_PAUSE_SECONDS)


def _unreachable(settings: ClientSettings, error: httpx.TransportError) -> UnreachableError:
    if isinstance(error, httpx.TimeoutException):
        waited = f"{settings.timeout_seconds:g} s"
        return UnreachableError(
            f"{settings.url} did not answer within {waited}; raise REM_TIMEOUT_SECONDS to wait longer"
        )
    return UnreachableError(
        f"nobody answers at {settings.url} ({error}); is it running? REM_URL says where the tenant's API is"
    )


def _error_of(response: httpx.Response, body: dict[str, Any], settings: ClientSettings) -> ClientError:
    problem = _json_of(response)
    if not isinstance(problem, dict) or "detail" not in problem:
        return RefusedError(f"{settings.url} answered {response.status_code}, not as REM does; check REM_URL")
    detail = str(problem["detail"])
    if response.status_code == 401:
        return NotAllowedError(f"{detail} (set REM_API_KEY to a key of this tenant)")
    if response.status_code == 403:
        return NotAllowedError(detail)
    if problem.get("type") == "urn:rem:problem:invalid-query":
        position = problem.get("position")
        return InvalidQueryError(
            detail,
            query=str(body.get("query", "")),
            position=position if isinstance(position, int) else None,
            hint=str(problem.get("hint") or ""),
        )
    # The detail of a body that is not valid lists its errors already.
    further = [error for error in _field_errors(problem) if error not in detail]
    return RefusedError("; ".join([detail, *further]))


def _field_errors(problem: dict[str, Any]) -> list[str]:
    errors = problem.get("errors")
    return [f"{item['pointer']}: {item['detail']}" for item in errors] if isinstance(errors, list) else []


def _json_of(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
