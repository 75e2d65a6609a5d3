"""Everything that one reconcile of a tenant looks at, read once, in one frozen record. Absent is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rem_crds.v1alpha1 import RemTenantSpec
from rem_crds.v1alpha1.effective import EffectiveTenant
from rem_operator.kube.index import Seen
from rem_operator.kube.resources import Resource


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """One RemTenant, its children and what it refers to, as the watch last saw them."""

    seen: Seen
    spec: RemTenantSpec
    effective: EffectiveTenant
    status: Mapping[str, Any]
    now: datetime
    children: Mapping[tuple[Resource, str], Seen]
    """By resource and name; everything in the namespace that carries the tenant's label."""
    store: Seen | None
    """The (Cluster)SecretStore that `spec.secrets.storeRef` names."""
    storage_class_exists: bool
    """True as well when the spec names none: the cluster's default is CloudNativePG's business."""
    unserved: frozenset[Resource]
    """Kinds that this tenant needs and the API server does not know."""
    absent_named_secrets: tuple[str, ...]
    """Secrets that the spec names and that are not there, or do not carry the tenant's label."""

    @property
    def name(self) -> str:
        """The tenant's name."""
        return self.seen.name

    @property
    def namespace(self) -> str:
        """The tenant's namespace, where every child is."""
        return self.seen.namespace

    def child(self, resource: Resource, name: str) -> Seen | None:
        """One child, or None."""
        return self.children.get((resource, name))

    @property
    def recorded_system_id(self) -> str | None:
        """The system ID of the database that this tenant is known to have had."""
        return (self.status.get("database") or {}).get("systemID")
