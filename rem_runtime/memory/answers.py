"""What the memory answers with. Frozen shapes that serialise to JSON as they are; no SQL, no I/O."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from rem_runtime.memory.models import Node, Resource

Verb = Literal["LOOKUP", "FUZZY", "SEARCH", "TRAVERSE", "SQL"]


class Answer(BaseModel):
    """The base of every answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Passage(Answer):
    """A part of a node's text: what answers a SEARCH, or how a document begins that a LOOKUP has found."""

    text: str
    heading: str
    """The headings that it stands under, outermost first, joined by ` > `."""
    ord: int
    """Which part of the text it is, from 0."""
    at: datetime
    score: float | None = None
    """SEARCH alone: how well this part answers."""


class Hop(Answer):
    """One edge on the way to a node, from the start outwards; `reverse`: it was followed against its direction."""

    src: str
    rel: str
    dst: str
    weight: float
    reverse: bool


class EdgeCount(Answer):
    """How many edges of one type a node has: a row of the plan (`DEPTH 0`)."""

    rel: str
    direction: Literal["out", "in"]
    count: int


class Hit(Answer):
    """One result. Which of the last four are there depends on the verb."""

    kind: str | None
    """Null where only the name is known: something points at it, nothing is stored under it yet."""
    key: str
    label: str
    ref: str | None = None
    """LOOKUP and TRAVERSE: the reference of the query that led here, as it was written."""
    alias: str | None = None
    """FUZZY alone: the name that is like the one asked for, where it is another than the label; as a key."""
    node: Node | None = Field(default=None, discriminator="kind")
    message_id: UUID | None = None
    session_id: UUID | None = None
    score: float | None = None
    """SEARCH: 0 to 1 within this answer. FUZZY: the similarity of the labels."""
    passages: tuple[Passage, ...] = ()
    depth: int | None = None
    path: tuple[Hop, ...] = ()
    edges: tuple[EdgeCount, ...] = ()


class QueryAnswer(Answer):
    """The whole answer; `notes` says what was cut, bounded or is still missing."""

    query: str
    """The query in its normal form: parses to the same."""
    verb: Verb
    defaults: dict[str, Any]
    """What was not said, and what was taken for it."""
    took_ms: dict[str, float]
    """Milliseconds per part, and `total`."""
    results: tuple[Hit, ...]
    rows: tuple[dict[str, Any], ...] | None = None
    """SQL alone: the rows of the statement, each by its columns' names. `results` is empty then."""
    memo: str = ""
    """A few lines for an agent's scratchpad: what was asked, what came, what can be asked next."""
    notes: tuple[str, ...] = ()


class StoredDocument(Resource):
    """A document with its text, as it was stored."""

    content: str


class IngestResult(Answer):
    """What became of a document."""

    id: UUID
    uri: str
    label: str
    owner: str
    chunks: int
    edges: int
    created: bool
    unchanged: bool
    """The same content was there already, and nothing was written."""


class IngestFailure(Answer):
    """Why a document of several was not stored; the others were."""

    index: int
    """Its place in the list, from 0."""
    uri: str
    error: str
