"""Secrets that are not the database's: the ExternalSecret, and the API keys that are made once.

What is written is valid for External Secrets 0.20 and 2.9 (`external-secrets.io/v1`): fields that have a default in
one of them and not in the other are left out.
"""

from __future__ import annotations

from typing import Any

from rem_crds import handoff
from rem_crds.v1alpha1.access import SecretItem
from rem_operator.children import Child
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.manifests.labels import labels_of
from rem_operator.names import name_of_api_key, name_of_secrets


def secret_children(t: TenantInputs) -> list[Child]:
    """The ExternalSecret, where secrets are configured, and the Secret with the API keys."""
    external = [Child(_external_secret(t))] if t.spec.secrets is not None else []
    return [*external, Child(_api_key_secret(t), owned=False, generated=True)]


def secret_store_key(t: TenantInputs, key: str) -> str:
    """A tenant's relative key with the operator's prefix before it.

    Raises ValueError for a key that would leave the prefix. The CRD refuses such a key; this is the last fence, since
    what is behind it are other tenants' secrets.
    """
    if key.startswith("/") or ".." in key:
        raise ValueError(f"secret key {key!r} leaves the tenant's own prefix: write it relative and without '..'")
    # str.replace and not str.format: a brace in the setting must not be able to reach into objects.
    prefix = t.settings.secret_key_prefix.replace("{namespace}", t.namespace).replace("{name}", t.name)
    return prefix + key


def _external_secret(t: TenantInputs) -> dict[str, Any]:
    secrets = t.spec.secrets
    assert secrets is not None
    name = name_of_secrets(t.name)
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": t.namespace, "labels": labels_of(t.name)},
        "spec": {
            "refreshInterval": secrets.refresh_interval,
            "secretStoreRef": {"kind": secrets.store_ref.kind, "name": secrets.store_ref.name},
            "target": {
                "name": name,
                "creationPolicy": "Owner",
                "deletionPolicy": "Retain",
                # The operator sees only Secrets that carry its label.
                "template": {"metadata": {"labels": labels_of(t.name)}},
            },
            "data": [_item(t, item) for item in secrets.items],
        },
    }


def _item(t: TenantInputs, item: SecretItem) -> dict[str, Any]:
    property_of_value = {"property": item.property} if item.property is not None else {}
    return {"secretKey": item.name, "remoteRef": {"key": secret_store_key(t, item.key), **property_of_value}}


def _api_key_secret(t: TenantInputs) -> dict[str, Any]:
    key = t.credentials.api_key
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name_of_api_key(t.name),
            "namespace": t.namespace,
            "labels": labels_of(t.name, "api"),
        },
        "type": "Opaque",
        "stringData": {
            handoff.API_KEY_PLAIN: key,
            handoff.API_KEY_FILE: handoff.make_api_key_file(key, "default"),
        },
    }
