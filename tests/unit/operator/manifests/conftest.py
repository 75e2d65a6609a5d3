"""Tenants for the builders' tests: three RemTenants in `tenants/`, and what the operator would hand to the builders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rem_crds.v1alpha1 import RemTenant, effective_tenant
from rem_operator.children import Child
from rem_operator.manifests.api import api_children
from rem_operator.manifests.config import config_children
from rem_operator.manifests.database import database_children
from rem_operator.manifests.files_worker import files_children
from rem_operator.manifests.identity import identity_children
from rem_operator.manifests.inputs import BuildSettings, Credentials, ImageSettings, TenantInputs
from rem_operator.manifests.network import network_children
from rem_operator.manifests.schema_job import schema_children
from rem_operator.manifests.secrets import secret_children

HERE = Path(__file__).parent
CASES = ("smallest", "fullest", "longest")
# Golden files must not change with a release.
SETTINGS = BuildSettings(images=ImageSettings(runtime="ghcr.io/rem-dev/rem-runtime:0.0.0"))


class Tenants:
    """Makes inputs for the builders, and all children of them."""

    cases = CASES

    def load(self, case: str) -> dict[str, Any]:
        loaded: dict[str, Any] = yaml.safe_load((HERE / "tenants" / f"{case}.yaml").read_text())
        return loaded

    def inputs(self, case: str | dict[str, Any], settings: BuildSettings = SETTINGS) -> TenantInputs:
        tenant = RemTenant.model_validate(self.load(case) if isinstance(case, str) else case)
        return TenantInputs(
            name=tenant.metadata.name,
            namespace=tenant.metadata.namespace,
            uid="00000000-0000-0000-0000-000000000001",
            spec=effective_tenant(tenant.spec),
            settings=settings,
            credentials=Credentials(app_password="app", sql_password="sql", api_key="key"),
        )

    def spec(self, **spec: Any) -> TenantInputs:
        """Inputs of a tenant `acme` with this spec beside the smallest database."""
        database = spec.pop("database", {}) | {"storage": {"size": "1Gi"}}
        metadata = {"name": "acme", "namespace": "acme"}
        return self.inputs({"metadata": metadata, "spec": {"database": database, **spec}})

    def children(self, t: TenantInputs, *, suspended: bool = False) -> list[Child]:
        image = t.spec.images.runtime or t.settings.images.runtime
        return [
            *identity_children(t),
            *secret_children(t),
            *config_children(t),
            *network_children(t),
            *database_children(t),
            *schema_children(t, image=image),
            *api_children(t, image=image, rollout_hash="0123456789abcdef", suspended=suspended),
            *files_children(t, image=image, rollout_hash="0123456789abcdef", suspended=suspended),
        ]

    def manifest(self, t: TenantInputs, kind: str, name: str, *, suspended: bool = False) -> dict[str, Any]:
        found = [child.manifest for child in self.children(t, suspended=suspended)]
        return next(one for one in found if one["kind"] == kind and one["metadata"]["name"] == name)


@pytest.fixture(scope="session")
def tenants() -> Tenants:
    return Tenants()


@pytest.fixture(params=CASES)
def t(request: pytest.FixtureRequest, tenants: Tenants) -> TenantInputs:
    """Inputs of each of the three tenants."""
    return tenants.inputs(request.param)


def violations_of_restricted(spec: dict[str, Any]) -> list[str]:
    """What Pod Security `restricted` (v1.36) would refuse in this pod spec."""
    pod = spec.get("securityContext", {})
    found = [field for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    allowed_volumes = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "projected", "secret"}
    found += [f"volume {v['name']}" for v in spec.get("volumes", ()) if not set(v) - {"name"} <= allowed_volumes]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        own = container.get("securityContext", {})
        merged = {**pod, **own}
        checks = {
            "privileged": not own.get("privileged"),
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "capabilities.drop": own.get("capabilities", {}).get("drop") == ["ALL"],
            "capabilities.add": not set(own.get("capabilities", {}).get("add", ())) - {"NET_BIND_SERVICE"},
            "runAsNonRoot": merged.get("runAsNonRoot") is True,
            "runAsUser": merged.get("runAsUser") != 0,
            "seccompProfile": merged.get("seccompProfile", {}).get("type") in ("RuntimeDefault", "Localhost"),
            "hostPort": not any(port.get("hostPort") for port in container.get("ports", ())),
            "probe host": not any("host" in container.get(p, {}).get("httpGet", {}) for p in container if "Probe" in p),
            "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
        }
        found += [f"{container['name']}: {name}" for name, holds in checks.items() if not holds]
    return found


@pytest.fixture(scope="session")
def restricted_violations() -> Callable[[dict[str, Any]], list[str]]:
    """A checker of pod specs against Pod Security restricted; gives what is wrong."""
    return violations_of_restricted
