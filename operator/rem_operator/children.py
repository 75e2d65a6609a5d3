"""What a builder hands to the apply engine: one desired object and how it is owned.

Owns the `Child` record and nothing else; no I/O, no Kubernetes client, no defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Child:
    """One desired object of a tenant.

    `manifest` is the whole desired object without ownerReferences and our hash annotation, which the engine adds.
    """

    manifest: dict[str, Any]
    owned: bool = True
    """Controller owner reference, collected with the tenant. False for data: CNPG Cluster, Database, DatabaseRole and
    the generated Secrets outlive their RemTenant."""
    generated: bool = False
    """A Secret whose value is made once: created when it is absent, its metadata repaired, its value never touched."""
