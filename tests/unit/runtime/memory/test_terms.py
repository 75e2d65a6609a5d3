"""`rem_terms`: one function makes the terms that are stored and those that are asked for."""

from __future__ import annotations

import asyncpg
import pytest

pytestmark = pytest.mark.postgres

CASES = {
    "TIDB-142 was closed": {"tidb-142", "tidb", "142", "close"},
    "mail ann.lee@acme.example": {"mail", "ann.lee@acme.example", "ann", "lee", "acm", "exampl"},
    "since v0.20.4": {"sinc", "v0.20.4", "0.20.4", "v0", "20"},
    "C, C++ and C#": {"c", "c++", "c#"},
    "AT&T": {"at&t"},
    "running runners ran": {"run", "runner", "ran"},
    "O’Brien's O'Brien": {"o'brien"},
    "Müller Muller": {"muller"},
    "Straße STRASSE": {"strass"},
    "snake_case_name": {"snake_case_name", "snake", "case", "name"},
    "on 2026-03-04": {"2026-03-04", "2026", "03", "04"},
    "a well-known fact": {"well-known", "well", "known", "fact"},
    "東京 Ελλάδα": {"東京", "ελλαδα"},
    "ﬁne": {"fine"},
    "the of and": set(),
    "--- ''' ++": set(),
    "": set(),
}


@pytest.mark.parametrize("text", CASES)
async def test_terms(pool: asyncpg.Pool, text: str) -> None:
    assert {row[0] for row in await pool.fetch("select rem_terms($1)", text)} == CASES[text]


async def test_a_term_is_never_too_long_for_an_index(pool: asyncpg.Pool) -> None:
    terms = [row[0] for row in await pool.fetch("select rem_terms($1)", "x" * 5_000 + " " + "ab-" * 2_000)]
    assert max(len(term) for term in terms) == 100
