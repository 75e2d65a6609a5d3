"""A text while a reader writes it: what is added becomes a block that knows the headings it stands under. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.clean import clean_json, clean_text
from rem_runtime.memory.ingest.readers.limits import MAX_TEXT_CHARACTERS
from rem_runtime.memory.ingest.structure import Block, Reading, Structure, Tie

# Each block is measured in tokens: of a large document the small ones are joined, as long as they stay small.
_MANY_BLOCKS = 5_000
_SMALL_BLOCK = 300  # characters
_MOST_MARKS = 6  # Markdown knows no deeper heading


@dataclass(slots=True)
class Draft:
    """Text and blocks, in the order of the document; headings are written as Markdown."""

    title: str | None = None
    timestamp: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    links: list[str] = field(default_factory=list)
    ties: list[Tie] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _blocks: list[Block] = field(default_factory=list)
    _path: list[tuple[int, str]] = field(default_factory=list)
    _length: int = 0
    _in_lines: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written."""
        return not self._length

    def heading(self, level: int, title: str, *, shown: bool = True) -> None:
        """A heading; what follows stands under it. One that is not `shown` is only said above its chunks."""
        words = " ".join(clean_text(title).split())
        self._path = [entry for entry in self._path if entry[0] < level]
        if not words:
            return
        if shown:
            self._add("#" * min(level, _MOST_MARKS) + f" {words}\n\n", is_heading=True)
        self._path.append((level, words))

    def paragraph(self, text: str) -> None:
        """Some text on lines of its own, and an empty line after it."""
        words = clean_text(text).strip()
        if words:
            self._add(words + "\n\n")

    def line(self, text: str) -> None:
        """One entry of a list or table; the next paragraph or heading puts an empty line between."""
        words = clean_text(text).rstrip()
        if words:
            self._add(words + "\n", is_line=True)

    def list_items(self, items: Iterable[str]) -> None:
        """A list, each item a block."""
        for item in items:
            self.line(f"- {item}")
        self.end()

    def end(self) -> None:
        """Ends a list or table: the next begins a new one."""
        if self._in_lines:
            self._in_lines = False
            self._stretch("\n")

    def say(self, facts: Mapping[str, Any], *, author: str | None = None) -> None:
        """Facts for the metadata, as far as there are any; an author is an edge too."""
        for name, value in {"author": author, **facts}.items():
            if value not in (None, "", [], ()):
                self.metadata[name] = value
        if author:
            self.ties.append(Tie("author", author))

    def include(self, reading: Reading) -> None:
        """Another document's text, under the headings that stand."""
        above = self._headings()
        for block in reading.structure.blocks:
            text = reading.text[block.start : block.end]
            self._add(text, below=block.headings, is_heading=block.is_heading)
            self._blocks[-1] = replace(self._blocks[-1], begins=block.begins)
        if self._parts and not self._parts[-1].endswith("\n"):
            self._stretch("\n\n")
        self.links += reading.structure.links
        self.notes += [" > ".join([*above[-1:], note]) for note in reading.notes]

    def reading(self, media_type: str) -> Reading:
        """What was written; raises InvalidInput where that is nothing."""
        structure = Structure(
            blocks=tuple(self._blocks if len(self._blocks) <= _MANY_BLOCKS else _joined(self._blocks)),
            title=clean_text(self.title).strip() or None if self.title else None,
            links=tuple(dict.fromkeys(clean_text(link) for link in self.links)),
            ties=tuple(self._clean_ties()),
            aliases=tuple(clean_text(alias) for alias in self.aliases),
            timestamp=self.timestamp,
            metadata=clean_json(self.metadata),
            tags=tuple(dict.fromkeys(clean_text(tag) for tag in self.tags)),
        )
        return Reading("".join(self._parts), structure, media_type, tuple(self.notes))

    def _clean_ties(self) -> Iterable[Tie]:
        for tie in self.ties:
            yield Tie(tie.relation, " ".join(clean_text(tie.label).split()), clean_json(dict(tie.properties)))

    def _headings(self) -> tuple[str, ...]:
        return tuple(title for _, title in self._path)

    def _stretch(self, blanks: str) -> None:
        """Blanks after the last block, as a part of it."""
        self._parts[-1] += blanks
        self._length += len(blanks)
        self._blocks[-1] = replace(self._blocks[-1], end=self._length)

    def _add(self, text: str, *, below: Sequence[str] = (), is_heading: bool = False, is_line: bool = False) -> None:
        if not is_line:
            self.end()
        self._in_lines = is_line
        start, self._length = self._length, self._length + len(text)
        refuse_too_long(self._length)
        self._parts.append(text)
        self._blocks.append(Block(start, self._length, (*self._headings(), *below), is_heading))


def _joined(blocks: Sequence[Block]) -> Iterator[Block]:
    """Neighbours under the same headings as one, up to a small block's length."""
    last: Block | None = None
    for block in blocks:
        if last is None:
            last = block
        elif _is_alike(last, block) and block.end - last.start <= _SMALL_BLOCK:
            last = replace(last, end=block.end)
        else:
            yield last
            last = block
    if last is not None:
        yield last


def _is_alike(one: Block, other: Block) -> bool:
    return one.headings == other.headings and not (one.is_heading or other.is_heading or other.begins)


def refuse_too_long(length: int) -> None:
    """Raises InvalidInput for a text of more characters than one document may have."""
    if length > MAX_TEXT_CHARACTERS:
        raise InvalidInput(
            f"its text is longer than {MAX_TEXT_CHARACTERS:,} characters, the most that one document may have; split it"
        )


def reading_of(text: str, blocks: Sequence[Block], media_type: str, **found: Any) -> Reading:
    """A text that is stored as it is, with the blocks that were found in it."""
    known: Mapping[str, Any] = found
    return Reading(text, Structure(blocks=tuple(blocks), **known), media_type)
