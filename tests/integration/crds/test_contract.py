"""The contract against the real API server: what is accepted, what is refused, and that the refusal says what to do.

The objects stand in cases/*.yaml (good and bad ones, and transitions) and objects/*.yaml (smallest and fullest).
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from rem_crds.definitions import DEFINITIONS, crd_manifest
from rem_crds.v1alpha1 import DreamCycle, RemAgent, RemTenant, effective_tenant
from rem_local.cluster import LocalCluster

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
HERE = Path(__file__).parent
NUMBERS = itertools.count()
PLURALS = {definition.kind: definition.plural for definition in DEFINITIONS}
MODELS: dict[str, type[RemTenant] | type[RemAgent] | type[DreamCycle]] = {
    "RemTenant": RemTenant,
    "RemAgent": RemAgent,
    "DreamCycle": DreamCycle,
}


class _CaseLoader(yaml.SafeLoader):
    """YAML with `!repeat {text, times}` for long texts and `!items {times, name}` for long lists of named items."""


def _repeat(loader: yaml.SafeLoader, node: yaml.MappingNode) -> str:
    given = loader.construct_mapping(node)
    return str(given["text"]) * int(given["times"])


def _items(loader: yaml.SafeLoader, node: yaml.MappingNode) -> list[Object]:
    given = loader.construct_mapping(node)
    return [{"name": f"{given['name']}{number}"} for number in range(given["times"])]


_CaseLoader.add_constructor("!repeat", _repeat)
_CaseLoader.add_constructor("!items", _items)


def _load(name: str) -> Any:
    return yaml.load((HERE / "cases" / name).read_text(encoding="utf-8"), _CaseLoader)


def _objects(name: str) -> list[Object]:
    return list(yaml.safe_load_all((HERE / "objects" / name).read_text(encoding="utf-8")))


def laid_over(base: Any, patch: Any) -> Any:
    """The base with the patch over it: maps are merged, null removes, everything else replaces."""
    if not isinstance(base, dict) or not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = {**copy.deepcopy(base), **{k: laid_over(base.get(k, {}), v) for k, v in patch.items()}}
    return {key: value for key, value in merged.items() if not (key in patch and patch[key] is None)}


TABLES = {name: _load(f"{name}.yaml") for name in ("tenant", "agent", "dream")}


def _cases(section: Literal["objects", "transitions"]) -> list[Any]:
    return [
        pytest.param(table["base"], case, id=f"{name}: {case['case']}")
        for name, table in TABLES.items()
        for case in table[section]
    ]


def assert_answer(answer: Any, case: Object) -> None:
    """Accepted, or refused for the case's own reason and for no other."""
    wanted = case.get("refused")
    if wanted is None:
        assert answer.status in (200, 201), answer.message
        return
    assert 400 <= answer.status < 500, f"accepted: {case}"
    assert wanted in answer.message
    causes = answer.body.get("details", {}).get("causes", [])
    places = {cause["field"] for cause in causes} - {"", "<nil>", "metadata.name"}
    assert len(places) <= 1, causes


@pytest.mark.parametrize(("base", "case"), _cases("objects"))
async def test_an_object_is_accepted_or_refused_with_what_to_do(server: Any, base: Object, case: Object) -> None:
    answer = await server.create(laid_over(base, case["set"]), dry=True)

    assert_answer(answer, case)


@pytest.mark.parametrize(("base", "case"), _cases("transitions"))
async def test_a_change_is_accepted_or_refused_with_what_to_do(server: Any, base: Object, case: Object) -> None:
    name = {"metadata": {"name": f"t-{next(NUMBERS)}"}}
    before = laid_over(laid_over(base, case["from"]), name)
    created = await server.create(before, dry=False)
    assert created.status == 201, created.message
    after = laid_over(laid_over(base, case["to"]), name)
    after["metadata"]["resourceVersion"] = created.body["metadata"]["resourceVersion"]

    assert_answer(await server.update(after, dry=True), case)


@pytest.mark.parametrize(("base", "case"), [p for p in _cases("objects") if "refused" not in p.values[1]])
def test_the_models_read_what_the_api_server_accepts(base: Object, case: Object) -> None:
    obj = laid_over(base, case["set"])

    read = MODELS[obj["kind"]].model_validate(obj)

    assert read.spec.model_dump(mode="json", exclude_unset=True) == obj["spec"]


def test_the_table_is_large_enough() -> None:
    cases = [case for table in TABLES.values() for case in (*table["objects"], *table["transitions"])]

    assert len(cases) >= 100
    assert sum("refused" in case for case in cases) >= 60
    assert sum("refused" not in case for case in cases) >= 40


@pytest.mark.parametrize("obj", _objects("smallest.yaml"), ids=lambda o: o["kind"])
async def test_the_smallest_useful_objects_apply(server: Any, obj: Object) -> None:
    answer = await server.create(obj, dry=True)

    assert answer.status == 201, answer.message
    assert answer.body["spec"] == obj["spec"]  # nothing defaulted, nothing pruned


@pytest.mark.parametrize("obj", _objects("fullest.yaml"), ids=lambda o: o["kind"])
async def test_the_fullest_objects_apply_and_survive_the_models(server: Any, obj: Object) -> None:
    without_status = {key: value for key, value in obj.items() if key != "status"}
    created = await server.create(without_status, dry=False)
    assert created.status == 201, created.message
    assert created.body["spec"] == obj["spec"]

    reported = await server.update(created.body | {"status": obj["status"]}, dry=False, subresource="/status")
    assert reported.status == 200, reported.message
    assert reported.body["status"] == obj["status"]

    read = MODELS[obj["kind"]].model_validate(reported.body)
    assert read.spec.model_dump(mode="json", exclude_unset=True) == obj["spec"]
    assert read.status.model_dump(mode="json", exclude_unset=True) == obj["status"]


def _uncovered(schema: Object, values: list[Any], at: str) -> Iterator[str]:
    """Paths of fields that no value has."""
    present = [value for value in values if value is not None]
    if not present:
        yield at
        return
    if "items" in schema:
        yield from _uncovered(schema["items"], [item for value in present for item in value], f"{at}[]")
    for name, child in schema.get("properties", {}).items():
        yield from _uncovered(child, [value.get(name) for value in present], f"{at}.{name}")


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.kind)
def test_the_fullest_object_has_every_field(definition: Any) -> None:
    obj = next(o for o in _objects("fullest.yaml") if o["kind"] == definition.kind)
    schema = crd_manifest(definition)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    alternatives = {
        "RemTenant.spec.database.recovery.backupName",  # in place of objectStore
        "RemAgent.spec.schema.tools",  # in place of json_schema_extra.tools
        "RemAgent.spec.schema.resources",
    }

    assert set(_uncovered(schema, [obj], definition.kind)) <= alternatives


def test_effective_values_of_the_fullest_tenant_are_its_own() -> None:
    obj = next(o for o in _objects("fullest.yaml") if o["kind"] == "RemTenant")
    spec = RemTenant.model_validate(obj).spec

    effective = effective_tenant(spec).model_dump(mode="json", exclude_none=True)

    assert laid_over(effective, obj["spec"]) == effective


async def test_crds_are_structural_and_established(cluster: LocalCluster) -> None:
    listed = json.loads(await cluster.kubectl("get", "crd", "-o", "json"))
    ours = {item["metadata"]["name"]: item for item in listed["items"] if item["spec"]["group"] == "rem.dev"}

    assert set(ours) == {f"{plural}.rem.dev" for plural in PLURALS.values()}
    for name, item in ours.items():
        conditions = {condition["type"]: condition["status"] for condition in item["status"]["conditions"]}
        assert conditions["Established"] == "True", name
        assert conditions.get("NonStructuralSchema", "False") == "False", item["status"]["conditions"]
