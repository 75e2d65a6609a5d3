"""From what is stored and a patch to what is to be written, and which of its parts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rem_runtime.memory.ingest import EntityInput
from rem_runtime.memory.ingest.chunks import Window
from rem_runtime.memory.ingest.clean import clean_json
from rem_runtime.memory.ingest.prepared import Prepared, names_of_uri, prepare_entity
from rem_runtime.memory.models import File, Node, Resource, User
from rem_runtime.memory.records.fields import ELSEWHERE, fields_of, validated
from rem_runtime.memory.records.inputs import Input, MomentInput, UserInput
from rem_runtime.memory.records.patches import Patch, merged
from rem_runtime.memory.records.prepare import (
    ResourceFields,
    key_or_nothing,
    prepare_moment,
    prepare_resource,
    prepare_user,
)
from rem_runtime.memory.schema.apply import CHUNKER_VERSION

# What stands in front of each chunk, is its text, or is its time.
_SEARCHED = ("label", "description", "summary", "starts_at", "timestamp")


@dataclass(frozen=True, slots=True)
class Stored:
    """A node as it is, with what its model does not show."""

    node: Node
    names: frozenset[str]
    """The keys that it is found by."""
    text: str = ""
    """A document's text, where the change needs it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a node becomes. Edges and chunks stay where nothing of the change is about them."""

    prepared: Prepared
    edges: bool
    chunks: bool


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a file becomes."""

    metadata: Mapping[str, Any]
    tags: tuple[str, ...]


_Prepare = Callable[..., Prepared]
_KINDS: dict[str, tuple[type[Input] | type[EntityInput], _Prepare]] = {
    "resource": (ResourceFields, prepare_resource),
    "entity": (EntityInput, prepare_entity),
    "moment": (MomentInput, prepare_moment),
    "user": (UserInput, prepare_user),
}


def needs_text(node: Node, patch: Patch) -> bool:
    """Whether the change cuts a document anew."""
    return isinstance(node, Resource) and not patch.model_fields_set.isdisjoint(_SEARCHED)


def plan_change(stored: Stored, patch: Patch, *, window: Window) -> Change | None:
    """What is to be written; None where the patch changes nothing. Raises InvalidInput."""
    node, given = stored.node, patch.given()
    fields, prepare = _KINDS[node.kind]
    before = fields_of(node, fields)
    after = validated(fields, merged(before, given))
    changed = {name for name, value in before.items() if getattr(after, name) != value}
    if not changed and ELSEWHERE.isdisjoint(given):
        return None
    if isinstance(node, Resource):
        prepare = partial(prepare, text=stored.text, media_type=node.media_type or "")
    prepared = prepare(after, window=window, rules=CHUNKER_VERSION)
    if "aliases" not in given:
        prepared = replace(prepared, names=_names_kept(stored, prepared))
    return Change(
        prepared,
        edges="graph_edges" in given,
        chunks=not changed.isdisjoint(_SEARCHED),
    )


def _names_kept(stored: Stored, prepared: Prepared) -> tuple[str, ...]:
    """The old names but the label's and the address's, which are as they were or have gone; and what came anew.

    A document is called after its uri, whatever its label was.
    """
    node = stored.node
    gone = {node.key, prepared.key}
    if isinstance(node, User) and node.email:
        gone.add(key_or_nothing(node.email))
    lasting = map(key_or_nothing, names_of_uri(node.uri)) if isinstance(node, Resource) else ()
    return tuple(sorted((stored.names - gone | set(prepared.names) | set(lasting)) - {prepared.key, ""}))


def plan_file_change(file: File, patch: Patch) -> FileChange | None:
    """The same for a file."""
    before = {"tags": file.tags, "metadata": file.metadata}
    after = {"tags": (), "metadata": {}, **merged(before, patch.given())}
    return None if after == before else FileChange(clean_json(after["metadata"]), tuple(clean_json(after["tags"])))
