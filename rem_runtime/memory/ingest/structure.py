"""What a reader makes of a document: its text, and what stands where in it. Shapes only; no parser, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Tie:
    """What the format itself says is connected with the document: who wrote an e-mail, to whom."""

    relation: str
    label: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the text from `start` to `end` (characters); all blocks of a text, joined, are the text."""

    start: int
    end: int
    headings: tuple[str, ...] = ()
    """What it stands under, outermost first; a heading stands under those above it."""
    is_heading: bool = False
    begins: bool = False
    """It begins something that had better stand in one chunk: a function, a sheet's row that is long."""


@dataclass(frozen=True, slots=True)
class Structure:
    """What was found in a text. `links` are targets as written, `names` the targets of `[[…]]`."""

    blocks: tuple[Block, ...]
    title: str | None = None
    links: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    ties: tuple[Tie, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other names that it is looked up by: an e-mail's Message-ID."""
    timestamp: datetime | None = None
    """When the document says that it was written."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A document that was read: `text` is what is stored."""

    text: str
    structure: Structure
    media_type: str
    """Of what was read, in its short form: `application/pdf`."""
    notes: tuple[str, ...] = ()
    """What was not read, for people: an attachment that is a picture."""
