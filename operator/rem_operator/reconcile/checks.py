"""What keeps a tenant from being acted on at all: an ordered list of pure checks; the first violation counts.

While one of them holds nothing is applied and nothing is pruned: the last good children stay.
"""

from __future__ import annotations

from collections.abc import Callable

from rem_operator.errors import Blocked, Problem, forbidden_by_policy, invalid, not_yet_supported
from rem_operator.manifests.connections import connection_shortfall
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.reconcile.database import lost_database
from rem_operator.reconcile.facts import TenantFacts
from rem_operator.reconcile.ineffective import ineffective_settings
from rem_operator.reconcile.policy import Policy, repository_of, violations
from rem_operator.reconcile.supported import unsupported_fields

Check = Callable[[TenantFacts, Policy, TenantInputs], Problem | None]


def first_violation(facts: TenantFacts, policy: Policy, inputs: TenantInputs) -> Problem | None:
    """The first check that does not hold, as a problem; None when all hold."""
    return next((problem for check in _CHECKS if (problem := check(facts, policy, inputs)) is not None), None)


def _supported(facts: TenantFacts, _policy: Policy, _inputs: TenantInputs) -> Blocked | None:
    fields = unsupported_fields(facts.spec, facts.seen.annotations)
    return not_yet_supported(fields) if fields else None


def _allowed(facts: TenantFacts, policy: Policy, inputs: TenantInputs) -> Blocked | None:
    images = inputs.settings.images
    own = frozenset(repository_of(image) for image in (images.runtime, images.postgres, images.pgvector) if image)
    found = violations(facts.effective, namespace=facts.namespace, policy=policy, own_repositories=own)
    return forbidden_by_policy(f"{'; '.join(found)}.") if found else None


def _effective(_facts: TenantFacts, _policy: Policy, inputs: TenantInputs) -> Blocked | None:
    found = ineffective_settings(inputs)
    shortfall = connection_shortfall(inputs.spec)
    if shortfall is not None:
        found.append(shortfall)
    return invalid(f"{'; '.join(found)}.") if found else None


def _database(facts: TenantFacts, _policy: Policy, _inputs: TenantInputs) -> Blocked | None:
    return lost_database(facts)


_CHECKS: tuple[Check, ...] = (_supported, _allowed, _effective, _database)
