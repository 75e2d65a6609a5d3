"""Carries a plan out, stage by stage, and reads what came of it.

A stage begins when the one before it is done. So what pods read at their start is there before they start anew, however
the operator ends in between; and nothing is put into or around a Cluster that is somebody else's.
"""

from __future__ import annotations

from collections.abc import Sequence

from rem_operator.errors import Blocked, Problem, Waiting, name_conflict
from rem_operator.kube.apply import Outcome, Owner, apply_children
from rem_operator.kube.client import KubeClient
from rem_operator.kube.errors import Forbidden, KubeError, NotServed
from rem_operator.kube.index import Index
from rem_operator.kube.resources import CLUSTERS, CONFIG_MAPS, NETWORK_POLICIES, SECRETS, SERVICE_ACCOUNTS
from rem_operator.reconcile.facts import TenantFacts
from rem_operator.reconcile.parts import missing_kinds
from rem_operator.reconcile.plan import Plan

_PODS_NEED = frozenset({CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, NETWORK_POLICIES})


async def carry_out(client: KubeClient, index: Index, owner: Owner, facts: TenantFacts, plan: Plan) -> list[Outcome]:
    """Apply a plan's stages as far as they go; what is not wanted any more is pruned at the end of the last one."""
    outcomes: list[Outcome] = []
    untouched = plan.names | facts.children.keys()
    for stage in (plan.server, plan.foundation):
        outcomes += await apply_children(client, index, owner, stage, keep=untouched)
        if any(stands_in_the_way(outcome) for outcome in outcomes):
            return outcomes
    return outcomes + await apply_children(client, index, owner, plan.workloads, keep=plan.names)


def stands_in_the_way(outcome: Outcome) -> bool:
    """Whether the stages after this one have to wait."""
    if outcome.resource == CLUSTERS:
        return outcome.action == "conflict"
    return outcome.resource in _PODS_NEED and outcome.action in ("conflict", "failed")


def refusals(facts: TenantFacts, outcomes: Sequence[Outcome]) -> list[Problem]:
    """What the API server, or an object of somebody else, has kept us from doing."""
    conflicts = [_named(outcome) for outcome in outcomes if outcome.action == "conflict"]
    found: list[Problem] = [name_conflict(conflicts)] if conflicts else []
    for outcome in outcomes:
        if outcome.action == "failed" and outcome.error is not None:
            found += _refusal(facts, _named(outcome), outcome.error)
    return found


def unfinished(outcomes: Sequence[Outcome]) -> str:
    """What is tried again because the API server did not take it now, in words; empty when there is nothing.

    Without the error's text, which may be another one each time.
    """
    again = [_named(outcome) for outcome in outcomes if outcome.error is not None and outcome.error.transient]
    return f"The API server did not take {', '.join(again)}; it is tried again." if again else ""


def _refusal(facts: TenantFacts, named: str, error: KubeError) -> list[Problem]:
    if isinstance(error, NotServed):
        missing = missing_kinds(facts)
        return [missing] if missing else []
    if error.transient:
        return []
    if isinstance(error, Forbidden):
        # A role, a quota or somebody's admission policy: it may change without a change of the tenant.
        return [
            Waiting("WaitingForPermission", f"{named} was refused and is tried again every minute: {error.message}")
        ]
    return [Blocked(type(error).__name__, f"The API server refused {named}, built from this tenant: {error.message}")]


def _named(outcome: Outcome) -> str:
    return f"{outcome.resource.kind} {outcome.name}"
