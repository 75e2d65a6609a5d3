"""The stand-in for KEDA against the real API server, the real kinds and moto's SQS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rem_local.kube import DEPLOYMENTS, Kube, Object
from rem_local.neighbours.keda.resources import SCALED_OBJECTS
from rem_local.neighbours.moto import Moto, start_moto

pytestmark = pytest.mark.cluster


@pytest.fixture
def kube(platform: Any) -> Kube:
    return platform.kube


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def moto(platform: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Moto]:
    log_dir: Path = tmp_path_factory.mktemp("moto")
    async with start_moto(platform.block, log_dir=log_dir, buckets=["acme-files"]) as server:
        yield server


@pytest.fixture
async def queue(moto: Moto, platform_namespace: str) -> str:
    sqs = moto.client("sqs")
    answer = await asyncio.to_thread(sqs.create_queue, QueueName=platform_namespace)
    return str(answer["QueueUrl"])


@pytest.fixture
async def deployment(kube: Kube, platform_namespace: str) -> Object:
    labels = {"app": "acme-files"}
    container = {"name": "files", "image": "example.com/unknown:1"}
    return await kube.create(
        DEPLOYMENTS,
        platform_namespace,
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "acme-files"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
    )


def scaled_manifest(moto: Moto, queue: str, **spec: Any) -> Object:
    metadata = {"queueURL": queue, "awsRegion": moto.region, "awsEndpoint": moto.endpoint, "queueLength": "2"}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "acme-files"},
        "spec": {
            "scaleTargetRef": {"name": "acme-files"},
            "minReplicaCount": 0,
            "maxReplicaCount": 3,
            "pollingInterval": 1,
            "cooldownPeriod": 2,
            "triggers": [{"type": "aws-sqs-queue", "metadata": {**metadata, "identityOwner": "operator"}}],
            **spec,
        },
    }


async def send(moto: Moto, queue: str, *, messages: int) -> None:
    sqs = moto.client("sqs")
    for number in range(messages):
        await asyncio.to_thread(sqs.send_message, QueueUrl=queue, MessageBody=str(number))


async def test_the_target_follows_the_queue_and_rests_at_zero(
    kube: Kube, platform_namespace: str, eventually: Any, condition_of: Any, moto: Moto, queue: str, deployment: Object
) -> None:
    async def has_replicas(count: int) -> None:
        await eventually.get(
            DEPLOYMENTS, platform_namespace, "acme-files", lambda item: item["spec"]["replicas"] == count
        )

    await kube.create(SCALED_OBJECTS, platform_namespace, scaled_manifest(moto, queue))
    await has_replicas(0)
    scaled = await eventually.get(
        SCALED_OBJECTS,
        platform_namespace,
        "acme-files",
        lambda item: condition_of(item, "Ready").get("status") == "True",
    )
    assert condition_of(scaled, "Active")["status"] == "False"
    assert scaled["status"]["originalReplicaCount"] == 1
    assert scaled["status"]["externalMetricNames"] == [f"s0-aws-sqs-{platform_namespace}"]
    assert scaled["metadata"]["labels"]["scaledobject.keda.sh/name"] == "acme-files"

    await send(moto, queue, messages=3)
    await has_replicas(2)
    await send(moto, queue, messages=30)
    await has_replicas(3)
    active = await kube.get(SCALED_OBJECTS, platform_namespace, "acme-files")
    assert active is not None
    assert condition_of(active, "Active")["status"] == "True"
    assert active["status"]["lastActiveTime"]
    await asyncio.to_thread(moto.client("sqs").purge_queue, QueueUrl=queue)
    await has_replicas(0)


async def test_paused_replicas_win_over_the_queue(
    kube: Kube, platform_namespace: str, eventually: Any, condition_of: Any, moto: Moto, queue: str, deployment: Object
) -> None:
    await send(moto, queue, messages=5)
    body = scaled_manifest(moto, queue)
    body["metadata"]["annotations"] = {"autoscaling.keda.sh/paused-replicas": "0"}
    await kube.create(SCALED_OBJECTS, platform_namespace, body)
    scaled = await eventually.get(
        SCALED_OBJECTS,
        platform_namespace,
        "acme-files",
        lambda item: condition_of(item, "Paused").get("status") == "True",
    )
    assert scaled["status"]["pausedReplicaCount"] == 0
    paused = await kube.get(DEPLOYMENTS, platform_namespace, "acme-files")
    assert paused is not None
    assert paused["spec"]["replicas"] == 0
    await kube.merge(
        SCALED_OBJECTS,
        platform_namespace,
        "acme-files",
        {"metadata": {"annotations": {"autoscaling.keda.sh/paused-replicas": None}}},
    )
    await eventually.get(DEPLOYMENTS, platform_namespace, "acme-files", lambda item: item["spec"]["replicas"] == 3)


async def test_a_missing_target_and_a_missing_queue_are_said(
    kube: Kube, platform_namespace: str, eventually: Any, condition_of: Any, moto: Moto, queue: str
) -> None:
    await kube.create(SCALED_OBJECTS, platform_namespace, scaled_manifest(moto, queue + "-gone"))
    missing = await eventually.get(
        SCALED_OBJECTS,
        platform_namespace,
        "acme-files",
        lambda item: condition_of(item, "Ready").get("status") == "False",
    )
    assert condition_of(missing, "Ready")["reason"] == "ScaledObjectCheckFailed"
    assert 'deployments.apps "acme-files" not found' in condition_of(missing, "Ready")["message"]
    await kube.create(
        DEPLOYMENTS,
        platform_namespace,
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "acme-files"},
            "spec": {
                "selector": {"matchLabels": {"app": "a"}},
                "template": {
                    "metadata": {"labels": {"app": "a"}},
                    "spec": {"containers": [{"name": "files", "image": "example.com/unknown:1"}]},
                },
            },
        },
    )
    await eventually.get(
        SCALED_OBJECTS,
        platform_namespace,
        "acme-files",
        lambda item: condition_of(item, "Ready").get("reason") == "TriggerError",
    )
    await kube.delete(SCALED_OBJECTS, platform_namespace, "acme-files")
    await eventually.gone(SCALED_OBJECTS, platform_namespace, "acme-files")


async def test_moto_makes_the_bucket_that_was_asked_for(moto: Moto) -> None:
    answer = await asyncio.to_thread(moto.client("s3").list_buckets)
    assert [bucket["Name"] for bucket in answer["Buckets"]] == ["acme-files"]
