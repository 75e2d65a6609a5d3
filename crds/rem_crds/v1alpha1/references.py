"""References from our kinds to other objects. All of them stay in the object's own namespace, but for those whose
docstring says otherwise."""

from __future__ import annotations

from .fields import Contract, DataKey, ObjectName, TenantName


class TenantRef(Contract):
    """The RemTenant in the same namespace that this object belongs to. It may be created later."""

    name: TenantName
    """Name of the RemTenant."""


class SecretRef(Contract):
    """A Secret in the same namespace. It must carry the label rem.dev/tenant, or the operator does not see it."""

    name: ObjectName
    """Name of the Secret; it must carry the label rem.dev/tenant."""


class SecretKeyRef(Contract):
    """One key of a Secret in the same namespace. It must carry the label rem.dev/tenant."""

    name: ObjectName
    """Name of the Secret; it must carry the label rem.dev/tenant. What secrets.items fetches is in NAME-secrets."""
    key: DataKey
    """Key in the Secret's data."""


class ConfigMapKeyRef(Contract):
    """One key of a ConfigMap in the same namespace."""

    name: ObjectName
    """Name of the ConfigMap."""
    key: DataKey
    """Key in the ConfigMap's data."""


class KeySource(Contract):
    """Where a credential comes from."""

    secret_key_ref: SecretKeyRef
    """Key of a Secret in the same namespace."""
