"""One normaliser: what is the same name, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.keys import MAX_KEY_BYTES, fuzzy_text, normalise_key, normalise_name


@pytest.mark.parametrize(
    ("label", "key"),
    [
        ("Sarah Chen", "sarah-chen"),
        ("sarah_chen", "sarah-chen"),
        ("sarah-chen", "sarah-chen"),
        ("  Sarah \t\n CHEN  ", "sarah-chen"),
        ("Sarah--__ /Chen", "sarah-chen"),
        ("and/or", "and-or"),
        ("Berlin–Munich", "berlin-munich"),
        ("C", "c"),
        ("C++", "c++"),
        ("C#", "c#"),
        (".NET", ".net"),
        ("AT&T", "at&t"),
        ("ann@acme.example", "ann@acme.example"),
        ("v1.2.3", "v1.2.3"),
        ("O'Brien", "o'brien"),
        ("O’Brien", "o'brien"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ﬁle", "file"),
        ("Ｗｉｄｅ", "wide"),
        ("soft\u00adhyphen", "softhyphen"),
        ("zero\u200bwidth", "zerowidth"),
        ("東京", "東京"),
        ("non\u00a0breaking", "non-breaking"),
    ],
)
def test_a_label_has_one_key(label: str, key: str) -> None:
    assert normalise_key(label) == key


@pytest.mark.parametrize("label", ["", "   ", "---", "_/-", "\u200b"])
def test_a_label_without_content_is_refused(label: str) -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        normalise_key(label)


def test_a_key_fits_an_index_entry() -> None:
    with pytest.raises(InvalidInput, match="at most"):
        normalise_key("x" * (MAX_KEY_BYTES + 1))


@given(st.text(min_size=1, max_size=40))
def test_a_key_is_its_own_key(label: str) -> None:
    try:
        key = normalise_key(label)
    except InvalidInput:
        return
    assert normalise_key(key) == key
    assert normalise_key(label.upper().lower()) == normalise_key(label.lower())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Works on", "works_on"), ("works-on", "works_on"), ("Person", "person"), ("  ", ""), ("a.b", "a_b")],
)
def test_names_are_snake_case(name: str, expected: str) -> None:
    assert normalise_name(name) == expected


def test_fuzzy_text_is_words() -> None:
    assert fuzzy_text(normalise_key("Sarah_Chen")) == "sarah chen"


@given(st.text(st.characters(max_codepoint=127), min_size=1, max_size=40))
def test_plain_letters_take_a_shorter_way_to_the_same_key(label: str) -> None:
    def key(text: str) -> str | None:
        try:
            return normalise_key(text)
        except InvalidInput:
            return None

    # A joiner is nothing, and it is not ASCII: the same label the long way.
    assert key(label) == key(label + "\u200d")
