"""A thin asynchronous client of the API server, for the node and the neighbours.

Owns: requests with the cluster-admin token, server-side apply, and list+watch that never gives up. Must not be
in it: caches, retries of writes, or anything about one kind. The operator has a client of its own: what ships
does not import the development cluster.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

Object = dict[str, Any]
# Named here, because inside the class `list` is the method.
Objects = list[Object]
Strings = list[str]

_LIST_PAGE = 500
_WATCH_SECONDS = 300
# The watch cache sends a bookmark about once a minute; two missed ones mean that the connection is dead.
_SILENCE_SECONDS = 150.0
_REQUEST_SECONDS = 60.0
_THROTTLED_ATTEMPTS = 8
_BACKOFF_SECONDS = (0.1, 0.3, 1.0, 2.0)
# A watch that is answered with one of these can not succeed later either: the caller has a bug.
_HOPELESS = frozenset({400, 401, 403, 405, 406, 415, 422})


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind as the API server serves it; `group` is "" for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of the collection, of one object, or of its subresource."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part is not None]
        return "/".join(parts)


CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap")
EVENTS = Resource("", "v1", "events", "Event")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
PERSISTENT_VOLUME_CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
PODS = Resource("", "v1", "pods", "Pod")
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICES = Resource("", "v1", "services", "Service")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
HORIZONTAL_POD_AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
CRON_JOBS = Resource("batch", "v1", "cronjobs", "CronJob")
JOBS = Resource("batch", "v1", "jobs", "Job")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)


class KubeError(Exception):
    """The API server refused a request, or could not be reached (then `status` is 0)."""

    def __init__(self, status: int, reason: str, message: str, body: Object | None = None) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.body = body or {}


def _error_of(status: int, text: str) -> KubeError:
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return KubeError(status, "Unknown", text.strip()[:500])
    return KubeError(status, str(body.get("reason") or "Unknown"), str(body.get("message") or text), body)


class Kube:
    """`async with Kube(server, token, ca_file) as kube`; belongs to the event loop that entered it."""

    def __init__(self, server: str, token: str, ca_file: Path) -> None:
        self.server = server.rstrip("/")
        self._token = token
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(cafile=str(self._ca_file))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, res: Resource, namespace: str | None, name: str) -> Object | None:
        """One object, or None when it is not there."""
        try:
            return await self._call("GET", res.path(namespace, name))
        except KubeError as error:
            if error.status == 404:
                return None
            raise

    async def list(
        self,
        res: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Objects:
        """Every object of the kind, of all namespaces when `namespace` is None."""
        items, _ = await self._list(res, namespace, _selectors(label_selector, field_selector))
        return items

    async def create(self, res: Resource, namespace: str | None, body: Object) -> Object:
        """POST; raises KubeError(409, "AlreadyExists") when the name is taken."""
        return await self._call("POST", res.path(namespace), body=body)

    async def replace(
        self, res: Resource, namespace: str | None, name: str, body: Object, *, subresource: str | None = None
    ) -> Object:
        """PUT; raises KubeError(409, "Conflict") when `metadata.resourceVersion` in the body is old."""
        return await self._call("PUT", res.path(namespace, name, subresource), body=body)

    async def apply(
        self,
        res: Resource,
        namespace: str | None,
        name: str,
        body: Object,
        *,
        manager: str,
        subresource: str | None = None,
    ) -> Object:
        """Server-side apply as field manager `manager`, taking fields over from others."""
        return await self._call(
            "PATCH",
            res.path(namespace, name, subresource),
            body={"apiVersion": res.api_version, "kind": res.kind, **body},
            params={"fieldManager": manager, "force": "true"},
            content_type="application/apply-patch+yaml",
        )

    async def merge(
        self, res: Resource, namespace: str | None, name: str, patch: Object, *, subresource: str | None = None
    ) -> Object | None:
        """JSON merge patch; None when the object is gone."""
        path = res.path(namespace, name, subresource)
        try:
            return await self._call("PATCH", path, body=patch, content_type="application/merge-patch+json")
        except KubeError as error:
            if error.status == 404:
                return None
            raise

    async def delete(
        self,
        res: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        grace_seconds: int | None = None,
    ) -> None:
        """Delete in the background; an absent object, or one with another `uid`, is left as it is."""
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        try:
            await self._call("DELETE", res.path(namespace, name), body=body)
        except KubeError as error:
            if error.status != 404 and not (uid is not None and error.status == 409):
                raise

    async def request_token(
        self,
        namespace: str,
        service_account: str,
        *,
        audiences: Strings | None = None,
        expiration_seconds: int = 3607,
        pod: Object | None = None,
    ) -> str:
        """A token of a ServiceAccount, bound to `pod` ({name, uid}) when one is given."""
        spec: Object = {"expirationSeconds": expiration_seconds, "audiences": audiences or []}
        if pod is not None:
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", **pod}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = await self._call("POST", SERVICE_ACCOUNTS.path(namespace, service_account, "token"), body=body)
        return str(answer["status"]["token"])

    async def watch(
        self,
        res: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> AsyncIterator[tuple[str, Object]]:
        """Yield ("ADDED" | "MODIFIED" | "DELETED", object) for ever, starting with what is there.

        A lost connection or an expired resourceVersion is repaired by a new list, and the difference to what was
        seen before is yielded as events, so a deletion is never missed. A kind that is not served yet is waited for.
        """
        selectors = _selectors(label_selector, field_selector)
        seen: dict[tuple[str, str], Object] = {}
        failures = 0
        while True:
            try:
                items, version = await self._list(res, namespace, selectors)
                for event in _difference(seen, items):
                    yield event
                failures = 0
                async for event in self._follow(res, namespace, {**selectors, "resourceVersion": version}):
                    _remember(seen, event)
                    yield event
                await asyncio.sleep(_backoff(failures))
            except KubeError as error:
                if error.status in _HOPELESS:
                    raise
                await asyncio.sleep(_backoff(failures))
                failures += 1

    async def _follow(
        self, res: Resource, namespace: str | None, params: dict[str, str]
    ) -> AsyncIterator[tuple[str, Object]]:
        """Watch from params["resourceVersion"], reconnecting; returns when a new list is needed."""
        failures = 0
        while True:
            try:
                async for kind, item in self._stream(res.path(namespace), params):
                    failures = 0
                    if kind == "ERROR":
                        return
                    params["resourceVersion"] = item["metadata"]["resourceVersion"]
                    if kind != "BOOKMARK":
                        yield kind, item
                await asyncio.sleep(_backoff(0))
            except KubeError as error:
                if error.status not in (0, 429) and error.status < 500:
                    if error.status in _HOPELESS:
                        raise
                    return
                await asyncio.sleep(_backoff(failures))
                failures += 1

    async def _stream(self, path: str, params: Mapping[str, str]) -> AsyncIterator[tuple[str, Object]]:
        query = {**params, "watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(_WATCH_SECONDS)}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_SILENCE_SECONDS)
        try:
            async with self._client().get(self.server + path, params=query, timeout=timeout) as response:
                if response.status != 200:
                    raise _error_of(response.status, await response.text())
                async for line in _lines(response.content):
                    event = json.loads(line)
                    yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise KubeError(0, "Unreachable", f"{type(error).__name__}: {error}") from error

    async def _list(self, res: Resource, namespace: str | None, selectors: Mapping[str, str]) -> tuple[Objects, str]:
        items: Objects = []
        params = {**selectors, "limit": str(_LIST_PAGE)}
        while True:
            page = await self._call("GET", res.path(namespace), params=params)
            for item in page.get("items") or ():
                item.setdefault("apiVersion", res.api_version)
                item.setdefault("kind", res.kind)
                items.append(item)
            if not page["metadata"].get("continue"):
                return items, page["metadata"]["resourceVersion"]
            params["continue"] = page["metadata"]["continue"]

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self._client().request(
                    method, self.server + path, data=data, params=params, headers=headers
                ) as response:
                    if response.status < 300:
                        return dict(await response.json())
                    text = await response.text()
                    if response.status != 429 or attempt == _THROTTLED_ATTEMPTS:
                        raise _error_of(response.status, text)
                    wait_seconds = float(response.headers.get("Retry-After", "1"))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise KubeError(0, "Unreachable", f"{method} {path}: {type(error).__name__}: {error}") from error
            await asyncio.sleep(wait_seconds)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("this Kube is not open: use it inside `async with`")
        return self._session


def _selectors(label_selector: str | None, field_selector: str | None) -> dict[str, str]:
    pairs = (("labelSelector", label_selector), ("fieldSelector", field_selector))
    return {name: value for name, value in pairs if value is not None}


def _backoff(failures: int) -> float:
    return _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)] * random.uniform(0.5, 1.0)


def _identity(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _remember(seen: dict[tuple[str, str], Object], event: tuple[str, Object]) -> None:
    kind, item = event
    if kind == "DELETED":
        seen.pop(_identity(item), None)
    else:
        seen[_identity(item)] = item


def _difference(seen: dict[tuple[str, str], Object], items: Objects) -> Iterator[tuple[str, Object]]:
    """What happened between `seen` (brought up to date here) and a fresh list."""
    fresh = {_identity(item): item for item in items}
    for identity in [identity for identity in seen if identity not in fresh]:
        yield "DELETED", seen.pop(identity)
    for identity, item in fresh.items():
        before = seen.get(identity)
        seen[identity] = item
        if before is not None and before["metadata"]["uid"] != item["metadata"]["uid"]:
            yield "DELETED", before
            before = None
        if before is None:
            yield "ADDED", item
        elif before["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
            yield "MODIFIED", item


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length; the reader's own readline() refuses those beyond its buffer."""
    rest = b""
    async for chunk in stream.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
