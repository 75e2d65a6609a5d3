"""What a tenant may write and what could yet have no effect: pure. It is reported, since silence would be a lie."""

from __future__ import annotations

from collections.abc import Iterator

from rem_crds.v1alpha1.workload import is_reserved_variable
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.manifests.labels import reserved_pod_metadata
from rem_operator.manifests.pods import cloud_env, scratch_env


def ineffective_settings(t: TenantInputs) -> list[str]:
    """Each thing that would be ignored, in words that name the field and say why."""
    return [
        *(f"{field} is reserved: remove it" for field in reserved_pod_metadata(t.spec)),
        *(f"{field} is set by the operator: choose another name" for field in _overridden(t)),
        *_closed_ingress(t),
    ]


def _overridden(t: TenantInputs) -> Iterator[str]:
    """Variables that the pods get from us whatever the tenant says."""
    ours = {variable["name"] for variable in (*cloud_env(t), *scratch_env())}
    worker = t.spec.file_processor
    given = {
        "api.env": [variable.name for variable in t.spec.api.env],
        "fileProcessor.env": [variable.name for variable in worker.env] if worker else [],
        "secrets.items": [item.name for item in t.spec.secrets.items] if t.spec.secrets else [],
    }
    for field, variables in given.items():
        for name in variables:
            if name in ours or is_reserved_variable(name):
                yield f"spec.{field}[{name}]"


def _closed_ingress(t: TenantInputs) -> Iterator[str]:
    if t.spec.api.auth.mode == "Disabled" and t.spec.network.ingress_from:
        yield (
            "spec.network.ingressFrom opens nothing while api.auth.mode is Disabled (the API then admits its own "
            "namespace only): remove it, or choose another mode"
        )
