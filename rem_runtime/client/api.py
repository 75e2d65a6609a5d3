"""The tenant's API as `rem` sees it: requests, bounded retries, and problems turned into client errors.

Prints nothing; `render.py` does.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

import httpx

from rem_runtime.client.errors import ClientError, InvalidQueryError, NotAllowedError, RefusedError, UnreachableError
from rem_runtime.client.settings import ClientSettings

# Everything that `rem` sends may be repeated: a document replaces itself, a query changes nothing.
_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
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

    async def put_resource(self, *, uri: str, media_type: str, content: str, owner: str) -> dict[str, Any]:
        """Stores one document; the same content again changes nothing (`unchanged`)."""
        body = {"uri": uri, "media_type": media_type, "content": content, "owner": owner}
        return await self._post("/resources", body)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await self._send(path, body)
        if response.is_success:
            answer = _json_of(response)
            if isinstance(answer, dict):
                return answer
            raise ClientError(f"{self._settings.url} answered, but not as REM does; check REM_URL")
        raise _error_of(response, body, self._settings)

    async def _send(self, path: str, body: dict[str, Any]) -> httpx.Response:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = await self._http.post(path, json=body)
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
