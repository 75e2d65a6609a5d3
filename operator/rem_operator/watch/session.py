"""The HTTP session that kopf is given: our own, observed.

Four things happen here because kopf has no hook for them. Every sign of life is noted per stream. Lists are read here,
page by page, straight into the index; kopf gets an empty one and goes on to watch from its version: kopf would hold the
whole list twice and start a task per object. What was deleted while nobody watched is noticed (after a 410 kopf tells
only of what is left). And a refused token is read again instead of ending kopf's credentials.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol, Self, cast

import aiohttp
from yarl import URL

from rem_operator.kube.client import KubeClient
from rem_operator.watch.vitals import Stream, Vitals

_REFUSED_SECONDS = 5.0  # between attempts with a token that the API server does not accept

_PAGE = 500  # objects of a list that are in memory at a time
_EXPIRED = 410  # the list that a continue token belongs to is too old


class Sink(Protocol):
    """Who takes in what is listed."""

    def take(self, stream: Stream, objects: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
        """Part of a list; returns namespaces and names."""

    def complete(self, stream: Stream, names: set[tuple[str, str]], version: str) -> None:
        """All parts were taken; `names` are those of the whole list, `version` is its resourceVersion."""


class _Content(Protocol):
    def iter_chunked(self, n: int) -> AsyncIterator[bytes]: ...


class ObservedSession:
    """Looks like an `aiohttp.ClientSession` to kopf, which uses `request`, `headers`, `closed` and `close` of it."""

    def __init__(self, client: KubeClient, streams: Mapping[str, Stream], vitals: Vitals, sink: Sink) -> None:
        """`streams` maps URL paths of collections to what is watched there."""
        self._client = client
        self._streams = streams
        self._vitals = vitals
        self._sink = sink
        self.headers = client.session.headers

    @property
    def closed(self) -> bool:
        """Whether the session that is shared with the client is closed."""
        return self._client.session.closed

    async def close(self) -> None:
        """kopf closes what it was given; the session belongs to the client, so it stays open."""

    async def request(self, method: str, url: str, **how: Any) -> aiohttp.ClientResponse:
        """Send one of kopf's requests, and look at what comes back."""
        address = URL(url)
        stream = self._streams.get(address.path)
        if stream is None:
            return await self._authorised(method, url, **how)
        self._vitals.sign(stream)
        if "watch" not in address.query:
            return await self._list(address, stream, **how)
        response = await self._authorised(method, url, **how)
        if response.status == 200:
            self._vitals.progress(stream)
            self._observe(response, stream)
        return response

    async def _list(self, address: URL, stream: Stream, **how: Any) -> aiohttp.ClientResponse:
        """Read all pages; an answer that is no page goes to kopf, which knows when to try again."""
        names: set[tuple[str, str]] = set()
        token = ""
        while True:
            query = {"limit": str(_PAGE)} | ({"continue": token} if token else {})
            response = await self._authorised("get", str(address.update_query(query)), **how)
            if response.status == _EXPIRED and token:
                response.release()
                names, token = set(), ""
                continue
            if response.status != 200:
                return response
            async with response:
                page = await response.json()
            self._vitals.progress(stream)
            names |= self._sink.take(stream, page.get("items") or ())
            token = page["metadata"].get("continue") or ""
            if not token:
                version = page["metadata"]["resourceVersion"]
                self._sink.complete(stream, names, version)
                return cast(aiohttp.ClientResponse, _EmptyList(version))

    async def _authorised(self, method: str, url: str, **how: Any) -> aiohttp.ClientResponse:
        token = self._client.access.token
        while True:
            headers = {**token.headers(), **(how.get("headers") or {})}
            response = await self._client.session.request(method, url, **{**how, "headers": headers})
            if response.status != 401:
                return response
            response.release()
            token.expire()
            await asyncio.sleep(_REFUSED_SECONDS)

    def _observe(self, response: aiohttp.ClientResponse, stream: Stream) -> None:
        content = _ObservedContent(response.content, lambda: self._vitals.progress(stream))
        response.content = cast(aiohttp.StreamReader, content)


class _EmptyList:
    """What kopf sees of a list: nothing but its version."""

    status = 200

    def __init__(self, version: str) -> None:
        self._version = version

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def json(self) -> dict[str, Any]:
        return {"items": [], "metadata": {"resourceVersion": self._version}}


class _ObservedContent:
    """A response's content that tells of every chunk; a watch is read by `iter_chunked` alone."""

    def __init__(self, content: _Content, on_chunk: Callable[[], None]) -> None:
        self._content = content
        self._on_chunk = on_chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)  # aiohttp asks its own content how it ended when the response is closed

    async def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        async for chunk in self._content.iter_chunked(n):
            self._on_chunk()
            yield chunk
