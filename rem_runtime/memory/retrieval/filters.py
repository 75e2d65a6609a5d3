"""What a SEARCH leaves in: kinds, types, times, and WHERE as a jsonpath predicate over `rem_fields`. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from rem_runtime.memory.dialect.ast import Comparison, Condition, Operator, Search, Value
from rem_runtime.memory.dialect.times import parse_time, span
from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.keys import normalise_key, normalise_name
from rem_runtime.memory.retrieval.references import split_kinds

_TIMES = frozenset({"created_at", "updated_at", "starts_at", "ends_at", "timestamp"})
_OPERATORS: dict[Operator, str] = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True, slots=True)
class Filter:
    """Arguments of the statements in search.sql; None filters nothing."""

    kinds: list[str] | None
    types: list[str] | None
    since: datetime | None
    until: datetime | None
    where: str | None

    @property
    def is_set(self) -> bool:
        """Whether anything is filtered at all, beside the owner."""
        return any(part is not None for part in self.arguments)

    @property
    def arguments(self) -> tuple[list[str] | None, list[str] | None, datetime | None, datetime | None, str | None]:
        """In the order in which every statement takes them."""
        return self.kinds, self.types, self.since, self.until, self.where


def filter_of(query: Search) -> Filter:
    """The filter of a query; raises InvalidInput for a WHERE that cannot be compared."""
    kinds, types = split_kinds(query.kinds)
    starts = [span(time)[0] for time in (query.since, query.during and query.during[0]) if time]
    ends = [span(time)[1] for time in (query.until, query.during and query.during[1]) if time]
    return Filter(
        kinds=kinds,
        types=types,
        since=max(starts, default=None),
        until=min(ends, default=None),
        where=" && ".join(f"({_predicate(condition)})" for condition in query.where) or None,
    )


def _predicate(condition: Condition) -> str:
    path = "$." + ".".join(json.dumps(part) for part in condition.field.split("."))
    if isinstance(condition, Comparison):
        return _compared(path, condition.field, condition.op, condition.value)
    return " || ".join(_compared(path, condition.field, "=", value) for value in condition.values)


def _compared(path: str, field: str, op: Operator, value: Value) -> str:
    if field in _TIMES and isinstance(value, str | int) and not isinstance(value, bool):
        return _compared_time(path, field, op, str(value))
    if op == "!=":
        # Of a list: none of its values; of a field that is not there: true. jsonpath's != would say any, and false.
        return f"!({_compared(path, field, '=', value)})"
    if value is None and op == "=":
        return f"!exists({path}) || {path} == null"
    return f"{path} {_OPERATORS[op]} {_literal(field, value)}"


def _compared_time(path: str, field: str, op: Operator, text: str) -> str:
    """A time is a span: `= 2026-03` is any moment of that month, `> 2026-03` is after it."""
    try:
        start, end = (_utc(moment) for moment in span(parse_time(text)))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"WHERE {field}: {text!r} is not a time; write 2026-03-04 or 2026-03-04T10:30Z") from error
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


def _utc(moment: datetime) -> str:
    return json.dumps(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def _literal(field: str, value: Value) -> str:
    if isinstance(value, str) and field == "key":
        value = normalise_key(value)
    elif isinstance(value, str) and field in {"type", "kind"}:
        value = normalise_name(value)
    return json.dumps(value, ensure_ascii=True)
