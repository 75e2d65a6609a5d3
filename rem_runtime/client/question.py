"""What a person typed, as a query of the dialect. Pure.

Plain words mean SEARCH. They are quoted, so that an upper-case word in them (`what is IN the box`) is a word.
"""

from __future__ import annotations

VERBS = ("LOOKUP", "FUZZY", "SEARCH", "TRAVERSE", "SQL")


def as_query(text: str) -> str:
    """`text` as it is when it begins with a verb, else a SEARCH for it."""
    text = text.strip()
    if text.split(maxsplit=1)[:1] and text.split(maxsplit=1)[0] in VERBS:
        return text
    return 'SEARCH "' + text.replace('"', '""') + '"'
