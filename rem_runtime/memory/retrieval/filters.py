"""What a SEARCH leaves in: kinds, types, times, and WHERE. Pure; the statements that take it are in search.sql.

WHERE is one jsonpath predicate over `rem_fields`. To find the few rows that it leaves without evaluating it on all of
them, what indexes can answer is also said in columns (`Hints`), each true wherever the predicate is: fields of one's
own by GIN over jsonb, tags, type, key, session and times by columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from rem_runtime.memory.dialect.ast import Comparison, Condition, Operator, Search, Value
from rem_runtime.memory.dialect.times import parse_time, span
from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.keys import normalise_key, normalise_name
from rem_runtime.memory.models import KINDS
from rem_runtime.memory.retrieval.references import MESSAGE_KIND, kind_of, split_kinds

ALL_KINDS = (*KINDS, MESSAGE_KIND)
_TIMES = frozenset({"created_at", "updated_at", "starts_at", "ends_at", "timestamp"})
_OPERATORS: dict[Operator, str] = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
# What rem_fields adds to a node's, and to a message's, own fields: these say what they are, whatever the own ones say.
_NODE_SYSTEM = (
    frozenset({"metadata", "kind", "type", "key", "label", "tags", "user_id", "version", "content_hash"}) | _TIMES
)
_MESSAGE_SYSTEM = frozenset(
    {"metadata", "kind", "role", "session_id", "trace_id", "tags", "user_id", "created_at", "updated_at"}
)

Column = TypeVar("Column")


@dataclass(frozen=True, slots=True)
class Hints:
    """Columns that hold wherever WHERE does, in the order of `candidates`' arguments; None says nothing."""

    node_own: str | None = None
    """jsonpath over a node's own fields: the conditions on them."""
    node_rest: str | None = None
    """jsonpath over rem_fields of a node: the conditions on system fields."""
    message_own: str | None = None
    message_rest: str | None = None
    kinds: list[str] | None = None
    types: list[str] | None = None
    keys: list[str] | None = None
    tags: list[str] | None = None
    sessions: list[UUID] | None = None
    created_since: datetime | None = None
    created_until: datetime | None = None
    node_since: datetime | None = None
    """A node's `timestamp` is its chunks' `at`, where it has one; a message's is a field of its own."""
    node_until: datetime | None = None
    first: str | None = None
    """jsonpath over `metadata`, or over `data`, one of which holds where a node's own field equals something; there is
    an index for it. Two of them, as two conditions may hold in two columns."""
    second: str | None = None

    @property
    def arguments(self) -> tuple[object, ...]:
        """In the order of the fields."""
        return tuple(getattr(self, part.name) for part in fields(self))


@dataclass(frozen=True, slots=True)
class Filter:
    """Arguments of the statements in search.sql; None filters nothing."""

    kinds: list[str] | None
    types: list[str] | None
    since: datetime | None
    until: datetime | None
    where: str | None
    hints: Hints = field(default_factory=Hints)

    @property
    def is_set(self) -> bool:
        """Whether anything is filtered at all, beside the owner."""
        return any(part is not None for part in self.arguments)

    @property
    def needs_bodies(self) -> bool:
        """Whether a chunk alone cannot say if it passes."""
        return bool(self.types) or self.where is not None

    @property
    def arguments(self) -> tuple[list[str] | None, list[str] | None, datetime | None, datetime | None, str | None]:
        """In the order in which every statement takes them."""
        return self.kinds, self.types, self.since, self.until, self.where


def filter_of(query: Search) -> Filter:
    """The filter of a query; raises InvalidInput for a WHERE that cannot be compared."""
    kinds, types = split_kinds(query.kinds)
    starts = [span(time)[0] for time in (query.since, query.during and query.during[0]) if time]
    ends = [span(time)[1] for time in (query.until, query.during and query.during[1]) if time]
    asked = kinds is not None or types is not None
    return Filter(
        # Where only one is named, the other is none of them: null would be planned for as if it could be something.
        kinds=kinds or [] if asked else None,
        types=types or [] if asked else None,
        since=max(starts, default=None),
        until=min(ends, default=None),
        where=_joined(query.where),
        hints=_hints(query.where),
    )


def _hints(where: Sequence[Condition]) -> Hints:
    since, until = _interval(where, {"created_at"})
    node_since, node_until = _interval(where, {"timestamp", "starts_at"})
    indexed = [path for condition in where if (path := _indexed(condition))]
    return Hints(
        node_own=_joined(condition for condition in where if _root(condition) not in _NODE_SYSTEM),
        node_rest=_joined(condition for condition in where if _root(condition) in _NODE_SYSTEM),
        message_own=_joined(condition for condition in where if _root(condition) not in _MESSAGE_SYSTEM),
        message_rest=_joined(condition for condition in where if _root(condition) in _MESSAGE_SYSTEM),
        kinds=_one_of(where, "kind", kind_of),
        types=_one_of(where, "type", normalise_name),
        keys=_one_of(where, "key", normalise_key),
        tags=_one_of(where, "tags", str),
        sessions=_one_of(where, "session_id", _uuid),
        created_since=max(since, default=None),
        created_until=min(until, default=None),
        node_since=max(node_since, default=None),
        node_until=min(node_until, default=None),
        first=indexed[0] if indexed else None,
        second=indexed[1] if len(indexed) > 1 else None,
    )


def _root(condition: Condition) -> str:
    return condition.field.partition(".")[0]


def _joined(where: Iterable[Condition]) -> str | None:
    return " && ".join(f"({_predicate(condition)})" for condition in where) or None


def _one_of(where: Sequence[Condition], name: str, column: Callable[[str], Column]) -> list[Column] | None:
    """The values that a column must have one of, by the first condition that says so."""
    for condition in where:
        values = _equal_to(condition) if condition.field == name else None
        if values is not None and all(isinstance(value, str) for value in values):
            return [column(str(value)) for value in values]
    return None


def _indexed(condition: Condition) -> str | None:
    values = _equal_to(condition)
    if _root(condition) in _NODE_SYSTEM or values is None or None in values:
        return None
    inner = ".".join(json.dumps(part) for part in condition.field.split("."))
    return " || ".join(
        f"{root}.{inner} == {_literal(condition.field, value)}" for root in ("$", "$.properties") for value in values
    )


def _equal_to(condition: Condition) -> tuple[Value, ...] | None:
    if isinstance(condition, Comparison):
        return (condition.value,) if condition.op == "=" else None
    return condition.values


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)  # a session that is none: nothing is in it


def _interval(where: Sequence[Condition], names: set[str]) -> tuple[list[datetime], list[datetime]]:
    """Where the comparisons of these times can hold at all: starts (included) and ends (not)."""
    starts: list[datetime] = []
    ends: list[datetime] = []
    for condition in where:
        if isinstance(condition, Comparison) and condition.field in names and _is_time(condition.value):
            start, end = _span(condition.field, str(condition.value))
            if condition.op in {"=", ">=", ">"}:
                starts.append(end if condition.op == ">" else start)
            if condition.op in {"=", "<=", "<"}:
                ends.append(start if condition.op == "<" else end)
    return starts, ends


def _predicate(condition: Condition) -> str:
    path = "$." + ".".join(json.dumps(part) for part in condition.field.split("."))
    if isinstance(condition, Comparison):
        return _compared(path, condition.field, condition.op, condition.value)
    return " || ".join(_compared(path, condition.field, "=", value) for value in condition.values)


def _compared(path: str, field: str, op: Operator, value: Value) -> str:
    if field in _TIMES and _is_time(value):
        return _compared_time(path, field, op, str(value))
    if op == "!=":
        # Of a list: none of its values; of a field that is not there, or of another type: true. jsonpath's own != says
        # any, false and unknown; unknown stays unknown under !, but not inside a filter.
        if value is None:
            return f"exists({path}) && {path} != null"
        return f"!exists({path} ? (@ == {_literal(field, value)}))"
    if value is None and op == "=":
        return f"!exists({path}) || {path} == null"
    return f"{path} {_OPERATORS[op]} {_literal(field, value)}"


def _is_time(value: Value) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _compared_time(path: str, field: str, op: Operator, text: str) -> str:
    """A time is a span: `= 2026-03` is any moment of that month, `> 2026-03` is after it."""
    start, end = (_utc(moment) for moment in _span(field, text))
    inside = f"{path} >= {start} && {path} < {end}"
    compared = {
        "=": inside,
        "!=": f"!({inside})",
        "<": f"{path} < {start}",
        "<=": f"{path} < {end}",
        ">": f"{path} >= {end}",
        ">=": f"{path} >= {start}",
    }
    return compared[op]


def _span(field: str, text: str) -> tuple[datetime, datetime]:
    try:
        return span(parse_time(text))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"WHERE {field}: {text!r} is not a time; write 2026-03-04 or 2026-03-04T10:30Z") from error


def _utc(moment: datetime) -> str:
    return json.dumps(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def _literal(field: str, value: Value) -> str:
    if isinstance(value, str) and field == "key":
        value = normalise_key(value)
    elif isinstance(value, str) and field == "type":
        value = normalise_name(value)
    elif isinstance(value, str) and field == "kind":
        value = kind_of(value)
    return json.dumps(value, ensure_ascii=True)
