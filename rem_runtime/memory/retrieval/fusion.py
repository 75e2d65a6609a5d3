"""Two rankings become one. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

# Measured on conversations: .7 : .3 of scores divided by their maximum beats either alone; reciprocal ranks did not.
LEXICAL_SHARE = 0.7
DENSE_SHARE = 0.3

Thing = TypeVar("Thing", bound=Hashable)


def fuse(lexical: Mapping[int, float], dense: Mapping[int, float]) -> dict[int, float]:
    """One score from 0 to 1 per chunk; where one ranking is empty, the other's alone."""
    present = [(scores, share) for scores, share in ((lexical, LEXICAL_SHARE), (dense, DENSE_SHARE)) if scores]
    total = sum(share for _, share in present)
    fused: dict[int, float] = {}
    for scores, share in present:
        top = max(scores.values())
        for chunk, score in scores.items():
            part = max(score, 0.0) / top if top > 0 else 0.0
            fused[chunk] = fused.get(chunk, 0.0) + part * share / total
    return fused


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
