"""Two rankings become one. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

# Measured on the open half of examples/acme's find questions, and on two sets nothing was tuned on (docs/adr/0011).
# Both scores are absolute, so that a ranking whose best is poor does not count as much as one whose best is good.
# Divided by their maxima, .7 : .3, the two answered 17 of 24 questions among the first five; like this 21.
LEXICAL_SHARE = 0.4
DENSE_SHARE = 0.6
# Of the most that a question's words could give; a passage with every word once, of average length, has three quarters.
_FULL_MARKS = 0.7
# What a passage means is also what the text around it is about.
_AROUND_SHARE = 0.3

Thing = TypeVar("Thing", bound=Hashable)


def fuse(lexical: Mapping[int, float], dense: Mapping[int, float], *, most: float) -> dict[int, float]:
    """One score per chunk; where one ranking is empty, the other's alone.

    `lexical` are BM25 scores and `most` what the question's words could give at best; `dense` are cosines. The best may
    come out above 1, and is not cut here: cut off, they would be equal.
    """
    marks = most * (_FULL_MARKS if dense else 1.0)
    words = {chunk: score / marks for chunk, score in lexical.items()} if marks > 0 else {}
    present = [(scores, share) for scores, share in ((words, LEXICAL_SHARE), (dense, DENSE_SHARE)) if scores]
    total = sum(share for _, share in present)
    fused: dict[int, float] = {}
    for scores, share in present:
        for chunk, score in scores.items():
            fused[chunk] = fused.get(chunk, 0.0) + max(score, 0.0) * share / total
    return fused


def in_context(own: float, around: float) -> float:
    """A passage's cosine, with the mean cosine of it and of its neighbours in the same text."""
    return (1 - _AROUND_SHARE) * own + _AROUND_SHARE * around


def group_chunks(
    scores: Mapping[int, float], things: Mapping[int, Thing]
) -> list[tuple[Thing, list[tuple[int, float]]]]:
    """Things in the order of their best chunk, each with its chunks, the best first."""
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    groups: dict[Thing, list[tuple[int, float]]] = {}
    for chunk, score in ranked:
        if chunk in things:
            groups.setdefault(things[chunk], []).append((chunk, score))
    return list(groups.items())
