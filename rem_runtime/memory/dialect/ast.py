"""The tree of a query: frozen, exactly what was written, nothing defaulted and nothing resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["hybrid", "lexical", "dense"]
Direction = Literal["OUT", "IN", "BOTH"]
Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Value = str | int | float | bool | None

MODES: tuple[Mode, ...] = ("hybrid", "lexical", "dense")


@dataclass(frozen=True, slots=True)
class Time:
    """A year, month, day or instant, as its ISO text: `2026`, `2026-03`, `2026-03-04`, `2026-03-04T10:30:00Z`."""

    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field op value`; `field` may be a path with dots."""

    field: str
    op: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Membership:
    """`field IN (value, …)`."""

    field: str
    values: tuple[Value, ...]


Condition = Comparison | Membership


@dataclass(frozen=True, slots=True)
class Lookup:
    """Things by their names, as written: what is before a `/` may be a kind or type, which only the database knows."""

    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """Things by names that are nearly right."""

    label: str
    kinds: tuple[str, ...] = ()
    limit: int | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """Things by what is written about them."""

    label: str
    kinds: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    since: Time | None = None
    until: Time | None = None
    during: tuple[Time, Time] | None = None
    mode: Mode | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Traverse:
    """Things by what connects them with one that is named."""

    ref: str
    depth: int | None = None
    rels: tuple[str, ...] = ()
    direction: Direction | None = None
    weight: float | None = None
    as_of: Time | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Sql:
    """One SELECT over the views."""

    text: str


Query = Lookup | Fuzzy | Search | Traverse | Sql
