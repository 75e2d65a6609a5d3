"""Markdown's structure: its blocks with the headings above them, its title, its links. Pure; markdown-it parses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rem_runtime.memory.ingest.structure import Block, Structure

__all__ = ["Block", "Structure", "read_markdown", "read_plain"]

_WIKI_LINK = re.compile(r"\[\[([^\[\]|#\n]+)(?:#[^\[\]|\n]*)?(?:\|[^\[\]\n]*)?\]\]")
_LINE_END = re.compile(r"\r\n?|\n")  # markdown-it's lines; splitlines() knows more
_PARAGRAPH_BREAK = re.compile(r"(?:[ \t]*\n){2,}")


def read_markdown(text: str, start: int) -> Structure:
    """The structure of `text` from the character `start` on; what is before it is the first block."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text[start:])
    inline = [token for token in tokens if token.type == "inline"]
    plain = [_plain_text(token) for token in inline]
    return Structure(
        blocks=tuple(_front(start)) + tuple(_blocks(tokens, text, start)),
        title=next((title for level, title in _headings(tokens) if level == 1 and title), None),
        links=tuple(dict.fromkeys(link for token in inline for link in _links(token))),
        names=tuple(dict.fromkeys(m[1].strip() for part in plain for m in _WIKI_LINK.finditer(part))),
    )


def read_plain(text: str, start: int) -> Structure:
    """Plain text has paragraphs and nothing else."""
    breaks = [start, *(m.end() for m in _PARAGRAPH_BREAK.finditer(text, start)), len(text)]
    bounds = sorted(set(breaks))
    blocks = tuple(Block(a, b) for a, b in pairwise(bounds))
    return Structure(tuple(_front(start)) + blocks)


def _front(start: int) -> Iterator[Block]:
    if start:
        yield Block(0, start)


def _blocks(tokens: list[Token], text: str, start: int) -> Iterator[Block]:
    """Top-level blocks; the blank lines after a block are its own, those before the first too."""
    tops = [(i, token) for i, token in enumerate(tokens) if token.level == 0 and token.map and token.nesting >= 0]
    if not tops:
        if start < len(text):
            yield Block(start, len(text))
        return
    offsets = _line_offsets(text, start)
    begins = [start, *(offsets[token.map[0]] for _, token in tops[1:] if token.map)]
    path: list[tuple[int, str]] = []
    for (index, token), begin, end in zip(tops, begins, [*begins[1:], len(text)], strict=True):
        heading = token.type == "heading_open"
        if heading:
            level = int(token.tag[1:])
            path = [entry for entry in path if entry[0] < level]
        yield Block(begin, end, tuple(title for _, title in path), heading)
        if heading:
            path.append((level, _plain_text(tokens[index + 1]).strip()))


def _line_offsets(text: str, start: int) -> list[int]:
    return [start, *(match.end() for match in _LINE_END.finditer(text, start)), len(text)]


def _headings(tokens: list[Token]) -> Iterator[tuple[int, str]]:
    for token, content in pairwise(tokens):
        if token.type == "heading_open":
            yield int(token.tag[1:]), _plain_text(content).strip()


def _links(token: Token) -> Iterator[str]:
    for child in token.children or ():
        if child.type == "link_open":
            yield str(child.attrGet("href") or "")


def _plain_text(token: Token) -> str:
    return "".join(_visible(token.children or ()))


def _visible(children: Iterable[Token]) -> Iterator[str]:
    for child in children:
        if child.type in {"text", "code_inline", "image"}:
            yield child.content
        elif child.type in {"softbreak", "hardbreak"}:
            yield " "
