"""Words that look like a clause or verb with a slip of the pen: the answer says that they were read as text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rem_runtime.memory.dialect.parser import VERBS
from rem_runtime.memory.dialect.scanner import CLAUSES

_CAPITALS = re.compile(r"\b[A-Z]{4,}\b")
_LONG_CLAUSES = tuple(word for word in CLAUSES if len(word) >= 4)  # one letter off a short one is any word


def misread(label: str) -> Iterator[str]:
    """A note for each word of a label that may have been meant for a clause, or for the verb."""
    first = label.split(" ", 1)[0]
    if verb := _meant(first, VERBS) or (first.upper() if first.islower() and first.upper() in VERBS else None):
        yield f"{first!r} was read as a word to look for; if {verb} was meant, begin with it, in capitals"
    for word in _CAPITALS.findall(label):
        if clause := _meant(word, _LONG_CLAUSES):
            yield f"{word!r} was read as a word to look for; if {clause} was meant, ask again"


def _meant(word: str, known: Iterable[str]) -> str | None:
    return next((one for one in known if len(one) >= 4 and _is_one_slip(word, one)), None)


def _is_one_slip(word: str, other: str) -> bool:
    """Whether one letter was left out, added or exchanged, or two changed places."""
    if word == other or abs(len(word) - len(other)) > 1:
        return False
    shorter = min(len(word), len(other))
    start = next((n for n in range(shorter) if word[n] != other[n]), shorter)
    end = next((n for n in range(shorter - start) if word[-1 - n] != other[-1 - n]), shorter - start)
    rest, other_rest = word[start : len(word) - end], other[start : len(other) - end]
    return max(len(rest), len(other_rest)) == 1 or (len(rest) == 2 and rest == other_rest[::-1])
