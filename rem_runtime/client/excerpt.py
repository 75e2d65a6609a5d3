"""A passage of Markdown as text for people: no front matter, no markup, tables and lists readable. Pure.

Knows neither widths nor colours; `layout.py` and `render.py` do.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

_FRONT_MATTER = re.compile(r"\A---\s*\n.*?\n---\s*(?:\n|\Z)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FENCE = re.compile(r"^(?:```|~~~)")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
_ITEM = re.compile(r"^(?:[-*+]\s+(?:\[[ xX]\]\s+)?|(\d+[.)])\s+)(?=\S)")
_QUOTE = re.compile(r"^(?:>\s?)+")
_RULE = re.compile(r"^(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,}|={3,})$")
_TABLE_RULE = re.compile(r"^\|?(?:\s*:?-+:?\s*\|)+(?:\s*:?-+:?\s*)?$")
_CELL = re.compile(r"(?<!\\)\|")

# A target may hold one pair of parentheses: [Foo](https://example.org/Foo_(bar)).
_LINK = re.compile(r"!?\[([^\]]*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"]*\")?\)")
_WIKI_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]+)\]\]")
_AUTOLINK = re.compile(r"<(https?://[^\s>]+)>")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_STRONG = re.compile(r"(\*\*|~~|`)(?=\S)(.+?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*\\])\*(?=[^\s*])([^*]+?)(?<=\S)\*(?![\w*])|(?<!\w)_(?=[^\s_])([^_]+?)(?<=\S)_(?!\w)")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~])")
# What a terminal would obey: a document must not move the cursor or change colours.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: object) -> str:
    """`text` without anything that a terminal would obey; tabs and line breaks are blanks."""
    return _CONTROLS.sub("", str(text)).replace("\t", " ").replace("\n", " ")


def paragraphs(text: str, *, markdown: bool = True, skip: Collection[str] = ()) -> list[str]:
    """The paragraphs, list items, headings and tables, one string each; a table's rows stand on lines of their own.

    Headings in `skip` are left out: what stands above a passage is shown beside it. If nothing is left, they stay.
    """
    if not markdown:
        parts = re.split(r"\n\s*\n", text.replace("\r\n", "\n"))
        return [words for part in parts if (words := _words(part))]
    body = _COMMENT.sub("", _FRONT_MATTER.sub("", text.replace("\r\n", "\n")))
    known = {heading.casefold() for heading in skip}
    raw = _Reader(known).read(body) or _Reader(set()).read(body)
    return [part.removesuffix(":") if len(raw) == 1 else part for part in raw] or [_words(text)]


def flow(parts: list[str]) -> str:
    """The same in one run of text; what follows a table begins after a full stop."""
    run = ""
    for part in parts:
        run += part.replace("\n", "; ") + (". " if "\n" in part else " ")
    return run.rstrip()


@dataclass(slots=True)
class _Part:
    kind: Literal["text", "item", "heading", "table", "code"]
    lines: list[str]

    def plain(self) -> str:
        lines = self.lines if self.kind == "code" else map(_inline, self.lines)
        return "\n".join(words for line in lines if (words := _words(line)))


class _Reader:
    """Lines of Markdown to paragraphs."""

    def __init__(self, skip: Collection[str]) -> None:
        self._skip = skip
        self._parts: list[_Part] = []
        self._open = False  # whether the next line may go on with the last part

    def read(self, body: str) -> list[str]:
        code = False
        for raw in body.split("\n"):
            line = _QUOTE.sub("", raw.strip())
            if _FENCE.match(line):
                code, self._open = not code, False
            elif code:
                self._row("code", raw)
            else:
                self._line(line)
        return [plain for part in self._parts if (plain := part.plain())]

    def _line(self, line: str) -> None:
        if heading := _HEADING.match(line):
            self._heading(heading[1])
        elif _TABLE_RULE.match(line):
            pass
        elif not line or _RULE.match(line):
            self._open = False
        elif line.startswith("|"):
            self._row("table", " · ".join(filter(None, (cell.strip() for cell in _CELL.split(line)))))
        elif item := _ITEM.match(line):
            self._parts.append(_Part("item", [f"{item[1] or '•'} {line[item.end() :]}"]))
            self._open = True
        elif self._open and self._parts[-1].kind in {"text", "item"}:
            self._parts[-1].lines[-1] += " " + line
        else:
            self._parts.append(_Part("text", [line]))
            self._open = True

    def _heading(self, text: str) -> None:
        words = _words(_inline(text))
        if words and words.casefold() not in self._skip:
            self._parts.append(_Part("heading", [text + ("" if words[-1] in ".:?!" else ":")]))
        self._open = False

    def _row(self, kind: Literal["table", "code"], line: str) -> None:
        """A line of its own, in the same part as those before it."""
        if self._open and self._parts[-1].kind == kind:
            self._parts[-1].lines.append(line)
        else:
            self._parts.append(_Part(kind, [line]))
        self._open = True


def _words(text: str) -> str:
    return " ".join(_CONTROLS.sub("", text).split())


def _inline(text: str) -> str:
    text = _WIKI_LINK.sub(r"\1", _LINK.sub(r"\1", _AUTOLINK.sub(r"\1", _BREAK.sub(" ", text))))
    text = _EMPHASIS.sub(lambda match: match[1] or match[2], _STRONG.sub(r"\2", text))
    return _ESCAPE.sub(r"\1", text)
