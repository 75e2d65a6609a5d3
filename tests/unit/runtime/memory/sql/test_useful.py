"""An allow-list that refuses ordinary questions would be a defect."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Ask
from .useful import USEFUL

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(("statement", "first"), [case[1:] for case in USEFUL], ids=[case[0] for case in USEFUL])
async def test_it_works(statement: str, first: dict[str, Any], sql: Ask) -> None:
    answer = await sql(statement)
    assert answer.rows, statement
    assert {name: answer.rows[0][name] for name in first} == first
    assert answer.notes == ()
    assert "BOBSECRET" not in str(answer.rows)
    assert "GONE" not in str(answer.rows)


def test_there_are_enough() -> None:
    assert len(USEFUL) >= 30
