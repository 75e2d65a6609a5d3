"""What an API server says of an object beside the models: fields that are none, and patterns as sentences. Pure.

The models ignore what they do not know, since a reader has to survive newer objects. What is written for this version
is another matter: `kubectl apply` refuses an unknown field by its path, with the schema of the CRD, and so is it here.
A key that is there twice it takes without a word, the last one; here that is said.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import yaml
from pydantic import BaseModel

from rem_crds.schema import PRESERVE, Schema, structural_schema
from rem_crds.v1alpha1.fields import VALIDATIONS

Path = tuple[str | int, ...]

_NEAR = 0.6  # as alike as `databse` and `database`, not as `foo` and `files`
_MERGE = "<<"
# What the API server knows of every object; the CRD's schema leaves it open.
_METADATA = (
    *("name", "namespace", "generateName", "labels", "annotations", "finalizers", "ownerReferences"),
    *("uid", "resourceVersion", "generation", "managedFields", "selfLink"),
    *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"),
)


def unknown_fields(model: type[BaseModel], body: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The path of each field that the kind does not have, and what to write instead."""
    return _unknown(_schema(model), body, ())


def pattern_sentence(model: type[BaseModel], path: Sequence[str | int]) -> str | None:
    """What the API server says where the text at `path` is not written as it has to be; None where nothing is said."""
    node = _schema(model)
    for part in path:
        below = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
        node = below or node.get("additionalProperties") or {}
    rules = node.get(VALIDATIONS, ())
    return next((str(rule["message"]) for rule in rules if rule["rule"].startswith("self.matches(")), None)


def repeated_keys(node: yaml.Node) -> Iterator[tuple[str, int, int]]:
    """Each key that a mapping has twice, with the lines of the first and the last one, counted from 1."""
    waiting, seen = [node], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # by an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield from _repeated(node)
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


@cache
def _schema(model: type[BaseModel]) -> Schema:
    schema = structural_schema(model)
    metadata = {"type": "object", "properties": {name: {PRESERVE: True} for name in _METADATA}}
    return schema | {"properties": schema["properties"] | {"metadata": metadata}}


def _unknown(schema: Schema, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if schema.get(PRESERVE) and "properties" not in schema:
        return
    if isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _unknown(schema.get("items", {PRESERVE: True}), item, (*path, number))
    if not isinstance(value, Mapping):
        return
    known: Mapping[str, Schema] = schema.get("properties", {})
    others = schema.get("additionalProperties") or ({PRESERVE: True} if schema.get(PRESERVE) else None)
    for name, below in value.items():
        if (inner := known.get(name, others)) is not None:
            yield from _unknown(inner, below, (*path, name))
        elif known:
            yield (*path, str(name)), f"there is no such field; {_instead(str(name), known, path)}"


def _instead(name: str, known: Mapping[str, Schema], path: Path) -> str:
    by_lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower().replace("_", ""), by_lower, n=1, cutoff=_NEAR)
    if near:
        return f"did you mean {by_lower[near[0]]}?"
    return f"{'.'.join(map(str, path)) or 'the object'} has {', '.join(known)}"


def _repeated(node: yaml.MappingNode) -> Iterator[tuple[str, int, int]]:
    lines: dict[str, list[int]] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value != _MERGE:
            lines.setdefault(str(key.value), []).append(int(key.start_mark.line) + 1)
    yield from ((name, at[0], at[-1]) for name, at in lines.items() if len(at) > 1)
