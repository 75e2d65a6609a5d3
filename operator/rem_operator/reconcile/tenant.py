"""RemTenant: gather → checks → plan → apply → status. Level-triggered: run twice, the second run writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pydantic

from rem_operator import conditions
from rem_operator.conditions import Condition
from rem_operator.deps import Deps
from rem_operator.errors import Blocked, Problem, Waiting, invalid
from rem_operator.kube.apply import Outcome, Owner
from rem_operator.kube.errors import NamespaceTerminating
from rem_operator.kube.index import Seen
from rem_operator.kube.resources import REM_TENANTS
from rem_operator.manifests.inputs import Credentials, TenantInputs
from rem_operator.queue import Key, Result
from rem_operator.reconcile.carry_out import carry_out, refusals, unfinished
from rem_operator.reconcile.checks import first_violation
from rem_operator.reconcile.facts import TenantFacts
from rem_operator.reconcile.gather import gather_tenant
from rem_operator.reconcile.last_words import last_words
from rem_operator.reconcile.parts import informational, parts_of
from rem_operator.reconcile.plan import Plan, plan_tenant, wanted_image, wanted_schema_jobs
from rem_operator.reconcile.report import report_problem, report_tenant
from rem_operator.reconcile.rollout import rolling
from rem_operator.reconcile.second_look import with_second_look
from rem_operator.reconcile.status import tenant_status

log = logging.getLogger(__name__)

# What refused us (somebody else's object, a role, a quota) is not watched, so no event tells that it has changed.
_REFUSED_SECONDS = 60.0


async def reconcile_tenant(deps: Deps, key: Key) -> Result:
    """Bring one tenant to what its spec says. Raises a transient KubeError when it is worth trying again soon."""
    tenant = deps.index.get(REM_TENANTS, key.namespace, key.name)
    if tenant is None or tenant.deleting:
        return Result()
    try:
        facts = await _gather(deps, tenant)
    except pydantic.ValidationError as error:
        return await report_problem(deps, tenant, invalid(_said_by_pydantic(error)))
    inputs = _inputs(deps, facts)
    violation = first_violation(facts, deps.settings.policy, inputs)
    if violation is not None:
        return await _report(deps, inputs, facts, found=[violation])
    try:
        plan = plan_tenant(facts, inputs)
    except ValueError as error:  # the builders' last fence: what the CRD lets through and nothing can be made of
        return await _report(deps, inputs, facts, found=[invalid(f"Nothing can be built from the spec: {error}.")])
    outcomes = await _carry_out(deps, facts, plan)
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if any(isinstance(error, NamespaceTerminating) for error in errors):
        return Result()
    # What was applied is in the index by now, so that the status tells of it and not of the moment before.
    after = await _gather(deps, tenant)
    found = refusals(after, outcomes)
    result = await _report(deps, inputs, after, found=found, retried=unfinished(outcomes))
    transient = next((error for error in errors if error.transient), None)
    if transient is not None:
        raise transient
    return _sooner(result, _REFUSED_SECONDS) if found else result


async def _gather(deps: Deps, tenant: Seen) -> TenantFacts:
    return await with_second_look(deps.client, gather_tenant(deps.index, tenant, now=deps.clock()))


def _sooner(result: Result, seconds: float) -> Result:
    wanted = result.requeue_after_seconds
    return Result(requeue_after_seconds=seconds if wanted is None else min(wanted, seconds))


def _inputs(deps: Deps, facts: TenantFacts) -> TenantInputs:
    return TenantInputs(
        name=facts.name,
        namespace=facts.namespace,
        uid=facts.seen.uid,
        spec=facts.effective,
        settings=deps.settings.build,
        # Used only for Secrets that do not exist yet; an existing one keeps its value.
        credentials=Credentials(app_password=deps.token(), sql_password=deps.token(), api_key=deps.token()),
    )


async def _carry_out(deps: Deps, facts: TenantFacts, plan: Plan) -> list[Outcome]:
    owner = Owner(name=facts.name, namespace=facts.namespace, uid=facts.seen.uid)
    outcomes = await carry_out(deps.client, deps.index, owner, facts, plan)
    for outcome in outcomes:
        deps.metrics.child(str(outcome.resource), outcome.action)
        if outcome.action != "unchanged":
            log.info(
                "child changed",
                extra={
                    "tenant": f"{facts.namespace}/{facts.name}",
                    "child": f"{outcome.resource.kind}/{outcome.name}",
                    "action": outcome.action,
                },
            )
    return outcomes


async def _report(
    deps: Deps, inputs: TenantInputs, facts: TenantFacts, *, found: Sequence[Problem], retried: str = ""
) -> Result:
    jobs = wanted_schema_jobs(facts, inputs)
    parts = parts_of(facts, jobs, failure=await last_words(deps.client, facts, jobs))
    # Of the present generation alone: a changed spec is a new attempt, which has its ten minutes.
    before = [c for c in facts.status.get("conditions") or () if c.get("observedGeneration") == facts.seen.generation]
    first = conditions.first_problem([*found, *(part.problem for part in parts)])
    problem = conditions.overdue(first, before, now=facts.now)
    going_on = retried or rolling(facts)
    awaited = Waiting(conditions.ROLLING_OUT, going_on) if going_on else None
    stuck = conditions.overdue(awaited, before, now=facts.now)
    told = conditions.summarise(
        [part.as_condition() for part in parts],
        problem,
        rolling=going_on,
        stuck=stuck if isinstance(stuck, Blocked) else None,
    )
    status = tenant_status(
        facts,
        inputs,
        conditions=[*told, *informational(facts)],
        phase=_phase(facts, told, problem),
        jobs=jobs,
        image=wanted_image(inputs),
    )
    return await report_tenant(deps, facts.seen, status)


def _phase(facts: TenantFacts, told: Sequence[Condition], problem: Problem | None) -> str:
    """For people; derived from the conditions and from whether the tenant was serving when they were last looked at."""
    if isinstance(problem, Blocked):
        return "Failed"
    if problem is not None:
        return "Degraded" if facts.status.get("phase") in {"Ready", "Updating", "Degraded"} else "Provisioning"
    types = {c.type for c in told}
    return "Degraded" if "Stalled" in types else "Updating" if "Reconciling" in types else "Ready"


def _said_by_pydantic(error: pydantic.ValidationError) -> str:
    said = [f"spec.{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()]
    return "; ".join(said) + ". The CRD that is installed is older or newer than this operator: apply its own."
