"""Tree to text, in one normal form: what it renders parses to the same tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rem_runtime.memory.dialect.ast import (
    Comparison,
    Condition,
    Fuzzy,
    Lookup,
    Query,
    Search,
    Sql,
    Traverse,
    Value,
)
from rem_runtime.memory.dialect.scanner import CLAUSES

# Not where a slash stands before an apostrophe: there a quoted label would begin.
_BARE_LABEL = re.compile(r"(?!.*/ ?['])[\w+#.@&/][\w+#.@&/'’-]*(?: [\w+#.@&/'’-]+)*")
_BARE_NAME = re.compile(r"[^\W\d][\w-]*")
_CLAUSES = frozenset(CLAUSES)


def render(query: Query) -> str:
    """The normal form of a query."""
    match query:
        case Lookup(refs):
            return "LOOKUP " + ", ".join(render_label(ref) for ref in refs)
        case Fuzzy():
            return " ".join(("FUZZY", render_label(query.label), *_fuzzy_clauses(query)))
        case Search():
            return " ".join(("SEARCH", render_label(query.label), *_search_clauses(query)))
        case Traverse():
            return " ".join(("TRAVERSE", render_label(query.ref), *_traverse_clauses(query)))
        case Sql(text):
            return f"SQL {text}"


def _fuzzy_clauses(query: Fuzzy) -> Iterator[str]:
    yield from _names("IN", query.kinds)
    if query.threshold is not None:
        yield f"THRESHOLD {_number(query.threshold)}"
    yield from _limit(query.limit)


def _search_clauses(query: Search) -> Iterator[str]:
    yield from _names("IN", query.kinds)
    if query.where:
        yield "WHERE " + " AND ".join(_condition(condition) for condition in query.where)
    if query.since:
        yield f"SINCE {query.since.text}"
    if query.until:
        yield f"UNTIL {query.until.text}"
    if query.during:
        yield f"DURING {query.during[0].text} .. {query.during[1].text}"
    if query.mode:
        yield f"MODE {query.mode}"
    yield from _limit(query.limit)


def _traverse_clauses(query: Traverse) -> Iterator[str]:
    if query.depth is not None:
        yield f"DEPTH {query.depth}"
    yield from _names("REL", query.rels)
    if query.direction:
        yield query.direction
    if query.weight is not None:
        yield f"WEIGHT >= {_number(query.weight)}"
    if query.as_of:
        yield f"AS OF {query.as_of.text}"
    yield from _limit(query.limit)


def _limit(limit: int | None) -> Iterator[str]:
    if limit is not None:
        yield f"LIMIT {limit}"


def _names(word: str, names: Iterable[str]) -> Iterator[str]:
    listed = ", ".join(name if _is_bare(name, _BARE_NAME) else _quoted(name) for name in names)
    if listed:
        yield f"{word} {listed}"


def _condition(condition: Condition) -> str:
    if isinstance(condition, Comparison):
        return f"{condition.field} {condition.op} {_value(condition.value)}"
    return f"{condition.field} IN ({', '.join(_value(value) for value in condition.values)})"


def _value(value: Value) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _quoted(value) if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    text = f"{value:.15f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def render_label(label: str) -> str:
    """A name as it is written in a query: in quotes only where it needs them."""
    return label if _is_bare(label, _BARE_LABEL) else _quoted(label)


def _is_bare(text: str, pattern: re.Pattern[str]) -> bool:
    return pattern.fullmatch(text) is not None and _CLAUSES.isdisjoint(text.split())


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
