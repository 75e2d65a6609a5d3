"""A document's text in parts that fit the embedder's window. Pure.

Joined in order the chunks are the text: nothing is dropped, nothing twice. They follow the blocks and headings; only a
block that does not fit by itself is cut, at the end of a line, a sentence or a word. The rules are stored data: change
them together with CHUNKER_VERSION.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rem_runtime.memory.ingest.structure import Block

HEADING_SEPARATOR = " > "
# Beyond, a chunk is no passage for people any more, however few tokens it has: a word of 100 letters is one token.
MAX_CHARACTERS = 2_000
_SPECIAL_TOKENS = 2
_HEADING_SHARE = 4  # the context takes at most a quarter of the window
# A heading begins a new chunk once the one before has a third of a window; smaller sections stay together.
_SMALL_SHARE = 3
_BOUNDARIES = (re.compile(r"\n"), re.compile(r"[.!?…。][\"'”’)\]]*\s"), re.compile(r"\s"))

TokenEnds = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One part; `heading` is the label and the headings above, what is searched and embedded before the text."""

    heading: str
    text: str

    @property
    def full_text(self) -> str:
        """What is embedded."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text


@dataclass(frozen=True, slots=True)
class Window:
    """An embedder's limits: how it counts, and how much it sees."""

    token_ends: TokenEnds
    max_tokens: int

    @property
    def text_tokens(self) -> int:
        """What is left for a chunk's text."""
        return self.max_tokens - _SPECIAL_TOKENS - self.heading_tokens

    @property
    def heading_tokens(self) -> int:
        """What the context may take."""
        return self.max_tokens // _HEADING_SHARE

    def fits(self, text: str) -> bool:
        """Whether a chunk may have this text."""
        return len(text) <= MAX_CHARACTERS and len(self.token_ends(text)) <= self.text_tokens


def cut_chunks(text: str, blocks: Sequence[Block], *, label: str, window: Window) -> list[Chunk]:
    """The chunks of `text`, in order."""
    pieces = [piece for block in blocks for piece in _pieces(text, block, window)]
    return [
        Chunk(_context(label, group[0].headings, window), text[group[0].start : group[-1].end])
        for group in _groups(text, pieces, window)
    ]


def _pieces(text: str, block: Block, window: Window) -> Iterator[Block]:
    """The block, or where it does not fit, parts of it that do."""
    start = block.start
    while start < block.end:
        end = start + _fitting(text[start : block.end], window)
        yield Block(
            start,
            end,
            block.headings,
            is_heading=block.is_heading and start == block.start,
            begins=block.begins and start == block.start,
        )
        start = end


def _fitting(rest: str, window: Window) -> int:
    """How many characters of `rest` go into one chunk; at least one."""
    head = rest[:MAX_CHARACTERS]
    while True:
        ends = window.token_ends(head)
        if len(ends) <= window.text_tokens:
            return len(rest) if len(head) == len(rest) else _boundary(head, len(head))
        # Cut, the rest of a word may have more tokens than it had inside: measured again until it fits.
        cut = _boundary(head, max(1, ends[window.text_tokens - 1]))
        head = head[: min(cut, len(head) - 1)]


def _boundary(text: str, limit: int) -> int:
    """The best place to cut at or before `limit`, but not in the first half."""
    for pattern in _BOUNDARIES:
        places = [m.end() for m in pattern.finditer(text, limit // 2, limit)]
        if places:
            return places[-1]
    return limit


def _groups(text: str, pieces: Sequence[Block], window: Window) -> Iterator[list[Block]]:
    sizes = {piece: len(window.token_ends(text[piece.start : piece.end])) for piece in pieces}
    if len(text) <= MAX_CHARACTERS and sum(sizes.values()) <= window.text_tokens:
        yield list(pieces)
        return
    group: list[Block] = []
    for piece in pieces:
        if group and _begins_new(piece, group, sizes=sizes, window=window):
            carried = _trailing_headings(group)
            if carried and not _fit_together([*carried, piece], sizes, window):
                carried = []
            yield group[: len(group) - len(carried)] or carried
            group = carried if len(carried) < len(group) else []
        group.append(piece)
    yield group


def _begins_new(piece: Block, group: list[Block], *, sizes: Mapping[Block, int], window: Window) -> bool:
    if not _fit_together([*group, piece], sizes, window):
        return True
    has_text = any(not one.is_heading for one in group)
    return (
        (piece.is_heading or piece.begins)
        and has_text
        and sum(sizes[one] for one in group) >= window.text_tokens // _SMALL_SHARE
    )


def _fit_together(group: list[Block], sizes: Mapping[Block, int], window: Window) -> bool:
    characters = group[-1].end - group[0].start
    return characters <= MAX_CHARACTERS and sum(sizes[one] for one in group) <= window.text_tokens


def _trailing_headings(group: list[Block]) -> list[Block]:
    """Headings at the end of a group belong to what follows."""
    count = 0
    while count < len(group) and group[-1 - count].is_heading:
        count += 1
    return group[len(group) - count :]


def _context(label: str, headings: Sequence[str], window: Window) -> str:
    path = [label, *(heading for heading in headings if heading and heading != label)]
    while len(path) > 1 and len(window.token_ends(HEADING_SEPARATOR.join(path))) > window.heading_tokens:
        del path[1]
    context = HEADING_SEPARATOR.join(path)
    ends = window.token_ends(context)
    return context if len(ends) <= window.heading_tokens else context[: ends[window.heading_tokens - 1]]
