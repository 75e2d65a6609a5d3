"""What every part of the bench works with: figures, interleaved timing, and the context that `measure` is handed.

A part is a module in this folder with

    async def measure(context: Context) -> list[Figure]

and one line in `run.PARTS`. It takes its databases from the context (`corpus` for generated data that is kept between
runs, `scratch` for an empty one), times what it measures together with its floor (`interleaved`: both in turns, over
one pool, so that a slow minute of the machine slows both), and answers with figures (`Figure.at_most`, `at_least`,
`within` for a ratio, `shown` where there is no target). `context.quick` asks for 10k only and few rounds.

Nothing here knows what is measured. Nothing in this folder is collected by pytest; the harness has a test of its own
(tests/unit/bench).
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from statistics import quantiles
from time import perf_counter
from typing import Any, Self

from rem_runtime.memory.embedding import MiniLM, load_embedder
from rem_runtime.memory.embedding.convert.__main__ import convert, default_directory
from rem_runtime.memory.embedding.files import read_description
from rem_runtime.memory.errors import EmbedderError
from rem_runtime.memory.store import Memory
from tests.bench.databases import Bench, Corpus, Databases

QUICK_SIZES = (10_000,)
SIZES = (10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `ratio` is value over floor; `met` is None where there is no target."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    target: str | None = None
    met: bool | None = None

    @classmethod
    def within(cls, name: str, value: float, floor: float, *, times: float, unit: str = "ms") -> Self:
        """At most so many times the floor, which is in the same unit and of the same run."""
        ratio = value / floor
        return cls(name, _short(value), unit, _short(floor), _short(ratio), f"≤ {times:g} ×", ratio <= times)

    @classmethod
    def share(cls, name: str, value: float, floor: float, *, at_least: float, unit: str) -> Self:
        """At least so many times the floor: for rates."""
        ratio = value / floor
        return cls(name, _short(value), unit, _short(floor), _short(ratio), f"≥ {at_least:g} ×", ratio >= at_least)

    @classmethod
    def at_most(cls, name: str, value: float, limit: float, *, unit: str) -> Self:
        """A target in the unit itself."""
        return cls(name, _short(value), unit, target=f"≤ {limit:g} {unit}".strip(), met=value <= limit)

    @classmethod
    def at_least(cls, name: str, value: float, limit: float, *, unit: str) -> Self:
        """A target in the unit itself: recall, rates."""
        return cls(name, _short(value), unit, target=f"≥ {limit:g} {unit}".strip(), met=value >= limit)

    @classmethod
    def shown(cls, name: str, value: float, *, unit: str = "ms", floor: float | None = None) -> Self:
        """No target, but worth knowing; with its ratio where there is a floor."""
        ratio = None if floor is None else _short(value / floor)
        return cls(name, _short(value), unit, None if floor is None else _short(floor), ratio)

    def row(self) -> dict[str, Any]:
        """As it stands in bench.json."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one call over all rounds."""

    p50: float
    p99: float
    rounds: int

    @classmethod
    def of(cls, seconds: list[float]) -> Self:
        """From the measured times; two are the least."""
        cuts = quantiles(seconds, n=100, method="inclusive")
        return cls(cuts[49] * 1000, cuts[98] * 1000, len(seconds))


Call = Callable[[int], Awaitable[Any]]


async def interleaved(
    calls: Mapping[str, Call], *, rounds: int, warmup: int = 20, seconds: float = 60.0
) -> dict[str, Timing]:
    """Every call once per round, its place in the round moving on; each is handed the round's number for its arguments.

    Warm-up rounds come first and are not counted. Ends before `rounds` when `seconds` are over and 20 rounds are done.
    """
    names = list(calls)
    for number in range(warmup):
        for name in names:
            await calls[name](number)
    taken: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    deadline = perf_counter() + seconds
    for number in range(rounds):
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            call = calls[name]
            start = perf_counter()
            await call(number)
            taken[name].append(perf_counter() - start)
        if number >= 19 and perf_counter() > deadline:
            break
    return {name: Timing.of(times) for name, times in taken.items()}


@dataclass
class Context:
    """What a part is handed."""

    databases: Databases
    quick: bool = False
    notes: list[str] = field(default_factory=list)
    """Printed under the table: what could not be measured, and why."""
    say: Callable[[str], None] = print

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many things the generated databases hold, smallest first."""
        return QUICK_SIZES if self.quick else SIZES

    def rounds(self, wanted: int) -> int:
        """How often to measure."""
        return max(20, wanted // 5) if self.quick else wanted

    def note(self, text: str) -> None:
        """Something that whoever reads the table has to know."""
        self.notes.append(text)

    def corpus(self, corpus: Corpus, *, max_size: int = 8) -> AbstractAsyncContextManager[Bench]:
        """A database with generated data, made once and kept; whoever writes to it breaks it for the next run."""
        return self.databases.corpus(corpus, max_size=max_size, say=self.say)

    def scratch(self, *, max_size: int = 8) -> AbstractAsyncContextManager[Bench]:
        """An empty database with our tables, dropped at the end."""
        return self.databases.scratch(max_size=max_size)

    def memory(self, bench: Bench) -> Memory:
        """The product over a database."""
        return Memory(bench.pool, self.embedder, tenant="bench")

    @cached_property
    def embedder(self) -> MiniLM:
        """The real embedder, converted where it has not been yet."""
        directory = default_directory()
        try:
            read_description(directory)
        except EmbedderError:
            convert(directory)
        return load_embedder(directory)


def size_name(size: int) -> str:
    """10k, 100k, 1M: for names of figures."""
    return f"{size // 1_000_000}M" if size >= 1_000_000 else f"{size // 1000}k"


def _short(value: float) -> float:
    return float(f"{value:.4g}")
