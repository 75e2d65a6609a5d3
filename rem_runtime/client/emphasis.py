"""Which words of a passage answer the words of a SEARCH. Pure.

Only for the eye: the server decides what matches, with its own tokeniser. A word too few or too many does no harm.
"""

from __future__ import annotations

import re

from rich.text import Text

_SEARCH = re.compile(r"SEARCH\s+(?:\"((?:[^\"]|\"\")*)\"|'((?:[^']|'')*)'|(.*))", re.DOTALL)
_CLAUSE = re.compile(r"\s(?:IN|FROM|TABLE|WHERE|SINCE|UNTIL|DURING|LIMIT|MODE)\s")
_WORD = re.compile(r"[^\W_]+")
_ENDING = re.compile(r"(?:ing|ed|es|s|e)$")
_SHORTEST = 3
# fmt: off
_TOO_COMMON = frozenset(
    {
        "about", "after", "and", "are", "before", "but", "did", "does", "for", "from", "had", "has", "have",
        "how", "into", "its", "not", "off", "our", "out", "she", "that", "the", "their", "them", "then", "they",
        "this", "was", "were", "what", "when", "where", "which", "who", "whom", "whose", "why", "will", "with",
        "you", "your",
    }
)
# fmt: on


def words_of(query: str) -> frozenset[str]:
    """The stems of what a SEARCH looks for; nothing for another verb."""
    match = _SEARCH.match(query)
    if match is None:
        return frozenset()
    said = match[1] or match[2] or _CLAUSE.split(f"{match[3] or ''} ")[0]
    words = {word.casefold() for word in _WORD.findall(said)}
    return frozenset(_stem(word) for word in words if len(word) >= _SHORTEST and word not in _TOO_COMMON)


def emphasised(text: str, words: frozenset[str], *, style: str) -> Text:
    """The text, with every word of such a stem in a style."""
    shown = Text(text)
    for match in _WORD.finditer(text):
        if _stem(match[0].casefold()) in words:
            shown.stylize(style, *match.span())
    return shown


def _stem(word: str) -> str:
    return _ENDING.sub("", word) if len(word) > _SHORTEST + 1 else word
