"""Signs of life of each watch, as the session sees them.

kopf's most reported fault is going deaf while its probe answers, so nothing here trusts kopf: what counts is what went
over the wire. *Progress* is data or a bookmark; *a sign* is also a failed attempt, since a watch that keeps trying
while the API server is away is not dead. Owns the times; what follows from them is decided by the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from rem_operator.kube.index import Index
from rem_operator.kube.resources import Resource

Stream = tuple[Resource, str | None]
"""What is watched and in which namespace; None is the whole cluster."""


@dataclass(slots=True)
class _Pulse:
    sign: float
    progress: float


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


class Vitals:
    """When each stream last showed life."""

    def __init__(self, streams: Collection[Stream], *, clock: Callable[[], float] = _loop_time) -> None:
        self._clock = clock
        self._streams = tuple(streams)
        self._pulses: dict[Stream, _Pulse] = {}
        self._created = self._begun = clock()
        self._shown: set[Stream] = set()

    def begin(self) -> None:
        """The transport starts (again): that is a sign of life, and every stream has from now on to show itself."""
        self._begun = self._clock()
        self._shown.clear()

    def sign(self, stream: Stream) -> None:
        """A request was made, whatever came of it."""
        self._pulse(stream).sign = self._clock()

    def progress(self, stream: Stream) -> None:
        """Something came back: a list, an event, a bookmark, an opened stream."""
        pulse = self._pulse(stream)
        pulse.sign = pulse.progress = self._clock()

    def _pulse(self, stream: Stream) -> _Pulse:
        self._shown.add(stream)
        return self._pulses.setdefault(stream, _Pulse(self._created, self._created))

    def missing(self, index: Index, *, after_seconds: float) -> list[Resource]:
        """Kinds that the API server serves and that nobody has begun to watch so long after the start."""
        if self._clock() - self._begun < after_seconds:
            return []
        return [r for r in index.watched if index.served(r) and not self._shown.issuperset(self._of(r))]

    def silent(self, index: Index, *, after_seconds: float) -> list[Resource]:
        """Served kinds without a sign of life for so long."""
        return [
            r for r, age in self._ages(index, lambda pulse: max(pulse.sign, self._begun)).items() if age > after_seconds
        ]

    def ages(self, index: Index) -> Mapping[str, float]:
        """Seconds since the last progress per served kind, by its name; the oldest of its namespaces."""
        return {str(r): age for r, age in self._ages(index, lambda pulse: pulse.progress).items()}

    def _ages(self, index: Index, moment: Callable[[_Pulse], float]) -> dict[Resource, float]:
        now = self._clock()
        nothing = _Pulse(self._created, self._created)
        return {
            r: max(now - moment(self._pulses.get(stream, nothing)) for stream in self._of(r))
            for r in index.watched
            if index.served(r)
        }

    def _of(self, resource: Resource) -> list[Stream]:
        return [stream for stream in self._streams if stream[0] == resource]


def streams_of(resources: Collection[Resource], namespaces: Collection[str]) -> list[Stream]:
    """Every stream of an installation that serves these namespaces, or the whole cluster when there are none."""
    scopes: list[str | None] = [*namespaces] or [None]
    return [(r, scope) for r in resources for scope in (scopes if r.namespaced else [None])]
