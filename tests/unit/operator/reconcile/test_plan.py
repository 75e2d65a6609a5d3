"""The order of things: what is wanted before the database, before the schema, on a new image, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rem_operator.kube.resources import CONFIG_MAPS, DEPLOYMENTS, EXTERNAL_SECRETS, JOBS, NETWORK_POLICIES
from rem_operator.reconcile.plan import Plan, plan_tenant

FILES = {"queue": {"url": "https://sqs.eu-central-1.amazonaws.com/111122223333/acme-files"}}


def planned(world: Any) -> Plan:
    return plan_tenant(world.facts(), world.inputs())


def kinds(plan: Plan) -> list[str]:
    return [child.manifest["kind"] for child in plan.desired]


def images(plan: Plan) -> dict[str, str]:
    """Image by name of the Deployment."""
    return {
        child.manifest["metadata"]["name"]: child.manifest["spec"]["template"]["spec"]["containers"][0]["image"]
        for child in plan.desired
        if child.manifest["kind"] == "Deployment"
    }


def jobs(plan: Plan) -> list[str]:
    return [child.manifest["metadata"]["name"] for child in plan.desired if child.manifest["kind"] == "Job"]


def test_first_the_server_and_what_needs_no_database(world: Any) -> None:
    plan = planned(world)
    assert [child.manifest["kind"] for child in plan.server] == ["Cluster"]
    assert plan.workloads == ()
    assert {"ServiceAccount", "ConfigMap", "NetworkPolicy", "Secret", "DatabaseRole", "Database"} <= set(kinds(plan))


def test_then_the_schema_and_nothing_that_needs_it(world: Any) -> None:
    world.database()
    plan = planned(world)
    assert [child.manifest["kind"] for child in plan.workloads] == ["Job"]


@pytest.mark.parametrize("state", ["", "Failed"])
def test_a_schema_that_is_not_done_holds_the_workloads(world: Any, state: str) -> None:
    world.database()
    name = world.job(state)
    plan = planned(world)
    assert images(plan) == {}
    assert jobs(plan) == [name]


def test_then_what_serves(world: Any) -> None:
    world.spec |= {"fileProcessor": FILES, "objectStorage": {"bucket": "acme-files"}}
    world.database()
    world.job("Complete")
    plan = planned(world)
    assert images(plan) == {"acme-api": world.v1, "acme-files": world.v1}
    assert {"Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "ScaledObject"} <= set(kinds(plan))


def test_what_pods_read_at_their_start_is_in_a_stage_before_them(up: Any) -> None:
    plan = planned(up)
    foundation = {child.manifest["kind"] for child in plan.foundation}
    assert {"ConfigMap", "ServiceAccount", "Secret", "NetworkPolicy"} <= foundation
    assert {child.manifest["kind"] for child in plan.workloads} >= {"Job", "Deployment"}


def test_every_child_is_in_one_stage(up: Any) -> None:
    plan = planned(up)
    names = [(c.manifest["kind"], c.manifest["metadata"]["name"]) for c in plan.desired]
    assert len(names) == len(set(names)) == len(plan.names)
    assert {(CONFIG_MAPS, "acme-config"), (DEPLOYMENTS, "acme-api"), (NETWORK_POLICIES, "acme-db")} <= plan.names


def test_the_first_workloads_wait_for_the_secrets(world: Any, secrets_spec: Callable[..., Any]) -> None:
    world.spec["secrets"] = secrets_spec("A_KEY")
    world.database()
    world.job("Complete")
    assert images(planned(world)) == {}
    world.synced("A_KEY")
    assert images(planned(world)) == {"acme-api": world.v1}
    # What runs goes on when the store fails later.
    world.deployment()
    world.put(EXTERNAL_SECRETS, "acme-secrets", status={"conditions": [{"type": "Ready", "status": "False"}]})
    assert images(planned(world)) == {"acme-api": world.v1}


@pytest.mark.parametrize("state", [None, "", "Failed"])
def test_a_new_image_runs_once_its_schema_is_there(up: Any, state: str | None) -> None:
    old = up.jobs().wanted
    up.spec["images"] = {"runtime": up.v2}
    new = up.job(state, image=up.v2) if state is not None else up.jobs().wanted
    plan = planned(up)
    assert jobs(plan) == [new]
    assert images(plan) == {"acme-api": up.v1}
    assert plan.keep == {(JOBS, old)}


def test_with_the_new_schema_the_new_image_runs_and_the_old_job_goes(up: Any) -> None:
    up.spec["images"] = {"runtime": up.v2}
    up.job("Complete", image=up.v2)
    plan = planned(up)
    assert images(plan) == {"acme-api": up.v2}
    assert plan.keep == frozenset()


def test_back_to_the_image_before_a_schema_that_fails(up: Any) -> None:
    up.spec["images"] = {"runtime": up.v2}
    up.job("Failed", image=up.v2)
    del up.spec["images"]
    plan = planned(up)
    assert images(plan) == {"acme-api": up.v1}
    assert plan.keep == frozenset()


def test_an_image_that_somebody_set_by_hand_is_not_taken_over(up: Any) -> None:
    up.spec["images"] = {"runtime": up.v2}
    up.deployment(image="ghcr.io/somebody/else:1")
    assert images(planned(up)) == {"acme-api": up.v1}


def test_killed_between_a_roll_out_and_its_status(up: Any) -> None:
    """Schema and pods are at v2, the status still says v1, and meanwhile v3 is wanted."""
    up.spec["images"] = {"runtime": up.v2}
    up.job("Complete", image=up.v2, at="5")
    up.deployment(image=up.v2)
    up.spec["images"] = {"runtime": "ghcr.io/rem-dev/rem-runtime:3.0.0"}
    assert images(planned(up)) == {"acme-api": up.v2}


def test_without_any_job_the_status_says_what_ran(up: Any) -> None:
    up.take(JOBS, up.jobs().wanted)
    up.take(DEPLOYMENTS, "acme-api")
    assert images(planned(up)) == {"acme-api": up.v1}


def test_another_database_gets_a_schema_of_its_own(up: Any) -> None:
    old = up.jobs().wanted
    up.database("2002", password="another")
    plan = planned(up)
    assert jobs(plan) == [up.jobs().wanted] != [old]
    assert (JOBS, old) in plan.keep


def test_what_leaves_the_spec_leaves_the_plan(up: Any) -> None:
    up.spec |= {"fileProcessor": FILES, "objectStorage": {"bucket": "acme-files"}}
    assert (DEPLOYMENTS, "acme-files") in planned(up).names
    up.spec["fileProcessor"] = FILES | {"enabled": False}
    assert (DEPLOYMENTS, "acme-files") not in planned(up).names


def test_another_cloud_role_rolls_the_pods_that_have_it(up: Any) -> None:
    def hashes() -> dict[str, str]:
        return {
            c.manifest["metadata"]["name"]: c.manifest["spec"]["template"]["metadata"]["annotations"][
                "rem.dev/rollout-hash"
            ]
            for c in planned(up).desired
            if c.manifest["kind"] == "Deployment"
        }

    up.spec |= {"fileProcessor": FILES, "objectStorage": {"bucket": "acme-files"}}
    before = hashes()
    up.spec["identity"] = {"worker": {"roleArn": "arn:aws:iam::111122223333:role/rem-acme-w"}}
    after = hashes()
    assert before["acme-api"] == after["acme-api"]
    assert before["acme-files"] != after["acme-files"]


def test_two_plans_of_the_same_facts_are_equal(up: Any) -> None:
    facts, inputs = up.facts(), up.inputs()
    assert plan_tenant(facts, inputs) == plan_tenant(facts, inputs)
