"""Text to tree, by recursive descent over docs/dialect.md's grammar. Every input is a tree or a DialectError."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rem_runtime.memory.dialect.ast import (
    MODES,
    Comparison,
    Condition,
    Fuzzy,
    Lookup,
    Membership,
    Operator,
    Query,
    Search,
    Sql,
    Time,
    Traverse,
    Value,
)
from rem_runtime.memory.dialect.scanner import Scanner
from rem_runtime.memory.dialect.times import TIME_PATTERN, parse_time, span

MAX_CHARACTERS = 20_000
MAX_REFS = 100
MAX_NAMES = 50
MAX_LIMIT = 1_000
MAX_DEPTH = 5
_OPERATORS: tuple[Operator, ...] = ("!=", "<=", ">=", "=", "<", ">")
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}
_QUALIFIER_OF_STRING = re.compile(r"[\w-]+ */ *(?=[\"'])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TIME_HINT = "write 2026, 2026-03, 2026-03-04 or 2026-03-04T10:30Z"

Clause = Callable[[Scanner], Any]


def parse(text: str) -> Query:
    """The tree of a query; raises DialectError."""
    scanner = Scanner(text)
    if len(text) > MAX_CHARACTERS:
        scanner.fail("the query is too long", f"a query has at most {MAX_CHARACTERS} characters", at=MAX_CHARACTERS)
    if "\x00" in text:
        scanner.fail("the query contains a NUL character", "leave it out", at=text.index("\x00"))
    if scanner.at_end:
        scanner.fail("the query is empty", f"begin with {', '.join(VERBS)}")
    if surrogate := _SURROGATE.search(text):
        scanner.fail("the query has half a character", "send it as UTF-8", at=surrogate.start())
    for verb, read in _READERS.items():
        if scanner.take_word(verb):
            return read(scanner)
    return scanner.fail(
        f"a query begins with a verb, not with {scanner.word()!r}",
        f"begin with {', '.join(VERBS)} in capitals; plain words are asked as SEARCH words",
    )


def _lookup(scanner: Scanner) -> Lookup:
    bracket = scanner.take("[")
    refs = [_ref(scanner)]
    while scanner.take(","):
        refs.append(_ref(scanner))
    if bracket and not scanner.take("]"):
        scanner.fail(f"the list is not closed before {scanner.word()!r}", "close it with ]")
    if len(refs) > MAX_REFS:
        scanner.fail(f"{len(refs)} references are too many", f"ask for at most {MAX_REFS} at once")
    _clauses(scanner, "LOOKUP", {})
    return Lookup(tuple(dict.fromkeys(refs)))


def _fuzzy(scanner: Scanner) -> Fuzzy:
    label = scanner.label("the name")
    found = _clauses(
        scanner, "FUZZY", {**_IN, "LIMIT": _limit, "THRESHOLD": lambda scanner: scanner.share("THRESHOLD")}
    )
    return Fuzzy(label, found.get("IN", ()), found.get("LIMIT"), found.get("THRESHOLD"))


def _search(scanner: Scanner) -> Search:
    label = scanner.label("what to search for")
    found = _clauses(
        scanner,
        "SEARCH",
        {**_IN, "WHERE": _where, "SINCE": _time, "UNTIL": _time, "DURING": _during, "LIMIT": _limit, "MODE": _mode},
    )
    return Search(
        label,
        kinds=found.get("IN", ()),
        where=found.get("WHERE", ()),
        since=found.get("SINCE"),
        until=found.get("UNTIL"),
        during=found.get("DURING"),
        mode=found.get("MODE"),
        limit=found.get("LIMIT"),
    )


def _traverse(scanner: Scanner) -> Traverse:
    ref = _ref(scanner)
    if scanner.text.startswith(",", scanner.position):
        scanner.fail("TRAVERSE starts at one reference", "ask once for each, or quote a name that contains a comma")
    found = _clauses(
        scanner,
        "TRAVERSE",
        {
            "DEPTH": lambda scanner: scanner.integer("DEPTH", low=0, high=MAX_DEPTH),
            "REL": lambda scanner: _names(scanner, "a relation"),
            "OUT": lambda _: "OUT",
            "IN": lambda _: "IN",
            "BOTH": lambda _: "BOTH",
            "WEIGHT": _weight,
            "AS": _as_of,
            "LIMIT": _limit,
        },
    )
    return Traverse(
        ref,
        depth=found.get("DEPTH"),
        rels=found.get("REL", ()),
        direction=found.get("direction"),
        weight=found.get("WEIGHT"),
        as_of=found.get("AS"),
        limit=found.get("LIMIT"),
    )


def _sql(scanner: Scanner) -> Sql:
    text = scanner.rest.strip()
    if not text:
        scanner.fail("the statement is missing", "write SQL SELECT …")
    return Sql(text)


def _ref(scanner: Scanner) -> str:
    qualifier = scanner.take_pattern(_QUALIFIER_OF_STRING) or ""
    return qualifier.replace(" ", "") + scanner.label("a name", stop=",]")


# Words that say the same clause, under the one name that it is kept by.
_SAME = {"FROM": "IN", "TABLE": "IN"}
_DIRECTIONS = ("OUT", "IN", "BOTH")


def _clauses(scanner: Scanner, verb: str, readers: dict[str, Clause]) -> dict[str, Any]:
    """The clauses up to the end, each at most once, in any order."""
    found: dict[str, Any] = {}
    accepted = ", ".join("AS OF" if word == "AS" else word for word in readers)
    hint = f"{verb} takes {accepted}" if accepted else f"{verb} takes names, separated by commas, and nothing else"
    while not scanner.at_end:
        start, word = scanner.position, scanner.clause()
        if word is None:
            scanner.fail(f"{scanner.word()!r} is not expected here", f"{hint}; quote a name that has other words")
        if word not in readers:
            scanner.fail(f"{verb} has no clause {word}", f'{hint}; quote it if it is part of the name: "{word}"')
        scanner.take(word)
        name = "direction" if verb == "TRAVERSE" and word in _DIRECTIONS else _SAME.get(word, word)
        if name in found:
            reason = "there are two directions" if name == "direction" else f"{word} is there twice"
            scanner.fail(reason, "say each clause once, and one direction", at=start)
        found[name] = readers[word](scanner)
    return found


def _names(scanner: Scanner, what: str) -> tuple[str, ...]:
    hint = f"write {what} after it, or several separated by commas"
    names = [scanner.name(what, hint)]
    while scanner.take(","):
        names.append(scanner.name(what, hint))
    if len(names) > MAX_NAMES:
        scanner.fail(f"{len(names)} names are too many", f"give at most {MAX_NAMES}")
    return tuple(dict.fromkeys(names))


def _kinds(scanner: Scanner) -> tuple[str, ...]:
    return _names(scanner, "a kind or type")


_IN: dict[str, Clause] = {"IN": _kinds, "FROM": _kinds, "TABLE": _kinds}


def _limit(scanner: Scanner) -> int:
    return scanner.integer("LIMIT", low=1, high=MAX_LIMIT)


def _weight(scanner: Scanner) -> float:
    if not scanner.take(">="):
        scanner.fail("WEIGHT needs >=", "write WEIGHT >= 0.5")
    return scanner.share("WEIGHT >=")


def _as_of(scanner: Scanner) -> Time:
    scanner.take("OF")
    return _time(scanner)


def _mode(scanner: Scanner) -> str:
    start = scanner.position
    mode = scanner.name("a mode", f"write MODE {', '.join(MODES)}")
    if mode not in MODES:
        scanner.fail(f"there is no mode {mode!r}", f"write MODE with {', '.join(MODES)}", at=start)
    return mode


def _time(scanner: Scanner) -> Time:
    start = scanner.position
    quoted = scanner.text[start : start + 1] in {'"', "'"}
    text = scanner.string().strip() if quoted else scanner.take_pattern(TIME_PATTERN) or ""
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        scanner.fail(f"{text or scanner.word()!r} is not a time", _TIME_HINT, at=start)


def _during(scanner: Scanner) -> tuple[Time, Time]:
    first = _time(scanner)
    if not scanner.take(".."):
        scanner.fail("DURING needs two times", "write DURING 2026-03-01 .. 2026-03-31")
    at = scanner.position
    second = _time(scanner)
    if span(second)[1] <= span(first)[0]:
        scanner.fail("DURING ends before it begins", "write the earlier time first", at=at)
    return first, second


def _where(scanner: Scanner) -> tuple[Condition, ...]:
    conditions = [_condition(scanner)]
    while scanner.take_word("AND"):
        conditions.append(_condition(scanner))
    if len(conditions) > MAX_NAMES:
        scanner.fail(f"{len(conditions)} conditions are too many", f"give at most {MAX_NAMES}")
    if scanner.word() == "OR":
        scanner.fail(
            "conditions are joined by AND alone", f'ask once for each, or write {conditions[-1].field} IN ("a", "b")'
        )
    return tuple(conditions)


def _condition(scanner: Scanner) -> Condition:
    field = scanner.field()
    if scanner.take_word("IN"):
        return Membership(field, _values(scanner))
    op = next((op for op in _OPERATORS if scanner.take(op)), None)
    if op is None:
        scanner.fail(f"{field} needs a comparison", f'write {field} = "value" or {field} IN ("a", "b")')
    if scanner.text.startswith("=", scanner.position):
        scanner.fail("there is one = too many", f"write {field} {op} value")
    return Comparison(field, op, _value(scanner))


def _values(scanner: Scanner) -> tuple[Value, ...]:
    if not scanner.take("("):
        scanner.fail("IN needs a list here", 'write IN ("a", "b")')
    values = [_value(scanner)]
    while scanner.take(","):
        values.append(_value(scanner))
    if not scanner.take(")"):
        scanner.fail(f"the list is not closed before {scanner.word()!r}", "close it with )")
    if len(values) > MAX_NAMES:
        scanner.fail(f"{len(values)} values are too many", f"give at most {MAX_NAMES}")
    return tuple(values)


def _value(scanner: Scanner) -> Value:
    if scanner.text[scanner.position : scanner.position + 1] in {'"', "'"}:
        return scanner.string()
    number = scanner.number()
    if number is not None:
        return number
    word = scanner.bare_value()
    return _CONSTANTS.get(word, word)


_READERS: dict[str, Callable[[Scanner], Query]] = {
    "LOOKUP": _lookup,
    "FUZZY": _fuzzy,
    "SEARCH": _search,
    "TRAVERSE": _traverse,
    "SQL": _sql,
}
VERBS = tuple(_READERS)
