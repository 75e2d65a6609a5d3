"""When a watch counts as alive, and which events concern which keys."""

from typing import Any

import pytest

from rem_operator.kube.index import Index, seen
from rem_operator.kube.resources import (
    CLUSTERS,
    CONFIG_MAPS,
    REM_AGENTS,
    REM_TENANTS,
    SECRET_STORES,
    STORAGE_CLASSES,
    Resource,
)
from rem_operator.queue import Key
from rem_operator.watch.routing import keys_of_event
from rem_operator.watch.vitals import Vitals, streams_of


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watching(clock: Clock, *resources: Resource, namespaces: tuple[str, ...] = ()) -> tuple[Vitals, Index]:
    index = Index(scopes=namespaces or (None,), watched=resources)
    return Vitals(streams_of(resources, namespaces), clock=clock), index


def test_a_kind_that_nobody_began_to_watch_is_missing_after_a_while(clock: Clock) -> None:
    vitals, index = watching(clock, CONFIG_MAPS, STORAGE_CLASSES)
    vitals.progress((CONFIG_MAPS, None))
    clock.now += 5
    assert vitals.missing(index, after_seconds=10) == []
    clock.now += 6
    assert vitals.missing(index, after_seconds=10) == [STORAGE_CLASSES]


def test_a_kind_that_is_not_served_is_missed_by_nobody(clock: Clock) -> None:
    vitals, index = watching(clock, CLUSTERS)
    clock.now += 1000
    assert vitals.missing(index, after_seconds=10) == []
    assert vitals.silent(index, after_seconds=10) == []
    assert vitals.ages(index) == {}


def test_each_namespace_has_to_show_life(clock: Clock) -> None:
    vitals, index = watching(clock, CONFIG_MAPS, STORAGE_CLASSES, namespaces=("a", "b"))
    clock.now += 20
    for stream in [(CONFIG_MAPS, "a"), (STORAGE_CLASSES, None)]:
        vitals.progress(stream)
    assert vitals.missing(index, after_seconds=10) == [CONFIG_MAPS]
    assert vitals.ages(index) == {"configmaps": 20, "storageclasses.storage.k8s.io": 0}


def test_failed_attempts_are_signs_of_life_but_no_progress(clock: Clock) -> None:
    vitals, index = watching(clock, CONFIG_MAPS)
    vitals.progress((CONFIG_MAPS, None))
    clock.now += 200
    assert vitals.silent(index, after_seconds=150) == [CONFIG_MAPS]
    vitals.sign((CONFIG_MAPS, None))
    assert vitals.silent(index, after_seconds=150) == []
    assert vitals.ages(index) == {"configmaps": 200}


def test_after_a_new_start_everything_has_to_show_life_again(clock: Clock) -> None:
    vitals, index = watching(clock, CONFIG_MAPS)
    vitals.progress((CONFIG_MAPS, None))
    clock.now += 200
    vitals.begin()
    assert vitals.silent(index, after_seconds=150) == []
    clock.now += 11
    assert vitals.missing(index, after_seconds=10) == [CONFIG_MAPS]
    assert vitals.ages(index) == {"configmaps": 211}


def obj(name: str, namespace: str = "ns", tenant: str | None = None) -> dict[str, Any]:
    labels = {"rem.dev/tenant": tenant} if tenant else {}
    return {"metadata": {"name": name, "namespace": namespace, "resourceVersion": "1", "labels": labels}}


def routed(resource: Resource, one: dict[str, Any]) -> list[str]:
    index = Index()
    for name, namespace in [("acme", "ns"), ("second", "ns"), ("far", "elsewhere")]:
        index.fold(REM_TENANTS, obj(name, namespace))
    return [str(key) for key in keys_of_event(resource, seen(resource, one), index)]


def test_events_lead_to_the_keys_that_they_concern() -> None:
    assert routed(REM_TENANTS, obj("acme")) == ["RemTenant/ns/acme"]
    assert routed(REM_AGENTS, obj("notes")) == ["RemAgent/ns/notes"]
    assert routed(CONFIG_MAPS, obj("x", tenant="acme")) == ["RemTenant/ns/acme"]
    assert routed(CONFIG_MAPS, obj("x")) == []
    assert routed(SECRET_STORES, obj("aws")) == ["RemTenant/ns/acme", "RemTenant/ns/second"]
    assert len(routed(STORAGE_CLASSES, {"metadata": {"name": "fast", "resourceVersion": "1"}})) == 3


def test_keys_read_well() -> None:
    assert str(Key("RemTenant", "ns", "acme")) == "RemTenant/ns/acme"
