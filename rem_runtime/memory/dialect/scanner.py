"""Reads a query from left to right: words, quoted strings, numbers. Knows which words are clauses, no more."""

from __future__ import annotations

import re
from functools import cache
from typing import NoReturn

from rem_runtime.memory.errors import DialectError

# Upper-case, they end a bare label. All of them in every verb: `LOOKUP Ann DEPTH 2` is a mistake, not a name.
CLAUSES = (
    "IN", "FROM", "TABLE", "LIMIT", "THRESHOLD", "WHERE", "SINCE", "UNTIL", "DURING", "MODE", "DEPTH", "REL", "OUT",
    "BOTH", "WEIGHT", "AS",
)  # fmt: skip
_SPACE = re.compile(r"\s*")
_CLAUSE = re.compile(r"(?:AS(?=\s+OF(?:\s|$))|" + "|".join(c for c in CLAUSES if c != "AS") + r")(?=\s|[,\]>=]|$)")
_WORD = re.compile(r"\S+")
_NAME = re.compile(r"[^\W\d][\w-]*")
_FIELD = re.compile(r"[^\W\d]\w*(?:\.[\w-]+)*")
_NUMBER = re.compile(r"-?(?:\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})(?=[\s,)]|$)", re.ASCII)
_INTEGER = re.compile(r"\d{1,15}(?=\s|$)", re.ASCII)
_VALUE = re.compile(r"[^\s,()\"']+")
_QUOTES = "\"'"


@cache
def _words_pattern(stop: str) -> re.Pattern[str]:
    """Words of one line up to a clause word or one of the characters in `stop`."""
    word = rf"(?!{_CLAUSE.pattern})[^\s{re.escape(stop)}]+"
    return re.compile(rf"{word}(?:[^\S\n]+{word})*")


class Scanner:
    """A place in the text of a query."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.skip()

    def fail(self, reason: str, hint: str, *, at: int | None = None) -> NoReturn:
        """Refuse the query here, or `at`."""
        raise DialectError(reason, position=self.position if at is None else at, hint=hint)

    def skip(self) -> None:
        """Go on to what is not white space."""
        match = _SPACE.match(self.text, self.position)
        assert match is not None
        self.position = match.end()

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.position >= len(self.text)

    @property
    def rest(self) -> str:
        """What is left."""
        return self.text[self.position :]

    def clause(self) -> str | None:
        """The clause word that stands here, without taking it."""
        match = _CLAUSE.match(self.text, self.position)
        return match[0] if match else None

    def word(self) -> str:
        """What stands here up to white space, without taking it; for messages."""
        match = _WORD.match(self.text, self.position)
        return match[0][:40] if match else "the end"

    def take(self, symbol: str) -> bool:
        """Go past `symbol` if it stands here."""
        if not self.text.startswith(symbol, self.position):
            return False
        self.position += len(symbol)
        self.skip()
        return True

    def take_word(self, word: str) -> bool:
        """Go past `word` if it stands here as a whole word."""
        following = self.text[self.position + len(word) :][:1]
        return not (following.isalnum() or following == "_") and self.take(word)

    def take_pattern(self, pattern: re.Pattern[str]) -> str | None:
        """Go past what the pattern matches here."""
        match = pattern.match(self.text, self.position)
        if match is None or not match[0]:
            return None
        self.position = match.end()
        self.skip()
        return match[0]

    def name(self, what: str, hint: str) -> str:
        """A word of letters, digits, `_` and `-`, or a quoted string."""
        if self.position < len(self.text) and self.text[self.position] in _QUOTES:
            return self.string()
        start = self.position
        found = None if self.clause() else self.take_pattern(_NAME)
        return found if found is not None else self.fail(f"{what} is missing before {self.word()!r}", hint, at=start)

    def field(self) -> str:
        """The name of a field, with dots for a field inside a field."""
        start = self.position
        found = None if self.clause() else self.take_pattern(_FIELD)
        return (
            found
            if found is not None
            else self.fail(f"a field is missing before {self.word()!r}", "write WHERE field = value", at=start)
        )

    def integer(self, what: str, *, low: int, high: int) -> int:
        """A whole number in a range."""
        start = self.position
        found = self.take_pattern(_INTEGER)
        if found is None or not low <= int(found) <= high:
            reason = "needs a whole number" if found is None else f"is from {low} to {high}, not {found}"
            self.fail(f"{what} {reason}", f"write {what} with a number from {low} to {high}", at=start)
        return int(found)

    def share(self, what: str) -> float:
        """A number from 0 to 1."""
        start = self.position
        found = self.take_pattern(_NUMBER)
        if found is None or not 0 <= float(found) <= 1:
            self.fail(f"{what} needs a number from 0 to 1", f"write {what} 0.5", at=start)
        return float(found)

    def number(self) -> int | float | None:
        """A number, if one stands here as a whole word."""
        found = self.take_pattern(_NUMBER)
        if found is None:
            return None
        return float(found) if "." in found else int(found)

    def bare_value(self) -> str:
        """One word as a value."""
        start = self.position
        found = None if self.clause() else self.take_pattern(_VALUE)
        if found is None or found == "AND":
            self.fail(f"a value is missing before {self.word()!r}", 'write a number, a word or "a text"', at=start)
        return found

    def string(self) -> str:
        """A quoted string; a quote inside it is doubled."""
        start, quote = self.position, self.text[self.position]
        parts, index = [], self.position + 1
        while True:
            end = self.text.find(quote, index)
            if end < 0:
                self.fail(
                    f"the quote {quote} is not closed", "close it, or put what has quotes inside other quotes", at=start
                )
            parts.append(self.text[index:end])
            if self.text[end + 1 : end + 2] != quote:
                break
            parts.append(quote)
            index = end + 2
        self.position = end + 1
        self.skip()
        return "".join(parts)

    def label(self, what: str, *, stop: str = "") -> str:
        """A quoted string, or words up to the line's end, a clause word or one of the characters in `stop`."""
        start = self.position
        if self.position < len(self.text) and self.text[self.position] in _QUOTES:
            label = self.string().strip()
        else:
            label = self._words(stop)
        if not label:
            self.fail(
                f"{what} is missing before {self.word()!r}",
                'write it after the verb, in quotes if it contains an upper-case clause word: "IN"',
                at=start,
            )
        return label

    def _words(self, stop: str) -> str:
        return self.take_pattern(_words_pattern(stop)) or ""
