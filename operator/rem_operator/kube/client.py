"""A thin asynchronous client of the Kubernetes API over one aiohttp session.

Owns requests, time limits, retries and the translation of answers into `kube.errors`. Knows no kind by name and decides
nothing about objects; what is applied and pruned is decided in `kube.apply`.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from rem_crds.handoff import FIELD_MANAGER
from rem_operator.kube.access import Access
from rem_operator.kube.errors import KubeError, Throttled, Unauthorized, Unreachable, error_from_answer
from rem_operator.kube.resources import Resource

_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_JSON = "application/json"
_JSON_PATCH = "application/json-patch+json"

Observe = Callable[[str, str, float], None]
"""Told of every request: the verb, the HTTP status (0 when there was no answer), the seconds that it took."""

Objects = list[dict[str, Any]]  # inside the client `list` is a verb

_NEVER_SENT = "NeverSent"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often; seconds."""

    request_seconds: float = 30.0
    connect_seconds: float = 10.0
    attempts: int = 3
    backoff_seconds: float = 0.2
    patience_seconds: float = 5.0
    """The longest wait inside a request; when the server asks for more, the queue waits instead of a worker."""
    in_flight: int = 20


@dataclass(frozen=True, slots=True)
class _Call:
    """One request before it is sent."""

    verb: str
    method: str
    path: str
    query: Mapping[str, str]
    payload: Any = None
    content_type: str = _JSON
    repeatable: bool = True
    """Whether sending it twice is the same as sending it once."""

    @property
    def what(self) -> str:
        return f"{self.verb} {self.path}"


class KubeClient:
    """Get, list, apply, create, patch and delete; every failure is a `KubeError`."""

    def __init__(
        self,
        access: Access,
        session: aiohttp.ClientSession,
        *,
        limits: Limits | None = None,
        observe: Observe | None = None,
    ) -> None:
        self.access = access
        self.session = session
        self._limits = limits or Limits()
        self._observe = observe
        self._slots = asyncio.Semaphore(self._limits.in_flight)

    @classmethod
    def connect(cls, access: Access, *, limits: Limits | None = None, observe: Observe | None = None) -> Self:
        """A client with a session of its own. Its connections are not capped: every watch holds one for minutes."""
        connector = aiohttp.TCPConnector(limit=0, ssl=access.tls)
        session = aiohttp.ClientSession(connector=connector, headers={"User-Agent": FIELD_MANAGER})
        return cls(access, session, limits=limits, observe=observe)

    async def close(self) -> None:
        """Close the session and its connections."""
        await self.session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        """One object; NotFound when it is not there."""
        return await self._send(_Call("get", "GET", resource.path(namespace, name), {}))

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Objects:
        """Every object of a kind, in one namespace or in all, each with its apiVersion and kind."""
        query = {"labelSelector": label_selector, "fieldSelector": field_selector}
        answer = await self._send(
            _Call("list", "GET", resource.path(namespace), {key: value for key, value in query.items() if value})
        )
        known = {"apiVersion": resource.api_version, "kind": resource.kind}
        return [{**known, **item} for item in answer.get("items") or ()]

    async def apply(
        self, resource: Resource, namespace: str | None, name: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Server-side apply as our one field manager; what another manager had set of it becomes ours."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
        return await self._send(_Call("apply", "PATCH", resource.path(namespace, name), query, body, _APPLY))

    async def apply_status(
        self, resource: Resource, namespace: str | None, name: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Server-side apply on the status subresource."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
        path = resource.path(namespace, name, "status")
        return await self._send(_Call("apply_status", "PATCH", path, query, body, _APPLY))

    async def create(self, resource: Resource, namespace: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST; AlreadyExists when the name is taken. Never sent twice once the server may have seen it."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        return await self._send(_Call("create", "POST", resource.path(namespace), query, body, repeatable=False))

    async def patch(
        self, resource: Resource, namespace: str | None, name: str, operations: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """JSON patch; put a `test` operation in front to make sure of what is patched. Never sent twice."""
        call = _Call(
            "patch",
            "PATCH",
            resource.path(namespace, name),
            {"fieldManager": FIELD_MANAGER},
            list(operations),
            _JSON_PATCH,
            repeatable=False,
        )
        return await self._send(call)

    async def delete(
        self, resource: Resource, namespace: str | None, name: str, *, uid: str, propagation: str = "Background"
    ) -> None:
        """Delete the object with this uid. NotFound when it is gone, Conflict when another one bears the name."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": uid},
        }
        await self._send(_Call("delete", "DELETE", resource.path(namespace, name), {}, options))

    async def served_kinds(self, resource: Resource) -> frozenset[str]:
        """The plurals that the API server serves in a resource's group and version; none when it does not know them."""
        try:
            answer = await self._send(_Call("discover", "GET", resource.group_path, {}))
        except KubeError as error:
            if error.status == 404:
                return frozenset()
            raise
        return frozenset(entry["name"] for entry in answer.get("resources") or ())

    async def _send(self, call: _Call) -> dict[str, Any]:
        """Send, and send again where that is safe and may help."""
        attempt = 1
        while True:
            try:
                return await self._send_once(call)
            except KubeError as error:
                pause = self._pause(call, error, attempt)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                attempt += 1

    def _pause(self, call: _Call, error: KubeError, attempt: int) -> float | None:
        """Seconds until the next attempt, None to give up."""
        if attempt >= self._limits.attempts:
            return None
        if isinstance(error, Unauthorized):
            return 0.0  # the token file is read again, which may have been renewed
        if isinstance(error, Throttled):  # refused before it was processed, so that even a create may be repeated
            pause = error.retry_after_seconds if error.retry_after_seconds is not None else self._backoff(attempt)
            return pause if pause <= self._limits.patience_seconds else None
        if isinstance(error, Unreachable) and (call.repeatable or error.reason == _NEVER_SENT):
            return self._backoff(attempt)
        return None

    def _backoff(self, attempt: int) -> float:
        return self._limits.backoff_seconds * 2.0 ** (attempt - 1) * (0.5 + random.random())  # noqa: S311 - spread, not a secret

    async def _send_once(self, call: _Call) -> dict[str, Any]:
        started = time.monotonic()
        status = 0
        try:
            async with self._slots, self._request(call) as answer:
                body = _parsed(await answer.read())
                status = answer.status
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"{call.what}: {error}", reason=_NEVER_SENT) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"{call.what}: {error or type(error).__name__}") from error
        finally:
            if self._observe is not None:
                self._observe(call.verb, str(status), time.monotonic() - started)
        if status == 401:
            self.access.token.expire()
        if status >= 300:
            raise error_from_answer(status, body, what=call.what, retry_after=answer.headers.get("Retry-After"))
        if not isinstance(body, dict):
            raise Unreachable(f"{call.what}: the answer is not a JSON object", status=status)
        return body

    def _request(self, call: _Call) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self.session.request(
            call.method,
            self.access.server + call.path,
            params=call.query,
            data=None if call.payload is None else json.dumps(call.payload, separators=(",", ":")).encode(),
            headers={**self.access.token.headers(), "Accept": _JSON, "Content-Type": call.content_type},
            timeout=aiohttp.ClientTimeout(
                total=self._limits.request_seconds, sock_connect=self._limits.connect_seconds
            ),
            allow_redirects=False,
        )


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:  # a proxy or the API server's own plain-text 404
        return raw.decode(errors="replace")
