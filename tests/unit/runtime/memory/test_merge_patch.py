"""Merge patches as RFC 7396 has them, and which text of a moment, a user or a message is searched."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from rem_runtime.memory.conversation.chunks import speaker_of
from rem_runtime.memory.records.patches import merged

# The table of its appendix A.
CASES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), CASES)
def test_the_table_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    before = copy.deepcopy((target, patch))
    assert merged(target, patch) == result
    assert (target, patch) == before


@pytest.mark.parametrize(
    ("metadata", "speaker"),
    [
        ({}, "user"),
        ({"speaker": "Ann  Lee\n"}, "Ann Lee"),
        ({"speaker": " "}, "user"),
        ({"speaker": 5}, "user"),
        ({"speaker": None}, "user"),
    ],
)
def test_who_said_it(metadata: dict[str, Any], speaker: str) -> None:
    assert speaker_of("user", metadata) == speaker
