"""RemAgent and DreamCycle: what this version says of the kinds that it does not reconcile yet.

Never silence: an object that nothing happens to says so in its Ready condition.
"""

from __future__ import annotations

from rem_operator.conditions import Condition, stamped
from rem_operator.deps import Deps
from rem_operator.kube.resources import KINDS_OF_OURS
from rem_operator.queue import Key, Result
from rem_operator.reconcile.status import write_status


async def report_pending(deps: Deps, key: Key) -> Result:
    """Ready=Unknown / NotYetReconciled, once per generation."""
    resource = next(one for one in KINDS_OF_OURS if one.kind == key.kind)
    seen = deps.index.get(resource, key.namespace, key.name)
    if seen is None or seen.deleting:
        return Result()
    told = Condition(
        "Ready",
        "Unknown",
        "NotYetReconciled",
        f"This version of the operator accepts {key.kind} objects and does not act on them yet.",
    )
    before = seen.body.get("status") or {}
    conditions = stamped([told], before.get("conditions") or (), generation=seen.generation, now=deps.clock())
    await write_status(deps.client, deps.index, seen, {"observedGeneration": seen.generation, "conditions": conditions})
    return Result()
