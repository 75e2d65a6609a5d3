"""References of the dialect become probes of the `name` table. Pure.

`person/mercury` may be the name "person/mercury", or "mercury" of the kind or type person. Both are asked for in one
statement; the second wins where it finds something, since whoever writes it so means it so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.keys import normalise_key, normalise_name
from rem_runtime.memory.models import KINDS
from rem_runtime.memory.schema.views import VIEW_NAMES

# How many things of one name are shown; what is beyond is said.
MAX_HOMONYMS = 20
MESSAGE_KIND = "message"

_PLURALS = {plural: kind for kind, plural in VIEW_NAMES.items()} | {"messages": MESSAGE_KIND}
Row = TypeVar("Row", bound=Mapping[str, Any])


@dataclass(frozen=True, slots=True)
class Probes:
    """Columns for `unnest`: the reference's number, the key, and the kind or type that it must have ('' is any)."""

    numbers: list[int]
    keys: list[str]
    qualifiers: list[str]


def probes_of(refs: Sequence[str]) -> Probes:
    """The probes of some references, in their order."""
    probes = Probes([], [], [])
    for number, ref in enumerate(refs):
        for qualifier, label in _readings(ref):
            probes.numbers.append(number)
            probes.keys.append(normalise_key(label))
            probes.qualifiers.append(qualifier)
    return probes


def chosen(rows: Iterable[Row]) -> dict[int, list[Row]]:
    """The rows of each reference: those of the qualified reading where there are any, and no thing twice."""
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row["ord"], []).append(row)
    return {number: group if len(group) == 1 else _distinct(_preferred(group)) for number, group in found.items()}


def kind_of(name: str) -> str:
    """A kind as people write it, in the plural too; what is none comes back as a name."""
    word = normalise_name(name)
    return _PLURALS.get(word, word)


def split_kinds(names: Sequence[str]) -> tuple[list[str] | None, list[str] | None]:
    """The names of an IN clause as kinds and as types; None where the clause says nothing about it."""
    kinds, types = [], []
    for name in names:
        kind = kind_of(name)
        if kind in KINDS or kind == MESSAGE_KIND:
            kinds.append(kind)
        elif kind:
            types.append(kind)
        else:
            raise InvalidInput(f"{name!r} is neither a kind nor a type")
    return kinds or None, types or None


def _readings(ref: str) -> list[tuple[str, str]]:
    before, slash, after = ref.partition("/")
    if slash and after.strip("/_- \t") and (qualifier := kind_of(before)):
        return [("", ref), (qualifier, after)]
    return [("", ref)]


def _preferred(rows: list[Row]) -> list[Row]:
    qualified = [row for row in rows if row["qualifier"]]
    return qualified or rows


def _distinct(rows: list[Row]) -> list[Row]:
    return list({row["id"]: row for row in rows}.values())
