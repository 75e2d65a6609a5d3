"""The order of events: whatever arrives late or twice, the newest version holds."""

from typing import Any

from rem_operator.kube.index import Index, seen
from rem_operator.kube.resources import CLUSTERS, CONFIG_MAPS, SECRETS, STORAGE_CLASSES


def config_map(name: str = "acme-config", version: int = 10, *, namespace: str = "ns", **fields: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "labels": {"rem.dev/tenant": "acme"},
        **fields.pop("metadata", {}),
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"v": str(version)}, **fields}


def value(index: Index, name: str = "acme-config") -> str | None:
    one = index.get(CONFIG_MAPS, "ns", name)
    return None if one is None else one.body["data"]["v"]


def test_an_older_event_does_not_overwrite_the_answer_to_our_own_write() -> None:
    index = Index()
    index.fold(CONFIG_MAPS, config_map(version=12))
    assert index.fold(CONFIG_MAPS, config_map(version=11)).resource_version == "12"
    assert value(index) == "12"


def test_the_same_version_again_changes_nothing() -> None:
    index = Index()
    first = index.fold(CONFIG_MAPS, config_map(version=12))
    assert index.fold(CONFIG_MAPS, config_map(version=12)) is first


def test_a_late_deletion_does_not_remove_what_was_made_anew() -> None:
    index = Index()
    index.fold(CONFIG_MAPS, config_map(version=20))
    index.remove(CONFIG_MAPS, config_map(version=15))
    assert value(index) == "20"


def test_a_late_answer_does_not_bring_back_what_was_deleted() -> None:
    index = Index()
    index.fold(CONFIG_MAPS, config_map(version=10))
    index.remove(CONFIG_MAPS, config_map(version=13))
    index.fold(CONFIG_MAPS, config_map(version=12))
    assert value(index) is None
    index.fold(CONFIG_MAPS, config_map(version=14))
    assert value(index) == "14"


def test_a_list_tells_what_was_deleted_while_nobody_watched() -> None:
    index = Index()
    index.fold(CONFIG_MAPS, config_map("kept", 10))
    index.fold(CONFIG_MAPS, config_map("gone", 11))
    vanished = index.replace(CONFIG_MAPS, None, [config_map("kept", 10)], version="30")
    assert [one.name for one in vanished] == ["gone"]
    assert [one.name for one in index.of_tenant("ns", "acme")] == ["kept"]


def test_a_list_does_not_remove_what_was_written_after_it() -> None:
    index = Index()
    index.fold(CONFIG_MAPS, config_map("new", 31))
    assert index.replace(CONFIG_MAPS, None, [], version="30") == []
    assert value(index, "new") == "31"


def test_an_event_from_before_the_list_does_not_bring_back_what_the_list_lacks() -> None:
    index = Index()
    index.replace(CONFIG_MAPS, None, [], version="30")
    index.fold(CONFIG_MAPS, config_map("gone", 29))
    assert value(index, "gone") is None


def test_a_list_of_one_namespace_says_nothing_about_another() -> None:
    index = Index(scopes=["ns", "other"])
    index.fold(CONFIG_MAPS, config_map("here", 10))
    index.fold(CONFIG_MAPS, config_map("there", 10, namespace="other"))
    vanished = index.replace(CONFIG_MAPS, "ns", [], version="30")
    assert [one.name for one in vanished] == ["here"]
    assert not index.synced(CONFIG_MAPS)
    index.replace(CONFIG_MAPS, "other", [], version="31")
    assert index.synced(CONFIG_MAPS)


def test_cluster_scoped_kinds_are_synced_by_one_list_in_a_namespaced_installation() -> None:
    index = Index(scopes=["ns"])
    index.replace(STORAGE_CLASSES, None, [], version="3")
    assert index.synced(STORAGE_CLASSES)


def test_the_tenant_is_the_label_of_the_newest_version() -> None:
    index = Index()
    index.fold(CONFIG_MAPS, config_map(version=10))
    index.fold(CONFIG_MAPS, config_map(version=11, metadata={"labels": {"rem.dev/tenant": "other"}}))
    assert index.of_tenant("ns", "acme") == []
    assert len(index.of_tenant("ns", "other")) == 1
    index.remove(CONFIG_MAPS, config_map(version=12))
    assert index.of_tenant("ns", "other") == []


def test_secret_values_are_not_kept() -> None:
    secret = {"metadata": {"name": "s", "namespace": "ns"}, "type": "Opaque", "data": {"password": "aHVudGVyMg=="}}
    one = seen(SECRETS, secret)
    assert b"aHVudGVyMg" not in one.packed
    assert one.body["keys"] == ["password"]
    changed = seen(SECRETS, {**secret, "data": {"password": "b3RoZXI="}})
    assert changed.body["data_hash"] != one.body["data_hash"]


def test_managers_of_a_subresource_do_not_count() -> None:
    fields = [{"manager": "rem-operator", "subresource": "status"}, {"manager": "kubectl"}]
    assert seen(CONFIG_MAPS, config_map(metadata={"managedFields": fields})).managers == {"kubectl"}


def test_a_kind_that_is_not_served_any_more_takes_its_objects_along() -> None:
    index = Index()
    assert not index.served(CLUSTERS)
    index.set_served(CLUSTERS, served=True)
    index.replace(CLUSTERS, None, [config_map("acme-db", 5)], version="6")
    assert index.synced(CLUSTERS)
    assert [one.name for one in index.set_served(CLUSTERS, served=False)] == ["acme-db"]
    assert not index.synced(CLUSTERS)
    assert index.get(CLUSTERS, "ns", "acme-db") is None


def test_what_was_accepted_holds_until_the_object_changes_beside_its_status() -> None:
    index = Index()
    one = index.fold(CONFIG_MAPS, config_map(version=10))
    index.accept(one, "hash")
    assert index.is_accepted(one, "hash")
    assert not index.is_accepted(one, "another")
    same = index.fold(CONFIG_MAPS, config_map(version=11, data={"v": "10"}, status={"x": 1}))
    assert index.is_accepted(same, "hash")
    changed = index.fold(CONFIG_MAPS, config_map(version=12, data={"v": "edited"}))
    assert not index.is_accepted(changed, "hash")
