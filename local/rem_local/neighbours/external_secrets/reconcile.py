"""Reconciles ExternalSecrets into Secrets, and says of stores whether they can be used."""

from __future__ import annotations

from datetime import UTC, datetime

from rem_local.kube import NAMESPACES, SECRETS, Kube, Object, Resource
from rem_local.neighbours.external_secrets import target
from rem_local.neighbours.external_secrets.provider import ProviderError, collect, fake_data, may_use
from rem_local.neighbours.external_secrets.resources import (
    CLUSTER_SECRET_STORES,
    CREATED_BY_LABEL,
    EXTERNAL_SECRETS,
    SECRET_STORES,
)
from rem_local.neighbours.objects import Recorder, condition, merge_conditions, now, write_status

_NO_DATA = "could not get secret data from provider"
_NO_UPDATE = "could not update Secret"
_RETRY_SECONDS = 1.0


class SyncError(Exception):
    """A Secret could not be brought about; `summary` is what the condition says, the error what the event says."""

    def __init__(self, summary: str, detail: str) -> None:
        super().__init__(detail)
        self.summary = summary


class StoreReconciler:
    """Gives a SecretStore or ClusterSecretStore its Ready condition."""

    def __init__(self, kube: Kube, resource: Resource) -> None:
        self._kube = kube
        self._resource = resource

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Validate one store."""
        store = await self._kube.get(self._resource, namespace or None, name)
        if store is None:
            return None
        try:
            fake_data(store)
            ready = condition("Ready", "True", "Valid", "store validated")
        except ProviderError as error:
            ready = condition("Ready", "False", "InvalidProviderConfig", f"unable to validate store: {error}")
        live = (store.get("status") or {}).get("conditions") or ()
        desired = {"conditions": merge_conditions(live, [ready], at=now()), "capabilities": "ReadWrite"}
        await write_status(self._kube, self._resource, store, desired)
        return None


class ExternalSecretReconciler:
    """`reconcile` is the whole interface."""

    def __init__(self, kube: Kube, recorder: Recorder) -> None:
        self._kube = kube
        self._recorder = recorder

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Bring one Secret to what its store holds, when it is due or no longer intact."""
        external = await self._kube.get(EXTERNAL_SECRETS, namespace, name)
        if external is None or external["metadata"].get("deletionTimestamp"):
            return None
        at = datetime.now(UTC)
        secret = await self._kube.get(SECRETS, namespace, target.target_name(external))
        policy = (external["spec"].get("target") or {}).get("creationPolicy", "Owner")
        if not target.is_due(external, now=at) and (policy == "None" or target.is_intact(secret)):
            return self._next(external, at)
        try:
            await self._sync(external, secret, policy)
        except SyncError as error:
            await self._recorder.record(external, "Warning", "UpdateFailed", str(error))
            failed = condition("Ready", "False", "SecretSyncedError", error.summary)
            await self._write(external, {"conditions": [failed]})
            return _RETRY_SECONDS
        if secret is None:
            await self._recorder.record(external, "Normal", "Created", "secret created")
        await self._write(
            external,
            {
                "conditions": [condition("Ready", "True", "SecretSynced", "secret synced")],
                "refreshTime": now(),
                "syncedResourceVersion": target.synced_version(external),
                "binding": {"name": target.target_name(external)},
            },
        )
        return target.interval_seconds(external) or None

    def _next(self, external: Object, at: datetime) -> float | None:
        interval = target.interval_seconds(external)
        if interval <= 0 or external["spec"].get("refreshPolicy") in ("CreatedOnce", "OnChange"):
            return None
        return max(interval - target.seconds_since_refresh(external, now=at), 0.0) + 0.1

    async def _sync(self, external: Object, secret: Object | None, policy: str) -> None:
        try:
            values = collect(external["spec"], fake_data(await self._store(external)))
        except ProviderError as error:
            raise SyncError(_NO_DATA, str(error)) from error
        if policy == "None":
            return
        name = target.target_name(external)
        if policy == "Merge" and secret is None:
            raise SyncError(
                _NO_UPDATE, f"the desired secret {name} was not found. With creationPolicy=Merge it is not made"
            )
        _refuse_foreign(external, secret, policy)
        try:
            desired = target.target_secret(external, values)
        except ProviderError as error:
            raise SyncError(_NO_UPDATE, str(error)) from error
        manager = f"externalsecrets.external-secrets.io/{external['metadata']['name']}"[:128]
        if policy == "Merge":
            desired.pop("type")
        await self._kube.apply(SECRETS, external["metadata"]["namespace"], name, desired, manager=manager)

    async def _store(self, external: Object) -> Object:
        ref = external["spec"].get("secretStoreRef") or {}
        namespace = external["metadata"]["namespace"]
        clusterwide = ref.get("kind") == CLUSTER_SECRET_STORES.kind
        resource = CLUSTER_SECRET_STORES if clusterwide else SECRET_STORES
        name = ref.get("name") or ""
        store = await self._kube.get(resource, None if clusterwide else namespace, name) if name else None
        if store is None:
            raise SyncError(
                _NO_DATA,
                f'could not get {resource.kind} "{name}", {resource.kind}.external-secrets.io "{name}" not found',
            )
        conditions = (store.get("status") or {}).get("conditions") or ()
        if not any(item["type"] == "Ready" and item["status"] == "True" for item in conditions):
            raise SyncError(_NO_DATA, f'{resource.kind} "{name}" is not ready')
        if clusterwide:
            space = await self._kube.get(NAMESPACES, None, namespace)
            if space is not None and not may_use(store, space):
                denied = f'using cluster store "{name}" is not allowed from namespace "{namespace}"'
                raise SyncError(_NO_DATA, f"{denied}: denied by spec.condition")
        return store

    async def _write(self, external: Object, desired: Object) -> None:
        live = (external.get("status") or {}).get("conditions") or ()
        desired["conditions"] = merge_conditions(live, desired["conditions"], at=now())
        await write_status(self._kube, EXTERNAL_SECRETS, external, desired)


def _refuse_foreign(external: Object, secret: Object | None, policy: str) -> None:
    """With creationPolicy Owner, a Secret that somebody else controls is not taken over."""
    if secret is None or policy != "Owner":
        return
    uid = external["metadata"]["uid"]
    owners = secret["metadata"].get("ownerReferences") or ()
    maker = (secret["metadata"].get("labels") or {}).get(CREATED_BY_LABEL)
    if any(owner.get("controller") and owner["uid"] != uid for owner in owners):
        raise SyncError(_NO_UPDATE, "target is owned by another controller")
    if maker not in (None, target.created_by(external)):
        raise SyncError(_NO_UPDATE, "target is owned by another ExternalSecret")
