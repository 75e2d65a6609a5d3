"""One tree in, one answer out: which module answers which verb, and what every answer says about itself."""

from __future__ import annotations

from time import perf_counter
from typing import cast

from rem_runtime.memory.answers import QueryAnswer, Verb
from rem_runtime.memory.dialect import misread, parse, render
from rem_runtime.memory.dialect.ast import Fuzzy, Lookup, Query, Search, Sql, Traverse
from rem_runtime.memory.memo import memo_of
from rem_runtime.memory.retrieval.lookup import fuzzy, lookup
from rem_runtime.memory.retrieval.parts import Asking, Outcome
from rem_runtime.memory.retrieval.search import search
from rem_runtime.memory.retrieval.traverse import traverse
from rem_runtime.memory.sql.verb import sql


async def answer_query(text: str, asking: Asking) -> QueryAnswer:
    """Parse, execute, report; raises DialectError, NotAvailable, NotPermitted, InvalidInput."""
    start = perf_counter()
    query = parse(text)
    parsed = perf_counter()
    outcome = await _execute(query, asking, text)
    total = perf_counter() - start
    normal = render(query)
    return QueryAnswer(
        query=normal,
        verb=cast("Verb", type(query).__name__.upper()),
        defaults=outcome.defaults,
        took_ms={"parse": round((parsed - start) * 1000, 3), **outcome.took_ms, "total": round(total * 1000, 3)},
        results=tuple(outcome.hits),
        rows=outcome.rows,
        memo=memo_of(normal, outcome.hits, rows=None if outcome.rows is None else len(outcome.rows)),
        notes=tuple(outcome.notes),
    )


async def _execute(query: Query, asking: Asking, text: str) -> Outcome:
    match query:
        case Lookup():
            return await lookup(query, asking)
        case Fuzzy():
            outcome, label = await fuzzy(query, asking), query.label
        case Search():
            outcome, label = await search(query, asking), query.label
        case Traverse():
            outcome, label = await traverse(query, asking), query.ref
        case Sql():
            return await sql(query, asking, offset=text.rindex(query.text))
    outcome.notes[:0] = misread(label)
    return outcome
