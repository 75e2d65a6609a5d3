"""A neighbour that is not installed is named, everything else goes on, and installing it is enough."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="session")]


async def test_keda_comes_later(without_keda: Any) -> None:
    files = {"queue": {"url": "https://sqs.eu-central-1.amazonaws.com/111122223333/acme-files"}}
    await without_keda.apply(fileProcessor=files, objectStorage={"bucket": "acme-files"})
    waiting = await without_keda.until(lambda status: "keda.sh" in _message(status, "WorkerConfigured"))
    said = _message(waiting["status"], "WorkerConfigured")
    assert "scaledobjects.keda.sh" in said
    assert "install KEDA" in said
    made = {kind for kind, _ in await _present(without_keda)}
    assert {"Cluster", "ConfigMap", "ServiceAccount", "NetworkPolicy"} <= made

    await without_keda.cluster.install_crds(("keda",))
    await without_keda.until(lambda status: "keda.sh" not in _message(status, "WorkerConfigured"), seconds=40)


def _message(status: dict[str, Any], kind: str) -> str:
    return next((c["message"] for c in status.get("conditions") or () if c["type"] == kind), "")


async def _present(tenants: Any) -> list[tuple[str, str]]:
    """The tenant's children by kubectl: the harness asks for kinds that are not served here."""
    kinds = "clusters.postgresql.cnpg.io,configmaps,serviceaccounts,networkpolicies"
    printed = await tenants.cluster.kubectl(
        "get", kinds, "-n", tenants.namespace, "-l", "rem.dev/tenant=acme", "-o", "name"
    )
    plural = {"cluster": "Cluster", "configmap": "ConfigMap", "serviceaccount": "ServiceAccount"}
    names = [line.split("/") for line in printed.split()]
    return [(plural.get(kind.split(".")[0], "NetworkPolicy"), name) for kind, name in names]
