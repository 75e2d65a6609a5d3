"""docs/dialect.ebnf is the language that the parser accepts, and whatever else comes is refused cleanly."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from rem_runtime.memory.dialect import VERBS, parse, render
from rem_runtime.memory.dialect.ast import Query
from rem_runtime.memory.dialect.scanner import CLAUSES
from rem_runtime.memory.errors import DialectError

from .ebnf import Grammar, Lexical, read_grammar

DOCS = Path(__file__).parents[4] / "docs"
SENTENCES = 40_000
MUTANTS = 40_000
NOISE = 20_000
_LETTERS = "abcdefgXYZÄéß中и"
_INSIDE = _LETTERS + "0123456789_-'’.@#+&"
# What only together is wrong, and so no matter of the grammar.
_MEANING = "DURING ends before it begins"


def _word(rng: random.Random, inside: str = _INSIDE) -> str:
    return rng.choice(_LETTERS) + "".join(rng.choices(inside, k=rng.randint(0, 7)))


def _words(rng: random.Random) -> str:
    return " ".join(_word(rng) for _ in range(rng.randint(1, 4)))


def _free_words(rng: random.Random) -> str:
    return rng.choice(["", "what, ", "[draft] ", "(a) "]) + _words(rng)


def _string(rng: random.Random) -> str:
    quote = rng.choice("\"'")
    text = "".join(rng.choices(_INSIDE + ' ,][()"=<\n', k=rng.randint(1, 12))) + rng.choice(["x", "IN", "LIMIT 5"])
    return quote + text.replace(quote, quote * 2) + quote


def _time(rng: random.Random) -> str:
    year, month, day = rng.randint(1970, 2099), rng.randint(1, 12), rng.randint(1, 28)
    forms = [f"{year}", f"{year}-{month:02}", f"{year}-{month:02}-{day:02}"]
    clock = f"{forms[2]}T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
    return rng.choice([*forms, clock, clock + "Z", clock + ":07.25", clock + ":59+02:00"])


def _number(rng: random.Random) -> str:
    return rng.choice([str(rng.randint(-(10**6), 10**6)), f"{rng.uniform(-99, 99):.3f}", ".5", "0"])


_LEXICAL: dict[str, Lexical] = {
    "string": _string,
    "words": _words,
    "free words": _free_words,
    "qualifier": lambda rng: _word(rng, _LETTERS),
    "word": lambda rng: _word(rng, _INSIDE.replace("'", "")),
    "name": lambda rng: rng.choice([_word(rng, _LETTERS + "0123456789_-"), _string(rng)]),
    "field": lambda rng: ".".join(_word(rng, "abc_1") for _ in range(rng.randint(1, 3))),
    "number": _number,
    "share": lambda rng: rng.choice(["0", "1", "0.25", ".5"]),
    "count": lambda rng: str(rng.randint(1, 1000)),
    "hops": lambda rng: str(rng.randint(0, 5)),
    "time": _time,
    "statement": lambda rng: f"SELECT {_word(rng, 'abc')}\nFROM entities",
}


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return read_grammar((DOCS / "dialect.ebnf").read_text("utf-8"))


@pytest.fixture
def rng() -> random.Random:
    return random.Random(42)


def test_the_grammar_is_whole(grammar: Grammar) -> None:
    lexical = {name for name, body in grammar.rules.items() if body is None}
    assert lexical == set(_LEXICAL)


def test_every_sentence_of_the_grammar_is_a_tree(grammar: Grammar, rng: random.Random) -> None:
    verbs = set()
    for _ in range(SENTENCES):
        sentence = grammar.sentence("query", _LEXICAL, rng)
        read = _read(sentence)
        if isinstance(read, DialectError):
            assert read.reason == _MEANING, (sentence, str(read))
            continue
        assert parse(render(read)) == read, sentence
        verbs.add(sentence.split()[0])
    assert verbs == set(VERBS)


def test_a_mutant_is_a_tree_or_a_clean_error(grammar: Grammar, rng: random.Random) -> None:
    refused = sum(_check(_mutated(grammar.sentence("query", _LEXICAL, rng), rng)) for _ in range(MUTANTS))
    assert 0.2 < refused / MUTANTS < 0.9  # mutants that are all accepted, or all refused, would test little


def test_noise_is_a_tree_or_a_clean_error(rng: random.Random) -> None:
    refused = sum(_check(text) for text in _noise(rng))
    assert refused > NOISE / 2


def _check(text: str) -> bool:
    """Whether it is refused; fails for anything but a tree whose normal form says the same, or a usable error."""
    read = _read(text)
    if not isinstance(read, DialectError):
        assert parse(render(read)) == read, text
        return False
    assert 0 <= read.position <= len(text), text
    assert read.reason, text
    assert read.hint, text
    return True


def _read(text: str) -> Query | DialectError:
    try:
        return parse(text)
    except DialectError as error:
        return error


def _mutated(sentence: str, rng: random.Random) -> str:
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(sentence))
        match rng.randrange(7):
            case 0:
                sentence = sentence[:at] + sentence[at + 1 :]
            case 1:
                sentence = sentence[:at] + rng.choice("\"'[](),=<>/.\n\x00\t\u2028\ud800 🜚0-") + sentence[at:]
            case 2:
                sentence = sentence[:at]
            case 3:
                sentence = sentence[:at] + sentence[max(0, at - rng.randint(1, 20)) :]
            case 4:
                sentence = f"{sentence[:at]} {rng.choice([*CLAUSES, *VERBS, 'OF', 'AND'])} {sentence[at:]}"
            case 5:
                words = sentence.split(" ")
                rng.shuffle(words)
                sentence = " ".join(words)
            case _:
                sentence = sentence.swapcase()
    return sentence


def _noise(rng: random.Random) -> Iterator[str]:
    pieces = [*VERBS, *CLAUSES, "OF", "AND", *"\"'[](),=<>/.-", "..", ">=", "1e9", "2026-13", "9" * 30, "\n", "x", ""]
    for _ in range(NOISE // 2):
        yield rng.choice([" ", ""]).join(rng.choices(pieces, k=rng.randint(0, 12)))
        yield "".join(chr(rng.choice([rng.randrange(128), rng.randrange(0x110000)])) for _ in range(rng.randint(0, 30)))
