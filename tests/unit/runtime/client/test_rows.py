"""The rows of a SQL answer, as `rem ask` shows them."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from rem_runtime.client.render import show_answer
from rem_runtime.client.rows import row_lines


def test_columns_stand_under_their_names() -> None:
    lines = [line.plain for line in row_lines([{"tag": "minutes", "n": 41}, {"tag": "é", "n": 7}], width=80)]
    assert lines == ["tag       n", "minutes  41", "é         7"]


def test_what_does_not_fit_is_cut_and_one_line() -> None:
    rows = [{"text": "one\ntwo " * 40, "list": ["a", None], "none": None}]
    lines = [line.plain for line in row_lines(rows, width=40)]
    assert max(map(len, lines)) <= 40
    assert "…" in lines[1]
    assert '["a", null]' in lines[1]
    assert len(next(line for line in list(row_lines(rows, width=40, full=True))[1:]).plain) > 200


def test_more_columns_than_a_line_has_room_for() -> None:
    lines = list(row_lines([{f"column_{i}": i for i in range(40)}], width=80))
    assert len(lines) == 2


def shown(**answer: Any) -> str:
    stream = io.StringIO()
    show_answer(Console(file=stream, width=60), {"verb": "SQL", "query": "SQL select 1", "results": [], **answer})
    return stream.getvalue()


def test_an_answer_of_rows() -> None:
    text = shown(rows=[{"x": "\x1b[31mred"}], notes=["cut at 1 rows"])
    assert "1 row" in text
    assert "cut at 1 rows" in text
    assert "\x1b" not in text
    assert "Nothing found" not in text


def test_no_rows() -> None:
    assert "Nothing found." in shown(rows=[])
