"""Who may be touched, when a write is needed, and what is sent; against an API that answers by scenario."""

from collections.abc import Callable
from typing import Any

import pytest

from rem_operator.children import Child
from rem_operator.kube.apply import Owner, applied_hash, apply_children, intended, is_ours, is_surplus
from rem_operator.kube.client import KubeClient
from rem_operator.kube.errors import NotServed
from rem_operator.kube.index import Index, Seen, seen
from rem_operator.kube.resources import CLUSTERS, CONFIG_MAPS, SECRETS, Resource, resource_of

Connect = Callable[..., KubeClient]
OWNER = Owner("acme", "ns", "tenant-uid")
OURS = [{"manager": "rem-operator", "operation": "Apply"}]


def config_map(name: str = "acme-config", **data: str) -> Child:
    metadata = {"name": name, "labels": {"rem.dev/tenant": "acme"}}
    return Child({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data or {"a": "1"}})


def secret(value: str = "v") -> Child:
    metadata = {"name": "acme-api-key", "labels": {"rem.dev/tenant": "acme"}}
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"api-key": value}}
    return Child(manifest, owned=False, generated=True)


def live(child: Child, *, version: int = 10, owner: Owner = OWNER, **changes: Any) -> dict[str, Any]:
    """The child as the API server would return it, with changes to its metadata."""
    manifest = intended(child, owner)
    added = {"uid": "child-uid", "resourceVersion": str(version), "managedFields": OURS, **changes}
    return {**manifest, "metadata": {**manifest["metadata"], **added}}


def index_with(*objects: dict[str, Any]) -> Index:
    index = Index()
    index.set_served(CLUSTERS, served=True)
    for obj in objects:
        index.fold(resource_of(obj), obj)
    return index


def projected(child: Child, **changes: Any) -> Seen:
    return seen(resource_of(child.manifest), live(child, **changes))


async def test_nothing_is_sent_when_nothing_has_changed(api: Any, connect: Connect) -> None:
    children = [config_map(), secret("one")]
    index = index_with(live(children[0]), live(children[1]))
    outcomes = await apply_children(connect(), index, OWNER, [config_map(), secret("another")])
    assert [outcome.action for outcome in outcomes] == ["unchanged", "unchanged"]
    api.expect_no_call()


async def test_what_is_not_known_is_read_before_it_is_made(api: Any, connect: Connect) -> None:
    made = live(config_map())
    api.answers = [(404, {"details": {"name": "acme-config"}}), (201, made)]
    index = index_with()
    [outcome] = await apply_children(connect(), index, OWNER, [config_map()])
    assert outcome.action == "created"
    assert [asked.method for asked in api.asked] == ["GET", "PATCH"]
    assert api.asked[1].body["metadata"]["ownerReferences"] == [OWNER.reference]
    assert "uid" not in api.asked[1].body["metadata"]
    assert index.get(CONFIG_MAPS, "ns", "acme-config") is not None


async def test_right_after_a_write_the_next_run_sends_nothing(api: Any, connect: Connect) -> None:
    api.answers = [(404, {"details": {"name": "acme-config"}}), (201, live(config_map()))]
    client, index = connect(), index_with()
    await apply_children(client, index, OWNER, [config_map()])
    api.asked.clear()
    [outcome] = await apply_children(client, index, OWNER, [config_map()])
    assert outcome.action == "unchanged"
    api.expect_no_call()


async def test_a_hand_edit_is_repaired(api: Any, connect: Connect) -> None:
    edited = live(config_map())
    edited["data"] = {"a": "edited"}
    api.answers = [(200, live(config_map(), version=11))]
    [outcome] = await apply_children(connect(), index_with(edited), OWNER, [config_map()])
    assert outcome.action == "repaired"
    assert api.asked[0].body["metadata"]["uid"] == "child-uid"


async def test_a_field_that_we_no_longer_set_is_sent_though_the_rest_is_a_subset(api: Any, connect: Connect) -> None:
    api.answers = [(200, live(config_map(a="1"), version=11))]
    [outcome] = await apply_children(connect(), index_with(live(config_map(a="1", b="2"))), OWNER, [config_map(a="1")])
    assert outcome.action == "applied"


async def test_what_the_server_says_in_other_words_is_sent_once(api: Any, connect: Connect) -> None:
    """A default that the table does not know, inside an atomic list: one call, then never again until it changes."""
    child = config_map()
    child.manifest["data"] = {"list": [{"a": 1}]}
    stored = live(child)
    stored["data"] = {"list": [{"a": 1, "default": True}]}
    api.answers = [(200, stored)]
    client, index = connect(), index_with(stored)
    for _ in range(3):
        [outcome] = await apply_children(client, index, OWNER, [child])
        assert outcome.action == "unchanged"
    assert len(api.asked) == 1


async def test_an_object_that_is_going_is_left_to_go(api: Any, connect: Connect) -> None:
    going = live(config_map(), deletionTimestamp="2026-01-01T00:00:00Z")
    going["data"] = {}
    [outcome] = await apply_children(connect(), index_with(going), OWNER, [config_map()])
    assert outcome.action == "unchanged"
    api.expect_no_call()


async def test_a_foreign_object_in_the_index_is_not_touched(api: Any, connect: Connect) -> None:
    foreign = live(config_map(), managedFields=[{"manager": "kubectl"}])
    [outcome] = await apply_children(connect(), index_with(foreign), OWNER, [config_map()])
    assert outcome.action == "conflict"
    api.expect_no_call()


async def test_a_foreign_object_that_is_not_in_the_index_is_not_touched(api: Any, connect: Connect) -> None:
    api.answers = [(200, live(config_map(), managedFields=[{"manager": "kubectl"}], labels={}))]
    [outcome] = await apply_children(connect(), index_with(), OWNER, [config_map()])
    assert outcome.action == "conflict"
    assert [asked.method for asked in api.asked] == ["GET"]


async def test_a_foreign_secret_is_neither_read_nor_touched(api: Any, connect: Connect) -> None:
    foreign = {"metadata": {"name": "acme-api-key", "namespace": "ns", "managedFields": [{"manager": "kubectl"}]}}
    api.answers = [(409, {"reason": "AlreadyExists"}), (200, {"items": [foreign]})]
    [outcome] = await apply_children(connect(), index_with(), OWNER, [secret()])
    assert outcome.action == "conflict"
    assert [(asked.method, asked.query.get("fieldSelector")) for asked in api.asked] == [
        ("POST", None),
        ("GET", "metadata.name=acme-api-key"),
    ]


async def test_the_value_of_a_generated_secret_is_never_sent_again(api: Any, connect: Connect) -> None:
    unlabelled = live(secret(), labels={"rem.dev/tenant": "acme", "app.kubernetes.io/part-of": "edited"})
    wanted = secret()
    wanted.manifest["metadata"]["labels"]["app.kubernetes.io/part-of"] = "rem"
    api.answers = [(200, live(wanted, version=11))]
    await apply_children(connect(), index_with(unlabelled), OWNER, [wanted])
    [asked] = api.asked
    assert asked.method == "PATCH"
    assert set(asked.body) == {"apiVersion", "kind", "metadata"}
    assert asked.body["metadata"]["uid"] == "child-uid"
    assert "ownerReferences" not in asked.body["metadata"]


async def test_one_failure_stops_nobody_else(api: Any, connect: Connect) -> None:
    api.answers = [(403, {"message": "no"})]
    children = [config_map("a"), config_map()]
    outcomes = await apply_children(connect(), index_with(live(config_map())), OWNER, children)
    assert [outcome.action for outcome in outcomes] == ["failed", "unchanged"]
    assert "no" in str(outcomes[0].error)


async def test_a_kind_that_is_not_served_fails_without_a_call(api: Any, connect: Connect) -> None:
    cluster = Child(
        {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "acme-db"}}, owned=False
    )
    [outcome] = await apply_children(connect(), Index(), OWNER, [cluster])
    assert outcome.action == "failed"
    assert isinstance(outcome.error, NotServed)
    api.expect_no_call()


async def test_what_is_no_longer_wanted_is_deleted_by_uid(api: Any, connect: Connect) -> None:
    api.answers = [(200, {})]
    index = index_with(live(config_map()), live(config_map("kept"), uid="k"), live(config_map("old"), uid="old-uid"))
    outcomes = await apply_children(connect(), index, OWNER, [config_map()], keep=[(CONFIG_MAPS, "kept")])
    assert [(outcome.name, outcome.action) for outcome in outcomes] == [("acme-config", "unchanged"), ("old", "pruned")]
    [asked] = api.asked
    assert (asked.method, asked.path) == ("DELETE", "/api/v1/namespaces/ns/configmaps/old")
    assert asked.body["preconditions"] == {"uid": "old-uid"}


CHILD = config_map()
DATA = Child(
    {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": "acme-db", "labels": {"rem.dev/tenant": "acme"}},
    },
    owned=False,
)
ANOTHER = [{"kind": "RemTenant", "name": "other", "uid": "other-uid", "controller": True}]
EARLIER = [{"kind": "RemTenant", "name": "acme", "uid": "earlier-uid", "controller": True}]
CLUSTER = [{"kind": "Cluster", "name": "acme-db", "uid": "db-uid", "controller": True}]


@pytest.mark.parametrize(
    ("child", "changes", "ours"),
    [
        (CHILD, {}, True),
        (CHILD, {"labels": {}}, True),
        (CHILD, {"ownerReferences": []}, True),
        (CHILD, {"ownerReferences": EARLIER}, True),
        (DATA, {}, True),
        (DATA, {"labels": {}}, True),
        (CHILD, {"managedFields": []}, False),
        (CHILD, {"managedFields": [{"manager": "rem-operator", "subresource": "status"}]}, False),
        (CHILD, {"ownerReferences": ANOTHER}, False),
        (CHILD, {"ownerReferences": CLUSTER}, False),
        (CHILD, {"labels": {"rem.dev/tenant": "other"}}, False),
        (CHILD, {"labels": {}, "annotations": {}, "ownerReferences": []}, False),
        (DATA, {"labels": {}, "annotations": {}}, False),
        (DATA, {"ownerReferences": ANOTHER}, False),
    ],
)
def test_what_is_ours(child: Child, changes: dict[str, Any], ours: bool) -> None:
    assert is_ours(projected(child, **changes), OWNER) is ours


@pytest.mark.parametrize(
    ("child", "changes", "surplus"),
    [
        (CHILD, {}, True),
        (CHILD, {"deletionTimestamp": "2026-01-01T00:00:00Z"}, False),
        (CHILD, {"managedFields": [{"manager": "kubectl"}]}, False),
        (CHILD, {"ownerReferences": []}, False),
        (CHILD, {"ownerReferences": CLUSTER}, False),
        (CHILD, {"ownerReferences": ANOTHER}, False),
        (secret(), {}, False),
        (DATA, {}, False),
        (DATA, {"ownerReferences": [OWNER.reference]}, False),
    ],
)
def test_what_is_pruned(child: Child, changes: dict[str, Any], surplus: bool) -> None:
    assert is_surplus(projected(child, **changes), OWNER, ()) is surplus


def test_the_hash_knows_every_field_and_the_owner_and_no_secret_value() -> None:
    assert applied_hash(config_map(a="1"), OWNER) != applied_hash(config_map(a="2"), OWNER)
    assert applied_hash(config_map(), OWNER) != applied_hash(config_map(), Owner("acme", "ns", "another"))
    assert applied_hash(secret("one"), OWNER) == applied_hash(secret("two"), OWNER)
    assert applied_hash(secret("one"), Owner("acme", "ns", "another")) == applied_hash(secret("one"), OWNER)


def test_the_builders_manifest_is_not_changed() -> None:
    child = config_map()
    intended(child, OWNER)
    assert child == config_map()


def test_resources_are_found_by_their_manifest() -> None:
    assert resource_of(secret().manifest) == SECRETS
    assert isinstance(resource_of(DATA.manifest), Resource)
