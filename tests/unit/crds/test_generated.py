"""The committed CRDs: what the models say, bounded, described, without defaults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rem_crds.definitions import DEFINITIONS, Definition, crd_manifest
from rem_crds.generate import crd_yaml, write_crds

CRDS = Path(__file__).parents[3] / "crds"
LAST_APPLIED_BYTES = 262144  # all annotations of an object together; client-side kubectl apply stores the CRD in one
Node = dict[str, Any]

every_kind = pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.kind)


def _root(definition: Definition) -> Node:
    return dict(crd_manifest(definition)["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


def _nodes(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every node of a schema with its path; what an object's own metadata is belongs to the API server."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        if path or name != "metadata":
            yield from _nodes(child, f"{path}.{name}")
    if "items" in node:
        yield from _nodes(node["items"], f"{path}[]")
    if isinstance(node.get("additionalProperties"), dict):
        yield from _nodes(node["additionalProperties"], f"{path}{{}}")


@every_kind
def test_committed_yaml_is_what_the_models_say(definition: Definition) -> None:
    committed = (CRDS / definition.file_name).read_text(encoding="utf-8")

    assert committed == crd_yaml(definition), "run `make generate` and commit the result"


def test_nothing_else_is_committed_as_a_crd() -> None:
    assert {path.name for path in CRDS.glob("*.yaml")} == {definition.file_name for definition in DEFINITIONS}


def test_writing_gives_one_file_for_each_kind(tmp_path: Path) -> None:
    written = write_crds(tmp_path)

    assert [path.name for path in written] == [definition.file_name for definition in DEFINITIONS]
    assert all(
        yaml.safe_load(path.read_text(encoding="utf-8"))["kind"] == "CustomResourceDefinition" for path in written
    )


@every_kind
def test_every_field_is_described(definition: Definition) -> None:
    undescribed = [
        f"{path}.{name}"
        for path, node in _nodes(_root(definition))
        for name, child in node.get("properties", {}).items()
        if not child.get("description") and name != "metadata"
    ]

    assert undescribed == []


@every_kind
def test_descriptions_are_sentences_on_one_line(definition: Definition) -> None:
    for path, node in _nodes(_root(definition)):
        text = node.get("description", "A.")
        assert text.endswith("."), path
        assert "\n" not in text, path


@every_kind
def test_everything_is_bounded(definition: Definition) -> None:
    unbounded = []
    for path, node in _nodes(_root(definition)):
        if path in (".apiVersion", ".kind"):
            continue
        limits = {
            "string": bool({"maxLength", "enum"} & node.keys()),
            "array": "maxItems" in node,
            "object": "properties" in node or "maxProperties" in node or "x-kubernetes-preserve-unknown-fields" in node,
            "integer": {"minimum", "maximum"} <= node.keys() or path.endswith("bservedGeneration"),
        }
        if not limits.get(node.get("type", ""), True):
            unbounded.append(path)

    assert unbounded == []


@every_kind
def test_there_are_no_defaults_and_no_floats(definition: Definition) -> None:
    for path, node in _nodes(_root(definition)):
        assert "default" not in node, path
        assert node.get("type") != "number", path


@every_kind
def test_lists_say_how_they_are_merged(definition: Definition) -> None:
    for path, node in _nodes(_root(definition)):
        if node.get("type") != "array":
            continue
        kind = node["x-kubernetes-list-type"]
        assert kind in ("map", "set", "atomic"), path
        if kind == "map":
            assert set(node["x-kubernetes-list-map-keys"]) <= set(node["items"]["required"]), path


@every_kind
def test_unknown_fields_are_kept_only_in_an_agents_schema(definition: Definition) -> None:
    kept = [path for path, node in _nodes(_root(definition)) if node.get("x-kubernetes-preserve-unknown-fields")]

    assert all(path.startswith(".spec.schema") for path in kept)
    assert bool(kept) == (definition.kind == "RemAgent")


@every_kind
def test_every_rule_has_a_message_and_no_pattern_is_without_one(definition: Definition) -> None:
    for path, node in _nodes(_root(definition)):
        assert "pattern" not in node, path
        for rule in node.get("x-kubernetes-validations", []):
            assert 20 <= len(rule["message"]) <= 2048, path
            assert "\n" not in rule["message"], path


@every_kind
def test_no_word_of_the_generator_is_left(definition: Definition) -> None:
    text = crd_yaml(definition)

    assert "x-rem-" not in text
    assert "&id" not in text
    assert "$ref:" not in text


@every_kind
def test_client_side_apply_can_store_it(definition: Definition) -> None:
    assert len(json.dumps(crd_manifest(definition), separators=(",", ":"))) < LAST_APPLIED_BYTES * 3 // 4


@every_kind
def test_a_manifest_is_fresh_and_equal_at_each_call(definition: Definition) -> None:
    first, second = crd_manifest(definition), crd_manifest(definition)

    first["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].clear()

    assert second == crd_manifest(definition)


@pytest.mark.parametrize(
    ("kind", "short", "columns", "wide"),
    [
        (
            "RemTenant",
            "rt",
            ["Ready", "Reason", "DB", "API", "Files", "Age"],
            ["URL", "Primary", "Image", "Backup", "Message"],
        ),
        (
            "RemAgent",
            "ra",
            ["Ready", "Reason", "Tenant", "Model", "Version", "Age"],
            ["Accepted", "Synced", "Hash", "Message"],
        ),
        (
            "DreamCycle",
            "dc",
            ["Ready", "Reason", "Tenant", "Schedule", "Last", "Result", "Age"],
            ["Suspend", "Next", "Entities", "Moments", "Edges", "Tokens", "Message"],
        ),
    ],
)
def test_names_and_columns(kind: str, short: str, columns: list[str], wide: list[str]) -> None:
    spec = next(crd_manifest(d)["spec"] for d in DEFINITIONS if d.kind == kind)
    version = spec["versions"][0]
    shown = version["additionalPrinterColumns"]

    assert spec["scope"] == "Namespaced"
    assert spec["names"]["shortNames"] == [short]
    assert spec["names"]["categories"] == ["rem"]
    assert version["subresources"] == {"status": {}}
    assert [column["name"] for column in shown if not column.get("priority")] == columns
    assert [column["name"] for column in shown if column.get("priority")] == wide
