"""Tells what a reconcile found: the status, an event when Ready changes, and when to look again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rem_operator.conditions import PROGRESS_DEADLINE, parsed_timestamp, stamped, summarise
from rem_operator.deps import Deps
from rem_operator.errors import Problem
from rem_operator.kube.index import Seen
from rem_operator.queue import Result
from rem_operator.reconcile.status import write_status


async def report_problem(deps: Deps, seen: Seen, problem: Problem) -> Result:
    """For an object that was not even understood: Ready and what follows from it, everything else as it was."""
    before = seen.body.get("status") or {}
    told = stamped(summarise([], problem), before.get("conditions") or (), generation=seen.generation, now=deps.clock())
    kept = [c for c in before.get("conditions") or () if c["type"] not in {"Ready", "Reconciling", "Stalled"}]
    status = {**before, "observedGeneration": seen.generation, "phase": "Failed", "conditions": [*told, *kept]}
    return await report_tenant(deps, seen, status)


async def report_tenant(deps: Deps, seen: Seen, status: Mapping[str, Any]) -> Result:
    """Write the status if it differs; an event when Ready has changed its mind."""
    before = _ready((seen.body.get("status") or {}).get("conditions") or ())
    now = _ready(status["conditions"])
    await write_status(deps.client, deps.index, seen, status)
    deps.metrics.conditions(seen.resource.kind, seen.namespace, seen.name, status["conditions"])
    if now is not None and _changed(before, now):
        stalled = _has(status["conditions"], "Stalled")
        await deps.events.record(seen, "Warning" if stalled else "Normal", reason=now["reason"], message=now["message"])
    return Result(requeue_after_seconds=_until_deadline(deps, status["conditions"]))


def _ready(conditions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((c for c in conditions if c["type"] == "Ready"), None)


def _has(conditions: Sequence[Mapping[str, Any]], kind: str) -> bool:
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def _changed(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    return before is None or (before["status"], before["reason"]) != (now["status"], now["reason"])


def _until_deadline(deps: Deps, conditions: Sequence[Mapping[str, Any]]) -> float | None:
    """Seconds until waiting becomes too long; None when nothing is awaited."""
    awaited = next((c for c in conditions if c["type"] == "Reconciling" and c["status"] == "True"), None)
    if awaited is None:
        return None
    left = parsed_timestamp(awaited["lastTransitionTime"]) + PROGRESS_DEADLINE - deps.clock()
    return max(1.0, left.total_seconds() + 1.0)
