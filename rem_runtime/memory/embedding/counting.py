"""How many tokens a text has for a model whose tokeniser is elsewhere: rather too many than too few. Pure.

The rules are stored data as far as chunks are cut by them: change them together with CHUNKER_VERSION.
"""

from __future__ import annotations

import re

# Common tokenisers join more than that of words that they know; of words that they do not, about that.
_UNITS = re.compile(r"[a-z]{1,3}|[A-Z]{1,2}| {2,16}|[^ ]")


def token_ends(text: str) -> list[int]:
    """For each token that the text may have the character after it.

    Up to three small or two large letters are one, each other character is one; a single space belongs to the word
    after it.
    """
    ends = [match.end() for match in _UNITS.finditer(text)]
    if text and (not ends or ends[-1] < len(text)):
        ends.append(len(text))
    return ends
