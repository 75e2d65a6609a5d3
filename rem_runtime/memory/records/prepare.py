"""What a moment or a user becomes, before the database sees it, and what a changed node becomes. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from pydantic import Field

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest import EntityInput
from rem_runtime.memory.ingest.chunks import Window, cut_chunks
from rem_runtime.memory.ingest.clean import clean_json
from rem_runtime.memory.ingest.prepared import Prepared, names_of_uri, prepare_entity
from rem_runtime.memory.ingest.readers.reading import read_stored
from rem_runtime.memory.keys import normalise_key
from rem_runtime.memory.models.inputs import Edges, Input, Label, Names, References, SmallObject, Tags
from rem_runtime.memory.models.times import UtcTime
from rem_runtime.memory.records.inputs import MomentInput, UserInput

_MOMENT_DATA = ("summary", "present_persons", "speakers", "emotion_tags", "topic_tags", "resources", "entities")
_USER_DATA = ("email", "summary", "interests")


class FileFields(Input):
    """What of a file can be changed."""

    tags: Tags = ()
    metadata: SmallObject = Field(default_factory=dict)


class ResourceFields(Input):
    """What of a document can be changed without its text."""

    label: Label
    timestamp: UtcTime | None = None
    related_entities: References = ()
    aliases: Names = ()
    graph_edges: Edges = ()
    tags: Tags = ()
    metadata: SmallObject = Field(default_factory=dict)


def prepare_moment(moment: MomentInput, *, window: Window, rules: int) -> Prepared:
    """A moment's names, edges and chunks; what is searched is its summary. Raises InvalidInput."""
    named = _named(moment, text=moment.summary, kind=moment.type, aliases=moment.aliases, window=window, rules=rules)
    times = (moment.starts_at, moment.ends_at)
    return _of_kind("moment", named, moment, keep=_MOMENT_DATA, times=times)


def prepare_user(user: UserInput, *, window: Window, rules: int) -> Prepared:
    """A user's names, edges and chunks: the summary is searched, the address is a name. Raises InvalidInput."""
    named = _named(user, text=user.summary, kind=None, aliases=user.aliases, window=window, rules=rules)
    address = key_or_nothing(user.email or "")
    names = dict.fromkeys([*named.names, *([address] if address and address != named.key else [])])
    return _of_kind("user", replace(named, names=tuple(names)), user, keep=_USER_DATA, times=(None, None))


def prepare_resource(
    fields: ResourceFields, *, uri: str, text: str, media_type: str, window: Window, rules: int
) -> Prepared:
    """A document under a new label or time: its text is cut anew, since each chunk stands under the label.

    It is called after its uri, whatever its other names are.
    """
    named = _named(fields, text=None, kind=None, aliases=fields.aliases, window=window, rules=rules)
    blocks = read_stored(text, media_type).blocks if text else ()
    chunks = tuple(cut_chunks(text, blocks, label=named.label, window=window)) if blocks else ()
    names = dict.fromkeys([*named.names, *map(key_or_nothing, names_of_uri(uri))])
    kept = tuple(name for name in names if name not in {named.key, ""})
    prepared = replace(named, names=kept, chunks=chunks)
    return _of_kind("resource", prepared, fields, keep=("related_entities",), times=(fields.timestamp, None))


def key_or_nothing(text: str) -> str:
    """The key of what may be no label."""
    try:
        return normalise_key(text)
    except InvalidInput:
        return ""


def _named(
    thing: MomentInput | UserInput | ResourceFields,
    *,
    text: str | None,
    kind: str | None,
    aliases: tuple[str, ...],
    window: Window,
    rules: int,
) -> Prepared:
    """An entity's label, names, edges and chunks are made of the same."""
    entity = EntityInput.model_construct(
        label=thing.label,
        type=kind,
        description=text,
        aliases=aliases,
        properties={},
        graph_edges=thing.graph_edges,
        tags=thing.tags,
        metadata=thing.metadata,
        owner=None,
    )
    return prepare_entity(entity, window=window, rules=rules)


def _of_kind(
    kind: str, named: Prepared, fields: Input, *, keep: Collection[str], times: tuple[datetime | None, datetime | None]
) -> Prepared:
    # Parts that a change leaves are the stored ones, of which pydantic would warn.
    data = clean_json(fields.model_dump(mode="json", include=set(keep), warnings=False))
    said = json.dumps([kind, named.content_hash.hex(), data, *map(str, times)], ensure_ascii=False, sort_keys=True)
    content_hash = hashlib.sha256(said.encode()).digest()
    return replace(named, kind=kind, data=data, starts_at=times[0], ends_at=times[1], content_hash=content_hash)
