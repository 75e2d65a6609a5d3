"""Helpers of the neighbours' tests: waiting for something that a stand-in should bring about."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import pytest

from rem_local.kube import Kube, Object, Resource

Until = Callable[[Object], Any]


class Eventually:
    """Polls the API server until something is so, and says what there was instead when it is not."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def get(
        self, resource: Resource, namespace: str | None, name: str, until: Until, *, seconds: float = 20
    ) -> Object:
        """The object, once `until` accepts it."""
        found: Object | None = None

        async def look() -> bool:
            nonlocal found
            found = await self._kube.get(resource, namespace, name)
            return found is not None and bool(until(found))

        try:
            await self.so(look, seconds=seconds)
        except TimeoutError:
            raise AssertionError(f"{resource.kind} {namespace}/{name} after {seconds} s: {found}") from None
        assert found is not None
        return found

    async def gone(self, resource: Resource, namespace: str | None, name: str, *, seconds: float = 20) -> None:
        """Return when the object is not there any more."""

        async def look() -> bool:
            return await self._kube.get(resource, namespace, name) is None

        await self.so(look, seconds=seconds)

    async def so(self, look: Callable[[], Awaitable[bool]], *, seconds: float = 20) -> None:
        """Return when `look` says so."""
        deadline = monotonic() + seconds
        while not await look():
            if monotonic() > deadline:
                raise TimeoutError
            await asyncio.sleep(0.05)


@pytest.fixture
def eventually(platform: Any) -> Eventually:
    return Eventually(platform.kube)


def condition_of(item: Object, type_: str) -> Object:
    """A condition of an object, empty when it has none of the type."""
    conditions = (item.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == type_), {})


@pytest.fixture(name="condition_of")
def _condition_of() -> Callable[[Object, str], Object]:
    return condition_of


@pytest.fixture(name="values_of")
def _values_of() -> Callable[[Object], dict[str, str]]:
    def values_of(secret: Object) -> dict[str, str]:
        return {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}

    return values_of
