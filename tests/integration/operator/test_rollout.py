"""What rolls the pods, in which order, and what goes when it leaves the spec."""

from __future__ import annotations

import base64
from typing import Any

import asyncpg
import pytest

from rem_local.kube import DEPLOYMENTS, JOBS, PODS, SECRETS, Resource

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="session")]

STORES = Resource("external-secrets.io", "v1", "secretstores", "SecretStore")
RUNTIME = "ghcr.io/rem-dev/rem-runtime"
STORE = {"storeRef": {"name": "vault"}, "refreshInterval": "2s", "items": [{"name": "OPENAI_API_KEY", "key": "openai"}]}


async def _template(tenants: Any) -> dict[str, Any]:
    found = await tenants.kube.get(DEPLOYMENTS, tenants.namespace, "acme-api")
    assert found is not None
    template: dict[str, Any] = found["spec"]["template"]
    return template


async def _store(tenants: Any, value: str) -> None:
    data = [{"key": f"{tenants.namespace}/acme/openai", "value": value}]
    body = {"metadata": {"name": "vault"}, "spec": {"provider": {"fake": {"data": data}}}}
    await tenants.kube.apply(STORES, tenants.namespace, "vault", body, manager="platform-team")


async def test_a_rotated_secret_rolls_the_api(tenants: Any, wait_for: Any) -> None:
    await _store(tenants, "first")
    await tenants.apply(secrets=STORE)
    await tenants.until_ready()
    before = (await _template(tenants))["metadata"]["annotations"]["rem.dev/rollout-hash"]

    await _store(tenants, "second")

    async def rolled() -> bool:
        return (await _template(tenants))["metadata"]["annotations"]["rem.dev/rollout-hash"] != before

    await wait_for(rolled, seconds=30)
    secret = await tenants.kube.get(SECRETS, tenants.namespace, "acme-secrets")
    assert base64.b64decode(secret["data"]["OPENAI_API_KEY"]) == b"second"
    await tenants.until_ready()


async def test_a_deleted_api_key_is_made_anew_and_the_api_rolls(tenants: Any, wait_for: Any) -> None:
    await tenants.apply()
    await tenants.until_ready()
    await tenants.settled()
    template = await _template(tenants)
    old = await tenants.kube.get(SECRETS, tenants.namespace, "acme-api-key")
    await tenants.kube.delete(SECRETS, tenants.namespace, "acme-api-key")

    async def made_anew() -> bool:
        new = await tenants.kube.get(SECRETS, tenants.namespace, "acme-api-key")
        return new is not None and new["data"] != old["data"]

    await wait_for(made_anew)

    async def rolled() -> bool:
        return (await _template(tenants))["metadata"]["annotations"] != template["metadata"]["annotations"]

    await wait_for(rolled)


async def test_a_new_image_runs_its_schema_job_first(tenants: Any, wait_for: Any) -> None:
    await tenants.apply()
    await tenants.until_ready()
    await tenants.settled()
    first_job = next(name for kind, name in await tenants.children() if kind == "Job")
    seen: list[tuple[bool, str]] = []

    await tenants.apply(images={"runtime": f"{RUNTIME}:0.1.1"})

    async def rolled() -> bool:
        jobs = await tenants.kube.list(JOBS, tenants.namespace, label_selector="rem.dev/component=schema")
        done = any(j["metadata"]["name"] != first_job and j.get("status", {}).get("succeeded") for j in jobs)
        image = (await _template(tenants))["spec"]["containers"][0]["image"]
        seen.append((done, image))
        return bool(image.endswith(":0.1.1"))

    await wait_for(rolled, seconds=40)
    # The Job was read before the Deployment: an image that is new with a Job that is not done would be the wrong order.
    assert all(done for done, image in seen if image.endswith(":0.1.1"))
    tenant = await tenants.until_ready()
    assert tenant["status"]["schema"]["image"].endswith(":0.1.1")

    async def old_job_is_gone() -> bool:
        return ("Job", first_job) not in await tenants.children()

    await wait_for(old_job_is_gone)


async def test_a_schema_that_fails_leaves_the_old_pods_serving(tenants: Any, wait_for: Any) -> None:
    await tenants.apply()
    await tenants.until_ready()
    await tenants.settled()
    await _as_owner(tenants, "revoke create on schema public from pg_database_owner")

    await tenants.apply(images={"runtime": f"{RUNTIME}:0.1.2"})
    failed = await tenants.until_reason("SchemaFailed", seconds=120)

    message = next(c["message"] for c in failed["status"]["conditions"] if c["type"] == "SchemaReady")
    assert "may not create tables" in message
    assert (await _template(tenants))["spec"]["containers"][0]["image"].endswith(":0.1.0")
    available = next(c["status"] for c in failed["status"]["conditions"] if c["type"] == "ApiAvailable")
    assert available == "True"

    # What the message says to do helps: correct it, then delete the Job.
    await _as_owner(tenants, "grant create on schema public to pg_database_owner")
    await tenants.kube.delete(JOBS, tenants.namespace, failed["status"]["schema"]["job"])
    ready = await tenants.until_ready(seconds=60)
    assert ready["status"]["schema"]["image"].endswith(":0.1.2")


async def test_what_leaves_the_spec_leaves_the_cluster(tenants: Any, wait_for: Any) -> None:
    files = {"queue": {"url": "https://sqs.eu-central-1.amazonaws.com/111122223333/acme-files"}}
    api = {"autoscaling": {"minReplicas": 1}, "podLabels": {"example.com/team": "blue"}}
    await tenants.apply(fileProcessor=files, objectStorage={"bucket": "acme-files"}, api=api)
    await tenants.until_ready()
    assert (await _template(tenants))["metadata"]["labels"]["example.com/team"] == "blue"
    assert ("ScaledObject", "acme-files") in await tenants.children()

    await tenants.apply(objectStorage={"bucket": "acme-files"})

    async def pruned() -> bool:
        # The worker's NetworkPolicy stays: a pod that is still stopping would be open without it.
        names = {key for key in await tenants.children() if key[1] == "acme-files"} - {("NetworkPolicy", "acme-files")}
        return not names and "example.com/team" not in (await _template(tenants))["metadata"]["labels"]

    await wait_for(pruned)
    await tenants.until_ready()

    async def pods_are_gone() -> bool:
        return not await tenants.kube.list(PODS, tenants.namespace, label_selector="rem.dev/component=files")

    await wait_for(pods_are_gone)


async def _as_owner(tenants: Any, statement: str) -> None:
    """An owner may take from itself the right to make tables, and give it back."""
    secret = await tenants.kube.get(SECRETS, tenants.namespace, "acme-db-app")
    data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    connection = await asyncpg.connect(
        host=data["host"], port=int(data["port"]), user=data["user"], password=data["password"], database="rem"
    )
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
