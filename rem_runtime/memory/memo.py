"""The memo of an answer: a few lines that an agent keeps on its scratchpad instead of the whole. Pure.

The first line repeats the question in its normal form with the number of results; the second names the results, each
as a reference that LOOKUP and TRAVERSE take; for a plan (`DEPTH 0`) there is a line per thing with its relations.
"""

from __future__ import annotations

from collections.abc import Sequence

from rem_runtime.memory.answers import Hit
from rem_runtime.memory.dialect import render_label

_MAX_LISTED = 12
_MAX_QUERY = 200


def memo_of(query: str, hits: Sequence[Hit], *, rows: int | None = None) -> str:
    """The memo for a question in its normal form, and its results or, for SQL, the number of rows."""
    count = len(hits) if rows is None else rows
    what = "result" if rows is None else "row"
    lines = [f"{_short(query)} -> {count} {what}{'' if count == 1 else 's'}"]
    plans = [hit for hit in hits if hit.depth == 0]
    if plans:
        lines += [f"{_reference(hit)}: {_relations(hit)}" for hit in plans[:_MAX_LISTED]]
    elif hits:
        lines.append("; ".join(_result(hit) for hit in hits[:_MAX_LISTED]))
    if len(hits) > _MAX_LISTED:
        lines.append(f"and {len(hits) - _MAX_LISTED} more")
    return "\n".join(lines)


def _short(query: str) -> str:
    one_line = " ".join(query.split())
    return one_line if len(one_line) <= _MAX_QUERY else one_line[: _MAX_QUERY - 1] + "…"


def _result(hit: Hit) -> str:
    score = "" if hit.score is None else f" {hit.score:.2f}"
    way = f" ({hit.path[-1].rel}, depth {hit.depth})" if hit.path else ""
    return f"{_reference(hit)}{score}{way}"


def _reference(hit: Hit) -> str:
    if hit.message_id is not None:
        return f"message {hit.message_id} of session {hit.session_id}"
    return render_label(hit.key if hit.kind is None else f"{hit.kind}/{hit.key}")


def _relations(hit: Hit) -> str:
    counted = ", ".join(f"{edge.rel} {edge.direction} {edge.count}" for edge in hit.edges[:_MAX_LISTED])
    return counted or "no edges"
