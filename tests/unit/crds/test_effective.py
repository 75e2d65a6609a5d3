"""The documented defaults. They are API: a change here breaks tenants that rely on them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from rem_crds.v1alpha1 import EffectiveTenant, RemTenantSpec, effective_tenant
from rem_crds.v1alpha1.files import region_of_queue_url

QUEUE = "https://sqs.eu-central-1.amazonaws.com/111122223333/acme-files"


def effective(**spec: Any) -> EffectiveTenant:
    return effective_tenant(RemTenantSpec.model_validate({"database": {"storage": {"size": "20Gi"}}} | spec))


def test_the_defaults_of_the_smallest_tenant() -> None:
    tenant = effective()

    assert (tenant.operating_mode, tenant.deletion_policy, tenant.deletion_protection) == ("Running", "Retain", False)
    assert tenant.database.instances == 3
    assert tenant.database.pooler.enabled is False
    assert tenant.database.backup is None
    scaling = tenant.api.autoscaling
    assert (scaling.min_replicas, scaling.max_replicas, scaling.target_cpu_percent) == (2, 10, 70)
    assert tenant.api.auth.mode == "ApiKey"
    assert tenant.api.ingress is None
    embedding = tenant.llm.embedding
    assert (embedding.provider, embedding.model, embedding.dimensions) == ("minilm", "all-MiniLM-L6-v2", 384)
    assert tenant.file_processor is None
    assert tenant.secrets is None
    assert tenant.object_storage is None
    assert tenant.images.runtime is None
    assert tenant.observability.pod_monitor == "Auto"
    assert tenant.agents.max_agents == 100


def test_the_defaults_of_the_file_processor() -> None:
    tenant = effective(fileProcessor={"queue": {"url": QUEUE}}, objectStorage={"bucket": "acme-files"})

    assert tenant.file_processor is not None
    scaling = tenant.file_processor.scaling
    assert (scaling.min_replicas, scaling.max_replicas, scaling.queue_length) == (0, 20, 10)
    assert (scaling.polling_interval_seconds, scaling.cooldown_seconds) == (10, 60)
    assert tenant.file_processor.queue.region == "eu-central-1"
    assert tenant.file_processor.spot is False


def test_the_defaults_of_backups_and_secrets() -> None:
    tenant = effective(
        database={"storage": {"size": "20Gi"}, "backup": {"destinationPath": "s3://b-b"}},
        secrets={"storeRef": {"name": "vault"}, "items": [{"name": "A", "key": "a"}]},
    )

    assert tenant.database.backup is not None
    assert (tenant.database.backup.schedule, tenant.database.backup.retention) == ("0 2 * * *", "30d")
    assert tenant.secrets is not None
    assert (tenant.secrets.store_ref.kind, tenant.secrets.refresh_interval) == ("SecretStore", "1h")


@pytest.mark.parametrize("worker", [{"enabled": False}, {"enabled": False, "queue": {"url": QUEUE}}])
def test_a_file_processor_that_is_off_is_none(worker: dict[str, Any]) -> None:
    assert effective(fileProcessor=worker).file_processor is None


def test_secrets_without_items_are_none() -> None:
    assert effective(secrets={"storeRef": {"name": "vault"}}).secrets is None


@pytest.mark.parametrize(
    ("given", "requests", "limits"),
    [
        (None, {"cpu": "250m", "memory": "512Mi"}, {"memory": "1Gi"}),
        ({}, {"cpu": "250m", "memory": "512Mi"}, {"memory": "1Gi"}),
        ({"limits": {"memory": "256Mi"}}, {"cpu": "250m", "memory": "256Mi"}, {"memory": "256Mi"}),
        ({"requests": {"memory": "8Gi"}}, {"cpu": "250m", "memory": "8Gi"}, {}),
        ({"limits": {"cpu": "2"}}, {"cpu": "2", "memory": "512Mi"}, {"cpu": "2", "memory": "1Gi"}),
        (
            {"requests": {"ephemeral-storage": "1Gi"}},
            {"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "1Gi"},
            {"memory": "1Gi"},
        ),
    ],
)
def test_a_default_never_contradicts_what_is_set(
    given: dict[str, Any] | None, requests: dict[str, str], limits: dict[str, str]
) -> None:
    resources = effective(api={"resources": given} if given is not None else {}).api.resources

    assert (resources.requests, resources.limits) == (requests, limits)


@pytest.mark.parametrize(
    ("prefix", "in_force"), [(None, ""), ("acme", "acme/"), ("acme/", "acme/"), ("rem/acme", "rem/acme/")]
)
def test_a_prefix_ends_a_path_segment(prefix: str | None, in_force: str) -> None:
    storage = effective(objectStorage={"bucket": "acme-files", "prefix": prefix}).object_storage

    assert storage is not None
    assert storage.prefix == in_force


def test_the_buckets_region_is_its_own_or_that_of_the_queue() -> None:
    worker = {"queue": {"url": QUEUE}}
    near = effective(fileProcessor=worker, objectStorage={"bucket": "acme-files"}).object_storage
    far = effective(fileProcessor=worker, objectStorage={"bucket": "acme-files", "region": "us-east-1"}).object_storage
    alone = effective(objectStorage={"bucket": "acme-files"}).object_storage

    assert near is not None
    assert far is not None
    assert alone is not None
    assert (near.region, far.region, alone.region) == ("eu-central-1", "us-east-1", None)


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (QUEUE, "eu-central-1"),
        ("https://sqs-fips.us-gov-west-1.amazonaws.com/1/q", "us-gov-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1"),
        ("http://127.0.0.2:5000/1/q", None),
        ("https://sqs.eu-central-1.amazonaws.com.evil.example/1/q", None),
    ],
)
def test_the_region_is_read_from_urls_of_aws_only(url: str, region: str | None) -> None:
    assert region_of_queue_url(url) == region


def test_values_that_are_set_win() -> None:
    tenant = effective(
        operatingMode="Suspended",
        database={"storage": {"size": "1Ti", "storageClassName": "gp3"}, "instances": 1},
        api={"autoscaling": {"maxReplicas": 4}, "auth": {"mode": "Disabled"}},
        llm={"embedding": {"provider": "openai", "model": "m", "dimensions": 8}},
    )

    assert tenant.operating_mode == "Suspended"
    assert (tenant.database.instances, tenant.database.storage.storage_class_name) == (1, "gp3")
    assert (tenant.api.autoscaling.min_replicas, tenant.api.autoscaling.max_replicas) == (2, 4)
    assert tenant.api.auth.mode == "Disabled"
    assert tenant.llm.embedding.dimensions == 8


def test_the_spec_is_unchanged_and_two_calls_are_equal() -> None:
    spec = RemTenantSpec.model_validate(
        {"database": {"storage": {"size": "20Gi"}}, "api": {"env": [{"name": "A", "value": "b"}]}}
    )
    before = spec.model_dump()

    assert effective_tenant(spec) == effective_tenant(spec)
    assert spec.model_dump() == before


def test_what_is_in_force_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        effective().database.instances = 5
