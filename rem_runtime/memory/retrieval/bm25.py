"""Which terms of a question are looked up first, and when the result is certain. Pure; the sums are SQL's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The most that a term's weight is multiplied by: (k1 + 1) with k1 = 1.2, as in search.sql.
SATURATION = 2.2


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms with their weights, the rarest first, and how many postings each has."""

    terms: tuple[str, ...]
    weights: tuple[float, ...]
    frequencies: tuple[int, ...]
    mean_length: float

    def split(self, most_postings: int) -> int:
        """How many of the terms have at most so many postings together; at least one."""
        total = 0
        for index, frequency in enumerate(self.frequencies):
            total += frequency
            if total > most_postings and index:
                return index
        return len(self.terms)

    def bound(self, start: int) -> float:
        """The most that the terms from `start` on can add to a score."""
        return SATURATION * sum(self.weights[start:])


def weigh(rows: Sequence[Mapping[str, Any]]) -> Terms:
    """The terms that occur at all, by the statement `weigh`'s rows."""
    known = sorted((row for row in rows if row["df"]), key=lambda row: (row["df"], row["term"]))
    return Terms(
        terms=tuple(row["term"] for row in known),
        weights=tuple(row["times"] * _rarity(row["df"], row["chunks"]) for row in known),
        frequencies=tuple(row["df"] for row in known),
        mean_length=max((row["mean_len"] for row in known), default=1.0) or 1.0,
    )


def is_exact(scores: Sequence[float], *, wanted: int, rest_bound: float, last_partial: float) -> bool:
    """Whether nothing unseen could belong to the best `wanted`.

    What was not scored has none of the first terms, so at most `rest_bound`; or had them and fell out of the best
    candidates, so at most `last_partial` more.
    """
    if rest_bound <= 0:
        return True
    return len(scores) >= wanted and scores[wanted - 1] >= rest_bound + last_partial


def _rarity(df: int, chunks: int) -> float:
    # The count of chunks may be older than the term: never fewer than contain it.
    return math.log(1 + (max(chunks, df) - df + 0.5) / (df + 0.5))
