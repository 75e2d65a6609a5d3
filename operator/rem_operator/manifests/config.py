"""The ConfigMap with every setting of the runtime that is neither secret nor different from pod to pod."""

from __future__ import annotations

from rem_crds import handoff
from rem_operator.children import Child
from rem_operator.manifests.inputs import TenantInputs
from rem_operator.manifests.labels import labels_of
from rem_operator.names import name_of_config


def config_children(t: TenantInputs) -> list[Child]:
    """The ConfigMap, consumed through `envFrom`."""
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name_of_config(t.name), "namespace": t.namespace, "labels": labels_of(t.name)},
        "data": runtime_settings(t),
    }
    return [Child(manifest)]


def runtime_settings(t: TenantInputs) -> dict[str, str]:
    """Environment variables by name; what is not configured is left out."""
    found = _always(t) | _files(t)
    return {name: value for name, value in found.items() if value is not None}


def _always(t: TenantInputs) -> dict[str, str | None]:
    embedding = t.spec.llm.embedding
    return {
        handoff.ENV_TENANT_NAME: t.name,
        handoff.ENV_TENANT_NAMESPACE: t.namespace,
        handoff.ENV_POSTGRES_SSLMODE: t.settings.postgres_sslmode,
        handoff.ENV_POSTGRES_APP_ROLE: handoff.ROLE_APP,
        handoff.ENV_POSTGRES_SQL_ROLE: handoff.ROLE_SQL,
        handoff.ENV_API_PORT: str(handoff.PORT_API),
        handoff.ENV_METRICS_PORT: str(handoff.PORT_METRICS),
        handoff.ENV_AUTH_MODE: t.spec.api.auth.mode,
        handoff.ENV_EMBEDDING_PROVIDER: embedding.provider,
        handoff.ENV_EMBEDDING_MODEL: embedding.model,
        handoff.ENV_EMBEDDING_DIMENSIONS: str(embedding.dimensions),
        handoff.ENV_LLM_DEFAULT_MODEL: t.spec.llm.default_model,
        handoff.ENV_LOG_LEVEL: t.settings.log_level,
    }


def _files(t: TenantInputs) -> dict[str, str | None]:
    storage, worker = t.spec.object_storage, t.spec.file_processor
    found: dict[str, str | None] = {}
    if storage is not None:
        found |= {
            handoff.ENV_S3_BUCKET: storage.bucket,
            handoff.ENV_S3_PREFIX: storage.prefix or None,
            handoff.ENV_S3_REGION: storage.region,
            handoff.ENV_S3_ENDPOINT: storage.endpoint,
        }
    if worker is not None:
        found |= {
            handoff.ENV_SQS_QUEUE_URL: worker.queue.url,
            handoff.ENV_SQS_REGION: worker.queue.region,
            handoff.ENV_SQS_ENDPOINT: worker.queue.endpoint,
        }
    return found
