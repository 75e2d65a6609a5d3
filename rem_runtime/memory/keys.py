"""The one normaliser: a label and whatever somebody types for it become the same key. Pure; used on write and on read.

Its rules are stored data: change them only together with NORMALISER_VERSION, and `rebuild`.
"""

from __future__ import annotations

import re
import unicodedata

from rem_runtime.memory.errors import InvalidInput

NORMALISER_VERSION = 1
# An index entry of PostgreSQL holds at most 2,704 bytes, and a key shares it with owner, kind and id.
MAX_KEY_BYTES = 1500

_SEPARATORS = re.compile(r"[\s_/\-]+")
_NAME_SEPARATORS = re.compile(r"[^\w]+|_+")
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"'})


def normalise_key(label: str) -> str:
    """The key of a label: NFKC, casefold; runs of white space, `_`, `-`, `/` become `-`; everything else stays.

    So C, C++ and C# differ, and "Sarah Chen", "sarah_chen" and "sarah-chen" do not. Dashes of every length are `-`,
    curly quotes are straight, invisible characters are nothing. Raises InvalidInput where nothing is left.
    """
    key = _SEPARATORS.sub("-", _visible(label)).strip("-")
    if not key:
        raise InvalidInput(f"a label needs at least one letter, digit or sign; {label!r} has none")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidInput(f"a label is at most {MAX_KEY_BYTES} bytes; this one starts with {label[:40]!r}")
    return key


def normalise_name(name: str) -> str:
    """A relation, type or field in snake_case: `Works on` and `works-on` are `works_on`; '' if nothing is left."""
    return _NAME_SEPARATORS.sub("_", unicodedata.normalize("NFKC", name).casefold()).strip("_")


def fuzzy_text(key: str) -> str:
    """What FUZZY compares: the key as words. A column of its own, since a trigram index on the key hijacks equality."""
    return key.replace("-", " ")


def _visible(label: str) -> str:
    """The label folded, without what cannot be seen, dashes and quotes plain."""
    if label.isascii() and label.isprintable():
        return label.lower()  # what the rest comes to, in a tenth of the time
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold()).translate(_QUOTES)
    return "".join(_plain(character) for character in folded)


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Pd":
        return "-"
    # White space is a separator even where Unicode files it under control characters.
    return "" if category in {"Cc", "Cf", "Cs"} and not character.isspace() else character
