"""Reads what a reconcile looks at. All of it comes from the watch's index; no request is made here."""

from __future__ import annotations

from datetime import datetime

from rem_crds.v1alpha1 import RemTenantSpec
from rem_crds.v1alpha1.effective import EffectiveTenant, effective_tenant
from rem_operator.kube.index import Index, Seen
from rem_operator.kube.resources import (
    CLUSTER_SECRET_STORES,
    CLUSTERS,
    DATABASE_ROLES,
    DATABASES,
    EXTERNAL_SECRETS,
    SCALED_OBJECTS,
    SECRET_STORES,
    SECRETS,
    STORAGE_CLASSES,
    TRIGGER_AUTHENTICATIONS,
    Resource,
)
from rem_operator.reconcile.facts import TenantFacts


def gather_tenant(index: Index, tenant: Seen, *, now: datetime) -> TenantFacts:
    """What is known of a tenant. Raises pydantic.ValidationError when its spec does not parse."""
    body = tenant.body
    spec = RemTenantSpec.model_validate(body["spec"])
    effective = effective_tenant(spec)
    return TenantFacts(
        seen=tenant,
        spec=spec,
        effective=effective,
        status=body.get("status") or {},
        now=now,
        children={(one.resource, one.name): one for one in index.of_tenant(tenant.namespace, tenant.name)},
        store=_store(index, tenant.namespace, effective),
        storage_class_exists=_storage_class_exists(index, effective),
        unserved=frozenset(resource for resource in _needed(effective) if not index.served(resource)),
        absent_named_secrets=tuple(
            name
            for name in _named_secrets(effective)
            if (found := index.get(SECRETS, tenant.namespace, name)) is None or found.tenant != tenant.name
        ),
    )


def _store(index: Index, namespace: str, spec: EffectiveTenant) -> Seen | None:
    if spec.secrets is None:
        return None
    reference = spec.secrets.store_ref
    if reference.kind == "ClusterSecretStore":
        return index.get(CLUSTER_SECRET_STORES, "", reference.name)
    return index.get(SECRET_STORES, namespace, reference.name)


def _storage_class_exists(index: Index, spec: EffectiveTenant) -> bool:
    name = spec.database.storage.storage_class_name
    return name is None or index.get(STORAGE_CLASSES, "", name) is not None


def _needed(spec: EffectiveTenant) -> list[Resource]:
    needed = [CLUSTERS, DATABASES, DATABASE_ROLES]
    if spec.secrets is not None:
        needed.append(EXTERNAL_SECRETS)
    if spec.file_processor is not None:
        needed += [SCALED_OBJECTS, TRIGGER_AUTHENTICATIONS]
    return needed


def _named_secrets(spec: EffectiveTenant) -> list[str]:
    """Secrets that a user names and that our pods read; each must carry our label, or the watch cannot see it."""
    reference = spec.identity.credentials_secret_ref
    return [reference.name] if reference else []
