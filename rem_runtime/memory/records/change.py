"""From what is stored and a patch to what is to be written, and which of its parts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rem_runtime.memory.ingest import EntityInput
from rem_runtime.memory.ingest.chunks import Window
from rem_runtime.memory.ingest.clean import clean_json
from rem_runtime.memory.ingest.prepared import Prepared, prepare_entity
from rem_runtime.memory.models import File, Node, Resource, User
from rem_runtime.memory.models.inputs import Input
from rem_runtime.memory.records.fields import ELSEWHERE, changed_of, fields_of, patched
from rem_runtime.memory.records.inputs import MomentInput, UserInput
from rem_runtime.memory.records.patches import Patch
from rem_runtime.memory.records.prepare import (
    FileFields,
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
_KINDS: dict[str, tuple[type[Input], _Prepare]] = {
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
    after = patched(fields, before, given)
    changed = changed_of(before, after)
    if not changed and ELSEWHERE.isdisjoint(given):
        return None
    if isinstance(node, Resource):
        prepare = partial(prepare, uri=node.uri, text=stored.text, media_type=node.media_type or "")
    prepared = prepare(after, window=window, rules=CHUNKER_VERSION)
    if "aliases" not in given:
        prepared = replace(prepared, names=_names_kept(stored, prepared))
    return Change(
        prepared,
        edges="graph_edges" in given,
        chunks=not changed.isdisjoint(_SEARCHED),
    )


def _names_kept(stored: Stored, prepared: Prepared) -> tuple[str, ...]:
    """The old names but the label's and the address's, which are as they were or have gone; and what came anew."""
    node = stored.node
    gone = {node.key, prepared.key}
    if isinstance(node, User) and node.email:
        gone.add(key_or_nothing(node.email))
    return tuple(sorted((stored.names - gone | set(prepared.names)) - {prepared.key, ""}))


def plan_file_change(file: File, patch: Patch) -> FileChange | None:
    """The same for a file."""
    before = fields_of(file, FileFields)
    after = patched(FileFields, before, patch.given())
    if not changed_of(before, after):
        return None
    return FileChange(clean_json(after.metadata), tuple(clean_json(after.tags)))
