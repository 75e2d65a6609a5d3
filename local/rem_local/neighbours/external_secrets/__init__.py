"""A stand-in for External Secrets: ExternalSecret, SecretStore and ClusterSecretStore with the provider `fake`.

As with the real one, a change in the store is seen after `refreshInterval`, at once only when the ExternalSecret itself
changes (its spec, labels or annotations: `force-sync`). Not here: other providers, generators, PushSecret, Go
templates beyond `{{ .key }}`. The reason of a failure is in the event; the condition names only its kind.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from rem_local.kube import SECRETS, Kube, Object
from rem_local.neighbours.external_secrets.reconcile import ExternalSecretReconciler, StoreReconciler
from rem_local.neighbours.external_secrets.resources import (
    CLUSTER_SECRET_STORES,
    EXTERNAL_SECRETS,
    MANAGED_LABEL,
    SECRET_STORES,
)
from rem_local.neighbours.loop import Key, Loop
from rem_local.neighbours.objects import Recorder

__all__ = ["run_external_secrets"]


async def run_external_secrets(kube: Kube) -> None:
    """Stand in for External Secrets until cancelled."""
    log = logging.getLogger(__name__)
    log.info("this is a stand-in for External Secrets: it knows the provider fake")
    loop = Loop(kube, log)

    async def makers(secret: Object) -> Iterable[Key]:
        metadata = secret["metadata"]
        return [
            Key(EXTERNAL_SECRETS.kind, metadata["namespace"], owner["name"])
            for owner in metadata.get("ownerReferences") or ()
            if owner["kind"] == EXTERNAL_SECRETS.kind
        ]

    recorder = Recorder(kube, "external-secrets-stand-in")
    loop.own(EXTERNAL_SECRETS, ExternalSecretReconciler(kube, recorder).reconcile)
    for resource in (SECRET_STORES, CLUSTER_SECRET_STORES):
        loop.own(resource, StoreReconciler(kube, resource).reconcile)
    loop.also(SECRETS, makers, label_selector=f"{MANAGED_LABEL}=true")
    await loop.run()
