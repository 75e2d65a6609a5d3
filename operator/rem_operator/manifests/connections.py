"""How many connections a tenant's pods may open at once, and what `max_connections` follows from it."""

from __future__ import annotations

from typing import Final

from rem_crds.v1alpha1.effective import EffectiveTenant

PARAMETER: Final = "max_connections"

# Connections of one pod: the API has a pool for rows and a smaller one for SQL mode.
_PER_API_POD: Final = 8 + 2
_PER_WORKER_POD: Final = 2
_DREAM: Final = 4
_SCHEMA_JOB: Final = 2
# PostgreSQL keeps three for superusers; CNPG's instance manager, metrics exporter and each replica take some as well.
_RESERVED: Final = 14
# A change restarts PostgreSQL, so the value moves in big steps and not with every replica.
_STEP: Final = 100


def connection_budget(spec: EffectiveTenant) -> int:
    """Connections that all pods of the tenant take together at their greatest number."""
    workers = spec.file_processor.scaling.max_replicas if spec.file_processor else 0
    pods = spec.api.autoscaling.max_replicas * _PER_API_POD + workers * _PER_WORKER_POD
    # A roll-out starts new pods before the old ones go: a quarter of the API's on top.
    surge = -(-spec.api.autoscaling.max_replicas // 4) * _PER_API_POD
    return pods + surge + _DREAM + _SCHEMA_JOB + _RESERVED


def max_connections(spec: EffectiveTenant) -> int:
    """`max_connections` where the tenant sets none: the budget, rounded up to the next hundred."""
    return -(-connection_budget(spec) // _STEP) * _STEP


def connection_shortfall(spec: EffectiveTenant) -> str | None:
    """Why the tenant's own `max_connections` is too small, with the remedy; None when it is enough or not set."""
    written = spec.database.parameters.get(PARAMETER)
    if written is None:
        return None
    needed = connection_budget(spec)
    if written.isdecimal() and int(written) >= needed:
        return None
    return (
        f"spec.database.parameters.{PARAMETER} is {written}, but the pods can take {needed} connections together: "
        "raise it, remove it (it is then computed), or lower maxReplicas of api.autoscaling or fileProcessor.scaling"
    )
