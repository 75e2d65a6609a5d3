"""Which fields this version reconciles. What is set and missing here is reported by name, never ignored.

Each line goes away with the change that reconciles the field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rem_crds import handoff
from rem_crds.v1alpha1 import RemTenantSpec, defaults
from rem_crds.v1alpha1.api import Auth


def _is_for_oidc(auth: Auth) -> bool:
    """Set beside another mode, where the CRD lets them stand; with OIDC the mode itself is named."""
    given = (auth.issuer, auth.audience, auth.jwks_uri, auth.tenant_claim, auth.user_claim)
    return auth.mode != "OIDC" and any(value is not None for value in given)


def _embedding_provider(spec: RemTenantSpec) -> str:
    embedding = spec.llm.embedding if spec.llm else None
    return (embedding.provider if embedding else None) or defaults.EMBEDDING_PROVIDER


_SPEC: dict[str, Callable[[RemTenantSpec], object]] = {
    "spec.operatingMode: Suspended": lambda s: s.operating_mode == "Suspended",
    "spec.deletionPolicy: Snapshot and Delete": lambda s: s.deletion_policy in ("Snapshot", "Delete"),
    "spec.database.backup": lambda s: s.database.backup,
    "spec.database.recovery": lambda s: s.database.recovery,
    "spec.database.pooler": lambda s: s.database.pooler and s.database.pooler.enabled,
    "spec.api.ingress": lambda s: s.api and s.api.ingress,
    "spec.api.auth.mode: OIDC": lambda s: s.api and s.api.auth and s.api.auth.mode == "OIDC",
    "spec.api.auth: issuer, audience, jwksURI and claims": lambda s: s.api and s.api.auth and _is_for_oidc(s.api.auth),
    "spec.fileProcessor.spot": lambda s: s.file_processor and s.file_processor.spot,
    "spec.llm.models": lambda s: s.llm and s.llm.models,
    "spec.llm.providers": lambda s: s.llm and s.llm.providers,
    "spec.llm.embedding.provider other than minilm": lambda s: _embedding_provider(s) != defaults.EMBEDDING_PROVIDER,
    "spec.agents": lambda s: s.agents,
    "spec.evaluation": lambda s: s.evaluation,
    "spec.observability.otlpEndpoint": lambda s: s.observability and s.observability.otlp_endpoint,
    "spec.observability.podMonitor: Auto": lambda s: s.observability and s.observability.pod_monitor == "Auto",
    "spec.limits": lambda s: s.limits,
}

_ANNOTATIONS = (
    handoff.ANNOTATION_PAUSED,
    handoff.ANNOTATION_SUSPENDED,
    handoff.ANNOTATION_RESTARTED_AT,
    handoff.ANNOTATION_BACKUP_REQUESTED_AT,
)


def unsupported_fields(spec: RemTenantSpec, annotations: Mapping[str, str]) -> list[str]:
    """The names of the fields and annotations that are set and that this version does not reconcile."""
    fields = [name for name, is_set in _SPEC.items() if is_set(spec)]
    return fields + [f"annotation {name}" for name in _ANNOTATIONS if annotations.get(name, "false") != "false"]
