"""What a document or entity becomes, before the database sees it: a label, names, edges, chunks. Pure."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.chunks import Chunk, Window, cut_chunks
from rem_runtime.memory.ingest.clean import clean_json, clean_text
from rem_runtime.memory.ingest.document import Document
from rem_runtime.memory.ingest.entity import EntityInput
from rem_runtime.memory.ingest.frontmatter import FrontMatter, split_front_matter
from rem_runtime.memory.ingest.markdown import read_plain
from rem_runtime.memory.ingest.readers import has_front_matter, read_text
from rem_runtime.memory.ingest.structure import Reading, Structure
from rem_runtime.memory.keys import normalise_key, normalise_name
from rem_runtime.memory.models import KINDS, InlineEdge
from rem_runtime.memory.models.json import TOO_DEEP, is_shallow
from rem_runtime.memory.models.times import in_utc

LINK_RELATION = "links_to"
# What a person listed on purpose counts for more than a link in passing.
LIST_WEIGHT = 0.8
LINK_WEIGHT = 0.5
_MAX_LABEL = 300
_MAX_EDGES = 5_000
# In JSON: an escaped character that `clean_text` replaces, or a number that JSON has not.
_UNCLEAN = re.compile(r"\\u|\\r|\ufffd|NaN|Infinity")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything of one node but its identity, owner and times."""

    kind: str
    label: str
    key: str
    names: tuple[str, ...]
    """Keys that it is found by beside its own."""
    type: str | None
    data: Mapping[str, Any]
    metadata: Mapping[str, Any]
    tags: tuple[str, ...]
    starts_at: datetime | None
    edges: tuple[InlineEdge, ...]
    chunks: tuple[Chunk, ...]
    content_hash: bytes
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of a document beside its text: where it comes from, and what the sender says about it."""

    uri: str
    timestamp: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def prepare_document(document: Document, *, window: Window, rules: int) -> Prepared:
    """Take a document apart; `rules` is the chunker's version, so that a new one replaces what an old one cut."""
    reading = read_text(document.content, uri=document.uri, media_type=document.media_type)
    return prepare_read_document(document, reading, window=window, rules=rules)


def prepare_read_document(document: Document, reading: Reading, *, window: Window, rules: int) -> Prepared:
    """The same where it was read already."""
    source = Source(document.uri, document.timestamp, document.metadata)
    # As it was sent: a type with parameters is another document than one without, as it was in version 1.
    return prepare_reading(replace(reading, media_type=document.media_type), source, window=window, rules=rules)


def prepare_reading(reading: Reading, source: Source, *, window: Window, rules: int) -> Prepared:
    """The same for what a reader made of a text or a file."""
    text, structure = reading.text, reading.structure
    if not text.strip():
        raise InvalidInput("the document is empty; there is nothing to remember")
    uri = clean_text(source.uri)
    front = split_front_matter(text)[0] if has_front_matter(reading.media_type) else FrontMatter()
    label = _label(front.title, structure.title, names_of_uri(uri)[0])
    edges = _document_edges(front, structure, uri)
    related = tuple(dict.fromkeys(edge.dst for edge in edges if edge.rel_type != LINK_RELATION))
    dated_by = "timestamp" if source.timestamp else f"front matter, {front.dated_by}"
    timestamp = source.timestamp or front.timestamp or structure.timestamp
    return Prepared(
        kind="resource",
        label=label,
        key=normalise_key(label),
        names=_keys([*names_of_uri(uri), *front.aliases, *structure.aliases], beside=label),
        type=None,
        data={"uri": uri, "media_type": reading.media_type, "related_entities": related},
        metadata=_metadata({**structure.metadata, **front.other, **source.metadata}),
        tags=tuple(dict.fromkeys([*front.tags, *structure.tags])),
        starts_at=_moment(timestamp, dated_by) if timestamp else None,
        edges=edges,
        chunks=tuple(cut_chunks(text, structure.blocks, label=label, window=window)),
        content_hash=_hash([rules, text, reading.media_type, uri, str(timestamp), source.metadata]),
    )


def _moment(time: datetime, field: str) -> datetime:
    try:
        return in_utc(time)
    except ValueError as error:
        raise InvalidInput(f"{field}: {error}") from error


def _metadata(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """As it can be stored and shown again, whoever made it."""
    if not is_shallow(found):
        raise InvalidInput(f"metadata: {TOO_DEEP}")
    cleaned: Mapping[str, Any] = clean_json(found)
    return cleaned


def prepare_entity(entity: EntityInput, *, window: Window, rules: int) -> Prepared:
    """Take an entity apart; without a description there is nothing to search."""
    entity, content = _cleaned(entity)
    label = entity.label.strip()
    description = entity.description or ""
    chunks = (
        cut_chunks(description, read_plain(description, 0).blocks, label=label, window=window)
        if description.strip()
        else []
    )
    return Prepared(
        kind="entity",
        label=label,
        key=normalise_key(label),
        names=_keys(entity.aliases, beside=label),
        type=normalise_name(entity.type or "") or None,
        data={"description": entity.description, "properties": entity.properties},
        metadata=entity.metadata,
        tags=tuple(dict.fromkeys(entity.tags)),
        starts_at=None,
        edges=_unique(_normal(edge) for edge in entity.graph_edges),
        chunks=tuple(chunks),
        content_hash=_hash([rules, content]),
    )


def _cleaned(entity: EntityInput) -> tuple[EntityInput, str]:
    """The entity as it can be stored, and its content as JSON; taken apart only where that shows something unclean."""
    try:
        content = entity.model_dump_json(exclude={"owner"})
    except ValueError:  # half of a surrogate pair
        content = "\\u"
    if not _UNCLEAN.search(content):
        return entity, content
    # Its bounds were those of what was sent: what stands in for a character may be longer.
    clean = clean_json(entity.model_dump(exclude={"owner"}))
    edges = tuple(InlineEdge.model_validate(edge) for edge in clean.pop("graph_edges"))
    entity = entity.model_copy(update={**clean, "graph_edges": edges})
    return entity, entity.model_dump_json(exclude={"owner"}, warnings=False)


def _document_edges(front: FrontMatter, structure: Structure, uri: str) -> tuple[InlineEdge, ...]:
    listed = [
        InlineEdge(dst=label[:500], rel_type=rel[:100], weight=LIST_WEIGHT)
        for rel, labels in front.lists.items()
        for label in labels
        if _has_key(label)
    ]
    linked = [
        InlineEdge(dst=target, rel_type=LINK_RELATION, weight=LINK_WEIGHT)
        for target in [*(resolve_link(link, uri) for link in structure.links), *structure.names]
        if target and len(target) <= 500 and _has_key(target) and normalise_key(target) != normalise_key(uri)
    ]
    tied = [
        InlineEdge(dst=tie.label[:500], rel_type=tie.relation, weight=LIST_WEIGHT, properties=dict(tie.properties))
        for tie in structure.ties
        if _has_key(tie.label)
    ]
    return _unique([*listed, *tied, *linked])


def resolve_link(target: str, base: str) -> str | None:
    """What a link points at, as a name: a path from where the document's uri starts, or a URL without its fragment."""
    parts = urlsplit_or_none(target)
    if parts is None or not (parts.path or parts.netloc):
        return None  # a fragment: a place in the document itself
    if parts.scheme == "mailto":
        return unquote(parts.path)
    if parts.scheme or parts.netloc:
        return target.partition("#")[0]
    path = unquote(parts.path)
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(base), path))
    return joined.lstrip("/") if not base.startswith("/") else joined


def urlsplit_or_none(target: str) -> Any:
    """The parts of a link, or nothing where it is none."""
    try:
        return urlsplit(target)
    except ValueError:
        return None


def _unique(edges: Iterable[InlineEdge]) -> tuple[InlineEdge, ...]:
    """One edge per relation and destination, the strongest."""
    found: dict[tuple[str, str, str | None], InlineEdge] = {}
    for edge in edges:
        identity = (edge.rel_type, normalise_key(edge.dst), edge.dst_kind)
        if identity not in found or found[identity].weight < edge.weight:
            found[identity] = edge
    if len(found) > _MAX_EDGES:
        raise InvalidInput(f"a document has at most {_MAX_EDGES} edges; this one has {len(found)}: split it")
    return tuple(found.values())


def _normal(edge: InlineEdge) -> InlineEdge:
    rel = normalise_name(edge.rel_type)
    if not rel:
        raise InvalidInput(f"the relation {edge.rel_type!r} has no letter or digit")
    kind = edge.dst_kind or None
    if kind is not None and kind not in KINDS:
        raise InvalidInput(f"dst_kind {kind!r} is not one of {', '.join(KINDS)}")
    if (rel, kind) == (edge.rel_type, edge.dst_kind):
        return edge
    return edge.model_copy(update={"rel_type": rel, "dst_kind": kind})


def _keys(labels: Iterable[str], *, beside: str) -> tuple[str, ...]:
    keys = dict.fromkeys(normalise_key(label) for label in labels if _has_key(label))
    keys.pop(normalise_key(beside), None)
    return tuple(keys)


def _has_key(label: str) -> bool:
    try:
        normalise_key(label)
    except InvalidInput:
        return False
    return True


def _label(*candidates: str | None) -> str:
    """The first that can be a name: a title of dashes alone is none."""
    lines = [" ".join(candidate.split()) for candidate in candidates if candidate]
    one_line = next((line for line in lines if _has_key(line)), None)
    if one_line is None:
        raise InvalidInput(f"the document's label {lines[-1:]} has no letter or digit; give it a title")
    return one_line if len(one_line) <= _MAX_LABEL else one_line[: _MAX_LABEL - 1] + "…"


def names_of_uri(uri: str) -> tuple[str, str, str]:
    """What a document is called by where it comes from: its stem, the uri, and the uri without its extension."""
    return posixpath.splitext(_last_part(uri))[0] or uri, uri, posixpath.splitext(uri)[0]


def _last_part(uri: str) -> str:
    return posixpath.basename(uri.partition("?")[0].partition("#")[0].rstrip("/"))


def _hash(parts: Sequence[Any]) -> bytes:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True, default=str).encode()).digest()
