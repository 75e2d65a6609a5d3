"""Which terms of a question are looked up first, and when the result is certain. Pure; the sums are SQL's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# BM25's constants, as in search.sql: how soon repetition stops counting, and how much length does.
K1 = 1.2
B = 0.75


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms with the most that each can add to a score, the rarest first, and how many postings each has."""

    terms: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    frequencies: tuple[int, ...] = ()
    mean_length: float = 1.0
    mass: float = 0.0
    """The most that the question's words could give, those that occur nowhere included."""

    @property
    def length_factor(self) -> float:
        """What a chunk's length is multiplied by in the denominator."""
        return K1 * B / self.mean_length

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
        return sum(self.weights[start:])


def weigh(row: Mapping[str, Any]) -> Terms:
    """The terms that occur at all, by the row of the statement `opening`."""
    columns = zip(row["dfs"] or (), row["terms"] or (), row["times"] or (), strict=True)
    asked = sorted(columns)
    known = [term for term in asked if term[0]]
    return Terms(
        terms=tuple(term for _, term, _ in known),
        weights=tuple(times * (K1 + 1) * _rarity(df, row["chunks"]) for df, _, times in known),
        frequencies=tuple(df for df, _, _ in known),
        mean_length=row["mean_len"] or 1.0,
        mass=sum(times * (K1 + 1) * _rarity(df, row["chunks"]) for df, _, times in asked),
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
