"""The dialect: what parses to what, what is refused where and why, and that the normal form says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rem_runtime.memory.dialect import VERBS, misread, parse, render
from rem_runtime.memory.dialect.ast import (
    Comparison,
    Condition,
    Fuzzy,
    Lookup,
    Membership,
    Query,
    Search,
    Sql,
    Time,
    Traverse,
    Value,
)
from rem_runtime.memory.dialect.scanner import CLAUSES
from rem_runtime.memory.dialect.times import parse_time, span
from rem_runtime.memory.errors import DialectError

DOCS = Path(__file__).parents[4] / "docs" / "dialect.md"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("LOOKUP Sarah Chen", Lookup(("Sarah Chen",))),
        ("  LOOKUP   Sarah Chen  \n", Lookup(("Sarah Chen",))),
        ("LOOKUP O'Brien", Lookup(("O'Brien",))),
        ("LOOKUP a, b/c", Lookup(("a", "b/c"))),
        ("LOOKUP [\"a, b\", 'it''s']", Lookup(("a, b", "it's"))),
        ("LOOKUP person/'Smith, Jones', b", Lookup(("person/Smith, Jones", "b"))),
        ('TRAVERSE person / "Smith, Jones" OUT', Traverse("person/Smith, Jones", direction="OUT")),
        ("LOOKUP [ a , b ]", Lookup(("a", "b"))),
        ("LOOKUP a, a", Lookup(("a",))),
        ('LOOKUP "say ""hello"""', Lookup(('say "hello"',))),
        ("LOOKUP limit", Lookup(("limit",))),
        ("LOOKUP LIMITED, AS, INSIDE", Lookup(("LIMITED", "AS", "INSIDE"))),
        ("SEARCH what did Ann, the PM, say", Search("what did Ann, the PM, say")),
        ("SEARCH [draft] notes", Search("[draft] notes")),
        ("SEARCH x\nLIMIT 5", Search("x", limit=5)),
        ("SEARCH x FROM resources MODE dense", Search("x", kinds=("resources",), mode="dense")),
        ("SEARCH x TABLE a, b", Search("x", kinds=("a", "b"))),
        (
            'SEARCH x WHERE a.b >= .5 AND c != "d" AND e IN (1, two, null) AND f = true',
            Search(
                "x",
                where=(
                    Comparison("a.b", ">=", 0.5),
                    Comparison("c", "!=", "d"),
                    Membership("e", (1, "two", None)),
                    Comparison("f", "=", True),
                ),
            ),
        ),
        ("SEARCH x WHERE d = 2026-03-01", Search("x", where=(Comparison("d", "=", "2026-03-01"),))),
        (
            "SEARCH x SINCE 2026 UNTIL '2026-03' DURING 2026-03-01..2026-03-02T10:00+02:00",
            Search(
                "x",
                since=Time("2026"),
                until=Time("2026-03"),
                during=(Time("2026-03-01"), Time("2026-03-02T08:00:00Z")),
            ),
        ),
        ("FUZZY sara chan THRESHOLD 0.5 IN person LIMIT 3", Fuzzy("sara chan", ("person",), 3, 0.5)),
        ("TRAVERSE person/ann", Traverse("person/ann")),
        (
            "TRAVERSE ann LIMIT 3 AS OF 2026-03-01 WEIGHT >= 1 BOTH REL works_on, 'reports to' DEPTH 0",
            Traverse(
                "ann", 0, ("works_on", "reports to"), direction="BOTH", weight=1.0, as_of=Time("2026-03-01"), limit=3
            ),
        ),
        ("TRAVERSE ann IN", Traverse("ann", direction="IN")),
        ("SQL  SELECT 1\nFROM entities ", Sql("SELECT 1\nFROM entities")),
    ],
)
def test_parses(text: str, tree: Query) -> None:
    assert parse(text) == tree
    assert parse(render(tree)) == tree


@pytest.mark.parametrize(
    ("text", "position", "reason", "hint"),
    [
        ("", 0, "empty", "LOOKUP"),
        ("find me", 0, "begins with a verb", "SEARCH"),
        ("lookup ann", 0, "begins with a verb", "capitals"),
        ("LOOKUPann", 0, "begins with a verb", "LOOKUP"),
        ("LOOKUP", 6, "name is missing", "write it"),
        ("LOOKUP ,", 7, "name is missing", "write it"),
        ("LOOKUP ann DEPTH 2", 11, "LOOKUP has no clause DEPTH", "quote it"),
        ("LOOKUP [ann", 11, "not closed", "]"),
        ("LOOKUP ann]", 10, "not expected", "quote"),
        ('LOOKUP "ann', 7, "not closed", "close it"),
        ('SEARCH "a" b', 11, "not expected", "SEARCH takes"),
        ("SEARCH x LIMIT five", 15, "whole number", "1 to 1000"),
        ("SEARCH x LIMIT 0", 15, "from 1 to 1000, not 0", "1 to 1000"),
        ("SEARCH x LIMIT 5 LIMIT 6", 17, "twice", "once"),
        ("SEARCH x IN a FROM b", 14, "twice", "once"),
        ("SEARCH x MODE fast", 14, "no mode 'fast'", "hybrid, lexical, dense"),
        ("SEARCH x SINCE yesterday", 15, "not a time", "2026-03-04"),
        ("SEARCH x SINCE 2026-13", 15, "not a time", "2026-03-04"),
        ("SEARCH x DURING 2026", 20, "two times", ".."),
        ("SEARCH x DURING 2026 .. 2025", 24, "before it begins", "earlier"),
        ("SEARCH x WHERE a", 16, "comparison", "a ="),
        ("SEARCH x WHERE a = AND b = 1", 19, "value is missing", "text"),
        ("SEARCH x WHERE a IN (1", 22, "not closed", ")"),
        ("SEARCH x WHERE a == 1", 18, "one = too many", "a = value"),
        ("SEARCH x WHERE a = 1 OR b = 2", 21, "AND alone", "a IN"),
        ("SEARCH x DEPTH 2", 9, "SEARCH has no clause DEPTH", "SEARCH takes"),
        ("FUZZY x THRESHOLD 2", 18, "from 0 to 1", "0.5"),
        ("TRAVERSE a, b", 10, "one reference", "quote"),
        ("TRAVERSE a DEPTH 9", 17, "from 0 to 5, not 9", "0 to 5"),
        ("TRAVERSE a OUT BOTH", 15, "two directions", "one direction"),
        ("TRAVERSE a WEIGHT 0.5", 18, "WEIGHT needs >=", ">= 0.5"),
        ("TRAVERSE a IN person", 14, "not expected", "TRAVERSE takes"),
        ("SQL  ", 5, "statement is missing", "SELECT"),
        ("LOOKUP a\x00b", 8, "NUL", "leave it out"),
        ("LOOKUP a\ud800b", 8, "half a character", "UTF-8"),
        ("LOOKUP " + "x" * 30_000, 20_000, "too long", "20000"),
        ("LOOKUP " + "a," * 150 + "b", 308, "151 references", "at most 100"),
    ],
)
def test_refuses(text: str, position: int, reason: str, hint: str) -> None:
    with pytest.raises(DialectError) as error:
        parse(text)
    assert error.value.position == position
    assert reason in error.value.reason
    assert hint in error.value.hint
    assert error.value.reason in str(error.value)


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("launch LIMT 3", ["LIMIT"]),
        ("launch WEHRE status = open", ["WHERE"]),
        ("launch SINSE 2026 MODEE dense", ["SINCE", "MODE"]),
        ("LOKUP Mercury", ["LOOKUP"]),
        ("lookup Mercury", ["LOOKUP"]),
        ("search launch", ["SEARCH"]),
        ("launch of the limit, where the MODES of HTTPS end", ["MODE"]),
        ("where is the LIMITED edition of WHEREAS", []),
        ("research on the Sarch river", []),
        ('"', []),
    ],
)
def test_what_was_meant_for_a_clause_is_said(label: str, meant: list[str]) -> None:
    notes = list(misread(label))
    assert len(notes) == len(meant)
    for note, word in zip(notes, meant, strict=True):
        assert f"if {word} was meant" in note


def test_every_example_of_the_docs_parses() -> None:
    text = DOCS.read_text("utf-8")
    examples = [line for block in re.findall(r"```rem\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    examples += re.findall(r"\| `((?:LOOKUP|FUZZY|SEARCH|TRAVERSE|SQL) [^`]+)` \|", text)
    assert len(examples) > 30
    for example in examples:
        tree = parse(example)
        assert parse(render(tree)) == tree


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        ("2026-12", "2026-12-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        ("2026-02", "2026-02-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"),
        ("2026-03-31", "2026-03-31T00:00:00+00:00", "2026-04-01T00:00:00+00:00"),
        ("2026-03-31T10:30", "2026-03-31T10:30:00+00:00", "2026-03-31T10:30:00.000001+00:00"),
    ],
)
def test_a_time_is_a_span(text: str, start: str, end: str) -> None:
    assert [moment.isoformat() for moment in span(parse_time(text))] == [start, end]


_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20)
_WORDS = [*CLAUSES, *VERBS, "OF", "AND", "ann", "a,b", "'", '"', "]", "[", "\n"]
_words = st.lists(st.sampled_from(_WORDS), min_size=1).map(" ".join)
_label = st.one_of(_text, _words).map(str.strip).filter(bool)
_name = st.one_of(st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True), _text)
_names = st.lists(_name, max_size=3, unique=True).map(tuple)
_field = st.from_regex(r"[a-z][a-z_]{0,8}(\.[a-z]{1,4})?", fullmatch=True)
_value: st.SearchStrategy[Value] = st.one_of(
    _text,
    st.booleans(),
    st.none(),
    st.integers(-(10**9), 10**9),
    st.decimals(-1000, 1000, places=3).map(float),
)
_condition: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Comparison, _field, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), _value),
    st.builds(Membership, _field, st.lists(_value, min_size=1, max_size=3).map(tuple)),
)
_time = st.one_of(
    st.datetimes().map(lambda moment: parse_time(moment.isoformat())),
    st.dates().map(lambda day: Time(day.isoformat())),
    st.sampled_from([Time("2026"), Time("2026-03")]),
).filter(lambda time: int(time.text[:4]) < 9999)
_share = st.one_of(st.none(), st.decimals(0, 1, places=3).map(float))
_limit = st.one_of(st.none(), st.integers(1, 1000))
_during = st.one_of(st.none(), st.tuples(_time, _time).filter(lambda pair: span(pair[1])[1] > span(pair[0])[0]))
_maybe_time = st.one_of(st.none(), _time)
_queries: st.SearchStrategy[Query] = st.one_of(
    st.builds(Lookup, st.lists(_label, min_size=1, max_size=4, unique=True).map(tuple)),
    st.builds(Fuzzy, _label, _names, _limit, _share),
    st.builds(
        Search,
        _label,
        kinds=_names,
        where=st.lists(_condition, max_size=3).map(tuple),
        since=_maybe_time,
        until=_maybe_time,
        during=_during,
        mode=st.sampled_from([None, "hybrid", "lexical", "dense"]),
        limit=_limit,
    ),
    st.builds(
        Traverse,
        _label,
        depth=st.one_of(st.none(), st.integers(0, 5)),
        rels=_names,
        direction=st.sampled_from([None, "OUT", "IN", "BOTH"]),
        weight=_share,
        as_of=_maybe_time,
        limit=_limit,
    ),
    st.builds(Sql, _text.map(str.strip).filter(bool)),
)


@settings(max_examples=400, deadline=None)
@given(_queries)
def test_the_normal_form_parses_to_the_same(query: Query) -> None:
    assert parse(render(query)) == query


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.one_of(st.sampled_from([*VERBS, *CLAUSES, *",[]\"'().=<>", "..", ">=", "2026", "1"]), _text), max_size=8
    )
)
def test_anything_is_a_tree_or_a_clean_error(words: list[str]) -> None:
    text = " ".join(words)
    try:
        tree = parse(text)
    except DialectError as caught:
        error = caught
    else:
        assert parse(render(tree)) == tree
        return
    assert 0 <= error.position <= len(text)
    assert error.hint
