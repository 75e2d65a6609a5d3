"""What each builder decides: names, ownership, the database, secrets, scaling, connections."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from rem_crds import handoff
from rem_operator import names
from rem_operator.manifests.connections import connection_budget, connection_shortfall, max_connections
from rem_operator.manifests.files_worker import files_children
from rem_operator.manifests.inputs import BuildSettings, Credentials
from rem_operator.manifests.schema_job import schema_job_name
from rem_operator.manifests.secrets import secret_store_key
from rem_operator.settings import Settings

DATA = {"Cluster", "Database", "DatabaseRole"}
IMAGE = "ghcr.io/rem-dev/rem-runtime:1"


def test_names_are_unique_and_fit(tenants: Any, t: Any) -> None:
    seen = set()
    limits = {"Cluster": 50, "ScaledObject": 63 - len("keda-hpa-")}
    for child in tenants.children(t):
        kind, metadata = child.manifest["kind"], child.manifest["metadata"]
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", metadata["name"])
        assert len(metadata["name"]) <= limits.get(kind, 63)
        assert metadata["name"].startswith(f"{t.name}-")
        assert metadata["namespace"] == t.namespace
        assert (kind, metadata["name"]) not in seen
        seen.add((kind, metadata["name"]))


def test_the_longest_name_uses_the_whole_limit(tenants: Any) -> None:
    t = tenants.inputs("longest")
    assert (len(t.name), len(t.namespace)) == (40, 63)


def test_every_child_carries_our_labels_and_no_instance(tenants: Any, t: Any) -> None:
    for child in tenants.children(t):
        labels = child.manifest["metadata"]["labels"]
        assert labels[handoff.LABEL_TENANT] == t.name
        assert labels[handoff.LABEL_MANAGED_BY] == "rem-operator"
        assert "app.kubernetes.io/instance" not in labels
        assert all(len(value) <= 63 for value in labels.values())
        assert "ownerReferences" not in child.manifest["metadata"]


def test_data_has_no_owner_and_secrets_are_made_once(tenants: Any, t: Any) -> None:
    for child in tenants.children(t):
        kind = child.manifest["kind"]
        assert child.owned == (kind not in DATA | {"Secret"})
        assert child.generated == (kind == "Secret")


def test_selectors_are_minimal(tenants: Any, t: Any) -> None:
    for child in tenants.children(t):
        spec = child.manifest.get("spec", {})
        selector = spec.get("selector", {})
        selector = selector.get("matchLabels", selector)
        if selector:
            assert set(selector) == {handoff.LABEL_TENANT, handoff.LABEL_COMPONENT}
        if selector and "template" in spec:
            assert selector.items() <= spec["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize(("instances", "budget"), [(1, False), (2, True), (3, True)])
def test_one_instance_has_no_disruption_budget(tenants: Any, instances: int, budget: bool) -> None:
    t = tenants.spec(database={"instances": instances})
    assert tenants.manifest(t, "Cluster", "acme-db")["spec"]["enablePDB"] is budget


@pytest.mark.parametrize(
    ("images", "image", "extension"),
    [
        ({}, "default-pg", "default-vector"),
        ({"postgres": "r.example.com/pg:18"}, "r.example.com/pg:18", None),
        ({"pgvector": "r.example.com/v:1"}, "default-pg", "r.example.com/v:1"),
        (
            {"postgres": "r.example.com/pg:18", "pgvector": "r.example.com/v:1"},
            "r.example.com/pg:18",
            "r.example.com/v:1",
        ),
    ],
)
def test_images_of_the_database(tenants: Any, images: dict[str, str], image: str, extension: str | None) -> None:
    t = tenants.spec(images=images)
    spec = tenants.manifest(t, "Cluster", "acme-db")["spec"]
    defaults = {"default-pg": t.settings.images.postgres, "default-vector": t.settings.images.pgvector}
    assert spec["imageName"] == defaults.get(image, image)
    wanted = defaults.get(extension or "", extension)
    found = spec["postgresql"].get("extensions")
    assert found == ([{"name": "pgvector", "image": {"reference": wanted}}] if wanted else None)


def test_an_operator_without_extension_image_uses_what_postgres_has(tenants: Any) -> None:
    t = tenants.inputs("smallest")
    images = t.settings.images.model_copy(update={"pgvector": ""})
    t = replace(t, settings=t.settings.model_copy(update={"images": images}))
    assert "extensions" not in tenants.manifest(t, "Cluster", "tiny-db")["spec"]["postgresql"]


def test_the_database_has_its_roles_and_extensions(tenants: Any, t: Any) -> None:
    database = tenants.manifest(t, "Database", names.name_of_database(t.name))["spec"]
    assert (database["name"], database["owner"]) == ("rem", "rem_owner")
    assert [one["name"] for one in database["extensions"]] == ["vector", "pg_trgm", "btree_gist"]
    for name, role in ((names.name_of_app_role(t.name), "rem_app"), (names.name_of_sql_role(t.name), "rem_sql")):
        spec = tenants.manifest(t, "DatabaseRole", name)["spec"]
        assert (spec["name"], spec["login"], spec["inherit"]) == (role, True, False)
        assert not {"superuser", "createdb", "createrole", "replication", "bypassrls", "inRoles"} & set(spec)
        secret = tenants.manifest(t, "Secret", spec["passwordSecret"]["name"])
        assert secret["type"] == "kubernetes.io/basic-auth"
        assert secret["metadata"]["labels"]["cnpg.io/reload"] == "true"
        assert secret["stringData"]["username"] == role


def test_the_database_gets_its_role_arn_through_cnpg(tenants: Any) -> None:
    arn = "arn:aws:iam::111122223333:role/rem-acme-db"
    t = tenants.spec(identity={"database": {"roleArn": arn}})
    template = tenants.manifest(t, "Cluster", "acme-db")["spec"]["serviceAccountTemplate"]
    assert template == {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": arn}}}


@pytest.mark.parametrize("prefix", ["{namespace}/{name}/", "rem/{namespace}-{name}-", "fixed/"])
def test_the_secret_prefix_is_always_applied(tenants: Any, prefix: str) -> None:
    t = tenants.inputs("fullest", BuildSettings(secret_key_prefix=prefix))
    expanded = prefix.replace("{namespace}", "acme").replace("{name}", "acme")
    keys = [one["remoteRef"]["key"] for one in tenants.manifest(t, "ExternalSecret", "acme-secrets")["spec"]["data"]]
    assert keys == [f"{expanded}llm/openai", f"{expanded}llm/all"]


@pytest.mark.parametrize("key", ["/absolute", "../other/openai", "a/../../b", "a..b"])
def test_a_key_that_leaves_the_prefix_is_refused(tenants: Any, key: str) -> None:
    with pytest.raises(ValueError, match="write it relative"):
        secret_store_key(tenants.inputs("smallest"), key)


def test_the_api_key_secret_fits_the_runtime(tenants: Any, t: Any) -> None:
    data = tenants.manifest(t, "Secret", names.name_of_api_key(t.name))["stringData"]
    (key,) = handoff.ApiKeyFile.validate_json(data["keys.json"])
    assert key.sha256 == handoff.sha256_of_key(data["api-key"])
    assert (key.user, key.scopes) == ("", handoff.ALL_SCOPES)


def test_credentials_are_not_shown() -> None:
    assert "hidden" not in repr(Credentials(app_password="hidden", sql_password="hidden", api_key="hidden"))


def test_without_queue_there_is_no_worker(tenants: Any) -> None:
    t = tenants.inputs("smallest")
    assert files_children(t, image=IMAGE, rollout_hash="x") == []
    assert not {"S3__BUCKET", "SQS__QUEUE_URL"} & set(tenants.manifest(t, "ConfigMap", "tiny-config")["data"])


def test_keda_asks_with_its_own_identity_in_the_queues_region(tenants: Any) -> None:
    t = tenants.spec(
        objectStorage={"bucket": "files"},
        fileProcessor={"queue": {"url": "https://sqs.eu-central-1.amazonaws.com/111122223333/acme-files"}},
        identity={"worker": {"roleArn": "arn:aws:iam::111122223333:role/rem-acme-worker"}},
    )
    authentication = tenants.manifest(t, "TriggerAuthentication", "acme-files")["spec"]
    assert authentication == {"podIdentity": {"provider": "aws", "identityOwner": "keda"}}
    spec = tenants.manifest(t, "ScaledObject", "acme-files")["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 20)
    assert (spec["pollingInterval"], spec["cooldownPeriod"]) == (10, 60)
    (trigger,) = spec["triggers"]
    assert trigger["metadata"] == {
        "queueURL": "https://sqs.eu-central-1.amazonaws.com/111122223333/acme-files",
        "awsRegion": "eu-central-1",
        "queueLength": "10",
    }


def test_schema_job_names(tenants: Any) -> None:
    t = tenants.inputs("smallest")
    first = schema_job_name(t, IMAGE)
    assert re.fullmatch(r"tiny-schema-[0-9a-f]{8}", first)
    assert first == schema_job_name(tenants.inputs("smallest"), IMAGE)
    assert first != schema_job_name(t, f"{IMAGE}.1")
    assert first != schema_job_name(t, IMAGE, dsn_hash="another database")
    elsewhere = tenants.spec(api={"scheduling": {"nodeSelector": {"pool": "web"}}})
    assert schema_job_name(elsewhere, IMAGE) != schema_job_name(tenants.spec(), IMAGE)


def test_a_schema_job_depends_on_nothing_that_changes_while_it_runs(tenants: Any) -> None:
    """A Job's template is immutable, so what scales or configures the rest must not reach into it."""
    one = tenants.spec()
    other = tenants.spec(
        api={"autoscaling": {"maxReplicas": 20}, "env": [{"name": "A", "value": "b"}], "podLabels": {"a": "b"}},
        llm={"defaultModel": "openai-chat:gpt"},
        objectStorage={"bucket": "files"},
    )
    assert schema_job_name(one, IMAGE) == schema_job_name(other, IMAGE)


def test_max_connections_covers_all_pods_in_big_steps(tenants: Any) -> None:
    spec = tenants.spec(
        objectStorage={"bucket": "files"}, fileProcessor={"queue": {"url": "https://sqs.eu-1.amazonaws.com/1/q"}}
    ).spec
    assert connection_budget(spec) == 10 * 10 + 20 * 2 + 3 * 10 + 4 + 2 + 14
    assert max_connections(spec) == 200
    assert connection_shortfall(spec) is None


@pytest.mark.parametrize(("written", "enough"), [("50", False), ("400", True), ("many", False)])
def test_a_tenants_own_max_connections_is_kept_and_checked(tenants: Any, written: str, enough: bool) -> None:
    t = tenants.spec(database={"parameters": {"max_connections": written}})
    parameters = tenants.manifest(t, "Cluster", "acme-db")["spec"]["postgresql"]["parameters"]
    assert parameters["max_connections"] == written
    problem = connection_shortfall(t.spec)
    assert (problem is None) is enough
    assert enough or "lower maxReplicas" in str(problem)


def test_settings_that_are_misspelt_are_refused() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        BuildSettings.model_validate({"network": {"gatewayNamespaces": "x"}})


@pytest.mark.parametrize("cidrs", ["10.0.0.1/32, fd00::1/128", '["10.0.0.1/32", "fd00::1/128"]'])
def test_lists_come_from_the_environment_as_text(cidrs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETWORK__API_SERVER__CIDRS", cidrs)
    monkeypatch.setenv("NETWORK__API_SERVER__PORTS", "6443")
    found = Settings().build.network.api_server
    assert [str(one) for one in found.cidrs] == ["10.0.0.1/32", "fd00::1/128"]
    assert found.ports == (6443,)
