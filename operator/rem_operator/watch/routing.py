"""Which keys an event concerns.

Pure. A RemTenant's own event and those of everything that carries its label lead to it; an event of something that
tenants only refer to (a secret store, a storage class) leads to those who may refer to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from rem_operator.kube.index import Index, Seen
from rem_operator.kube.resources import KINDS_OF_OURS, REFERENCED, REM_TENANTS, Resource
from rem_operator.queue import Key


def keys_of_event(resource: Resource, one: Seen, index: Index) -> Iterator[Key]:
    """The keys to reconcile after an object has appeared, changed or gone."""
    if resource in KINDS_OF_OURS:
        yield Key(resource.kind, one.namespace, one.name)
    elif resource in REFERENCED:
        yield from keys_of_tenants(index, one.namespace or None)
    elif one.tenant:
        yield Key(REM_TENANTS.kind, one.namespace, one.tenant)


def keys_of_tenants(index: Index, namespace: str | None = None) -> Iterator[Key]:
    """Every tenant, or every one in a namespace."""
    for tenant in index.of_kind(REM_TENANTS, namespace):
        yield Key(REM_TENANTS.kind, tenant.namespace, tenant.name)
