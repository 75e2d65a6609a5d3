"""Reconciles a Cluster: its server, Secret, ServiceAccount and Services, and what its status says."""

from __future__ import annotations

import base64
import secrets
from logging import Logger

import asyncpg

from rem_local.kube import SECRETS, SERVICE_ACCOUNTS, Kube, Object, Resource
from rem_local.neighbours.cnpg import manifests, status
from rem_local.neighbours.cnpg.instances import Instance, Instances, UnsupportedBootstrapError
from rem_local.neighbours.cnpg.resources import (
    CLAIMS,
    CLUSTERS,
    MANAGER,
    SERVICES,
    STORAGE_CLASSES,
    SUPPORTED_NOTE,
)
from rem_local.neighbours.objects import Recorder, apply_when_different, now, write_status
from rem_runtime.laptop.errors import EmbeddedPostgresError

_WAIT_SECONDS = 2.0  # for a StorageClass, a Secret
_CHECK_SECONDS = 5.0  # that a healthy server still runs
_RETRY_SECONDS = 5.0  # a bootstrap that failed


class ClusterReconciler:
    """`reconcile` is the whole interface."""

    def __init__(self, kube: Kube, instances: Instances, recorder: Recorder, log: Logger) -> None:
        self._kube = kube
        self._instances = instances
        self._recorder = recorder
        self._log = log

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Bring one Cluster's server and status to its spec."""
        cluster = await self._kube.get(CLUSTERS, namespace, name)
        known = self._instances.get(namespace, name)
        if cluster is None or (known is not None and known.cluster_uid != cluster["metadata"]["uid"]):
            await self._instances.remove(namespace, name)
        if cluster is None or cluster["metadata"].get("deletionTimestamp"):
            return None
        return await self._reconcile(cluster)

    async def _reconcile(self, cluster: Object) -> float | None:
        instance = self._instances.ensure(cluster)
        await self._apply_objects(cluster)
        secret = await self._application_secret(cluster, instance)
        if secret is None:
            return await self._set_up(cluster, f"waiting for Secret {manifests.application_secret_name(cluster)}")
        if (missing := await self._missing_storage_class(cluster)) is not None:
            await self._apply(CLAIMS, manifests.claim(cluster))
            return await self._set_up(cluster, f'storageclass.storage.k8s.io "{missing}" not found')
        if status.wants_hibernation(cluster) and status.may_hibernate(cluster):
            await instance.stop()
            await write_status(self._kube, CLUSTERS, cluster, status.hibernated(cluster, at=now()))
            return None
        return await self._run(cluster, instance, secret)

    async def _run(self, cluster: Object, instance: Instance, secret: Object) -> float | None:
        starting = not instance.ready
        if starting and not (cluster.get("status") or {}).get("phase"):
            await self._set_up(cluster, SUPPORTED_NOTE)
            await self._recorder.record(cluster, "Normal", "CreatingInstance", "Primary instance bootstrap (initdb)")
            await self._recorder.record(cluster, "Normal", "StandIn", SUPPORTED_NOTE)
        try:
            await instance.start(cluster)
        except (EmbeddedPostgresError, UnsupportedBootstrapError, asyncpg.PostgresError) as error:
            self._log.warning("PostgreSQL does not start: cluster=%s error=%s", title_of(cluster), error)
            await self._recorder.record(cluster, "Warning", "BootstrapFailed", str(error))
            await self._set_up(cluster, str(error))
            return _RETRY_SECONDS
        version = secret["metadata"]["resourceVersion"]
        if instance.applied_secret_version != version:
            await instance.set_owner_password(cluster, _decoded(secret, "password"))
            instance.applied_secret_version = version
        live = await self._kube.get(CLUSTERS, cluster["metadata"]["namespace"], cluster["metadata"]["name"])
        if live is None or live["metadata"]["uid"] != instance.cluster_uid:
            return 0.0
        if starting:
            self._log.info(
                "PostgreSQL runs: cluster=%s address=%s (%s)", title_of(cluster), instance.address, SUPPORTED_NOTE
            )
        desired = status.healthy(live, system_id=instance.system_id, secret_version=version, at=now())
        await write_status(self._kube, CLUSTERS, live, desired)
        return 0.0 if status.wants_hibernation(live) else _CHECK_SECONDS

    async def _set_up(self, cluster: Object, reason: str) -> float:
        # Fresh, because a start that failed took a while and the status was written before it.
        live = await self._kube.get(CLUSTERS, cluster["metadata"]["namespace"], cluster["metadata"]["name"])
        if live is not None:
            await write_status(self._kube, CLUSTERS, live, status.setting_up(live, reason=reason, at=now()))
        return _WAIT_SECONDS

    async def _missing_storage_class(self, cluster: Object) -> str | None:
        """The StorageClass that is named and not there; one that came since takes the waiting claim away."""
        name = manifests.storage_class_of(cluster)
        if name is None:
            return None
        if await self._kube.get(STORAGE_CLASSES, None, name) is None:
            return name
        await self._kube.delete(CLAIMS, cluster["metadata"]["namespace"], f"{cluster['metadata']['name']}-1")
        return None

    async def _application_secret(self, cluster: Object, instance: Instance) -> Object | None:
        """The Secret with the owner's password: made when it is not there, its other keys kept right."""
        namespace, name = cluster["metadata"]["namespace"], manifests.application_secret_name(cluster)
        live = await self._kube.get(SECRETS, namespace, name)
        if manifests.initdb_of(cluster).get("secret"):
            return live
        password = _decoded(live, "password") if live is not None else ""
        desired = manifests.application_secret(
            cluster, host=instance.address, password=password or secrets.token_urlsafe(48)
        )
        return await self._apply(SECRETS, desired)

    async def _apply_objects(self, cluster: Object) -> None:
        await self._apply(SERVICE_ACCOUNTS, manifests.service_account(cluster))
        for service in manifests.services(cluster):
            await self._apply(SERVICES, service)

    async def _apply(self, resource: Resource, desired: Object) -> Object:
        """Apply one object that we make, unless it is there as desired already."""
        return await apply_when_different(self._kube, resource, desired, manager=MANAGER)


def title_of(cluster: Object) -> str:
    """namespace/name, for logs."""
    return f"{cluster['metadata']['namespace']}/{cluster['metadata']['name']}"


def _decoded(secret: Object, key: str) -> str:
    return base64.b64decode((secret.get("data") or {}).get(key, "")).decode()
