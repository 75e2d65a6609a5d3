"""A stand-in for CloudNativePG 1.30: Cluster, Database and DatabaseRole on embedded PostgreSQL servers.

What it is not: there are no pods, no replicas, no fail-over, no TLS, no backups, and one server answers for all
`instances`. Data lives as long as the Cluster object and the state directory. It is written from the documented
behaviour of the real one; the tests on kind are what keeps it honest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from rem_local.addresses import AddressBlock
from rem_local.kube import SECRETS, Kube, Object
from rem_local.neighbours.cnpg.clusters import ClusterReconciler
from rem_local.neighbours.cnpg.databases import DatabaseReconciler
from rem_local.neighbours.cnpg.instances import Instances
from rem_local.neighbours.cnpg.resources import CLUSTER_LABEL, CLUSTERS, DATABASE_ROLES, DATABASES, RELOAD_LABEL
from rem_local.neighbours.cnpg.roles import RoleReconciler
from rem_local.neighbours.loop import Key, Loop, key_of
from rem_local.neighbours.objects import Recorder

__all__ = ["run_cnpg"]


async def run_cnpg(kube: Kube, *, block: AddressBlock, state_dir: Path, log_dir: Path) -> None:
    """Stand in for CloudNativePG until cancelled; then every server is stopped."""
    log = logging.getLogger(__name__)
    log.info("this is a stand-in for CloudNativePG: embedded PostgreSQL servers on 127.%d.1.x", block.number)
    instances = Instances(block, state_dir=state_dir, log_dir=log_dir)
    loop = Loop(kube, log)

    async def dependants(cluster: Object) -> Iterable[Key]:
        namespace, name = cluster["metadata"]["namespace"], cluster["metadata"]["name"]
        items = [*await kube.list(DATABASES, namespace), *await kube.list(DATABASE_ROLES, namespace)]
        return [key_of(item) for item in items if item["spec"]["cluster"]["name"] == name]

    async def readers(secret: Object) -> Iterable[Key]:
        namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
        keys = [
            key_of(role)
            for role in await kube.list(DATABASE_ROLES, namespace)
            if (role["spec"].get("passwordSecret") or {}).get("name") == name
        ]
        cluster = (secret["metadata"].get("labels") or {}).get(CLUSTER_LABEL)
        return [*keys, Key(CLUSTERS.kind, namespace, cluster)] if cluster else keys

    loop.own(CLUSTERS, ClusterReconciler(kube, instances, Recorder(kube, "cloudnative-pg-stand-in"), log).reconcile)
    loop.own(DATABASES, DatabaseReconciler(kube, instances).reconcile)
    loop.own(DATABASE_ROLES, RoleReconciler(kube, instances).reconcile)
    loop.also(CLUSTERS, dependants)
    loop.also(SECRETS, readers, label_selector=RELOAD_LABEL)
    try:
        await loop.run()
    finally:
        await instances.stop_all()
