"""HTML as Markdown: what a page shows, with headings, lists, tables and links. selectolax (lexbor) parses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from selectolax.lexbor import LexborHTMLParser, LexborNode

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers.draft import Draft
from rem_runtime.memory.ingest.readers.formats import Origin
from rem_runtime.memory.ingest.readers.tables import write_table
from rem_runtime.memory.ingest.readers.times import read_time
from rem_runtime.memory.ingest.structure import Reading

_NOT_SHOWN = frozenset({"script", "style", "template", "noscript", "head", "title", "datalist", "iframe", "object"})
_INLINE = frozenset(
    ("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "button", "cite", "code", "data", "del", "dfn", "em", "font",
     "i", "img", "input", "ins", "kbd", "label", "mark", "meter", "nobr", "output", "picture", "progress", "q", "ruby",
     "rb", "rt", "rp", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "svg", "text", "tt", "tspan",
     "time", "u", "var", "wbr")
)  # fmt: skip
_SAYS_ITS_ALTERNATIVE = frozenset({"img", "input", "area"})
_LEVELS = {f"h{number}": number for number in range(1, 7)}
_BLANK = re.compile(r"[ \t\n\r\f\xa0]+")
# The parser walks up the open elements at every tag, so that depth costs its square. No page is as deep as this.
_MAX_DEPTH = 2_000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_CLOSES_ITSELF = frozenset(
    ("p", "li", "td", "th", "tr", "dt", "dd", "option", "optgroup", "tbody", "thead", "tfoot", "rb", "rt", "rp",
     "colgroup", "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
     "wbr", "html", "head", "body")
)  # fmt: skip
_TIME_NAMES = ("article:published_time", "date", "dc.date", "dcterms.date", "dcterms.created", "datepublished")
_AUTHOR_NAMES = ("author", "dc.creator", "article:author")


def read_text(text: str, origin: Origin) -> Reading:
    """The page's text; title from <title>, else its first h1."""
    _refuse_depth(text)
    tree = LexborHTMLParser(text)
    draft = Draft()
    _read_head(tree, draft)
    body = tree.body or tree.root
    if body is not None:
        _Writer(draft).write(body)
    return draft.reading(origin.format.media_type)


def _refuse_depth(text: str) -> None:
    depth = 0
    for match in _TAG.finditer(text):
        if match[2].lower() not in _CLOSES_ITSELF:
            depth = max(0, depth - 1) if match[1] else depth + 1
            if depth > _MAX_DEPTH:
                raise InvalidInput(f"its elements are open in one another more than {_MAX_DEPTH:,} deep")


def _read_head(tree: LexborHTMLParser, draft: Draft) -> None:
    said: dict[str, str] = {}
    for node in tree.css("meta"):
        name = (node.attributes.get("name") or node.attributes.get("property") or "").strip().lower()
        content = (node.attributes.get("content") or "").strip()
        if name and content:
            said.setdefault(name, content)
    title = tree.css_first("title")
    heading = tree.css_first("h1")
    draft.title = next(
        (words for node in (title, heading) if node is not None and (words := _inline_text(node))),
        said.get("og:title"),
    )
    draft.timestamp = next((moment for name in _TIME_NAMES if (moment := _time(said.get(name)))), None)
    draft.tags = tuple(word.strip() for word in said.get("keywords", "").split(",") if word.strip())
    language = tree.root.attributes.get("lang") if tree.root is not None else None
    draft.say(
        {"description": said.get("description"), "language": language},
        author=next((said[name] for name in _AUTHOR_NAMES if name in said), None),
    )


def _time(value: str | None) -> datetime | None:
    return read_time(value) if value else None


def _flat(text: str) -> str:
    return _BLANK.sub(" ", text).strip()


@dataclass(slots=True)
class _Writer:
    """Walks the tree without recursion and collects inline text until a block begins or ends."""

    draft: Draft
    _run: list[str] = field(default_factory=list)
    _lists: list[int | None] = field(default_factory=list)
    """Open lists, outermost first: the next number, or None for bullets."""
    _marker: str = ""

    def write(self, root: LexborNode) -> None:
        """Everything below `root`."""
        todo: list[tuple[LexborNode, bool]] = [(root, False)]
        while todo:
            node, done = todo.pop()
            if done:
                self._leave(node)
            elif self._enter(node):
                todo.append((node, True))
                todo.extend((child, False) for child in reversed(list(_children(node))))
        self._end_paragraph()

    def _enter(self, node: LexborNode) -> bool:
        """Whether to go below the node."""
        tag = node.tag or ""
        if tag == "-text":
            self._run.append(node.text_content or "")
            return False
        if tag in _NOT_SHOWN or tag.startswith(("-", "_")) or "hidden" in node.attributes:
            return False
        if tag == "pre":
            self._end_paragraph()
            self.draft.paragraph("```\n" + node.text(deep=True).strip("\n") + "\n```")
            return False
        if tag == "table" and self._write_table(node):
            return False
        if tag in _LEVELS:
            self._end_paragraph()
        elif tag in {"ul", "ol"}:
            self._end_paragraph()
            self._lists.append(1 if tag == "ol" else None)
        elif tag == "li":
            self._end_paragraph()
            self._marker = self._next_marker()
        elif tag == "br":
            self._run.append("\x00")
            return False
        elif tag in _SAYS_ITS_ALTERNATIVE:
            self._run.append(f" {_alternative(node)} ")
        elif tag not in _INLINE:
            self._end_paragraph()
        if tag == "a" and node.attributes.get("href"):
            self.draft.links.append(str(node.attributes["href"]).strip())
        return True

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag in _LEVELS:
            words = _flat("".join(self._run).replace("\x00", " "))
            self._run.clear()
            self.draft.heading(_LEVELS[tag], words)
        elif tag in {"ul", "ol"}:
            self._end_paragraph()
            self._lists.pop()
        elif tag not in _INLINE:
            self._end_paragraph()

    def _end_paragraph(self) -> None:
        lines = [_flat(line) for line in "".join(self._run).split("\x00")]
        self._run.clear()
        text = "\n".join(line for line in lines if line)
        if not text:
            return
        if self._lists:
            indent = "  " * (len(self._lists) - 1)
            self.draft.line(indent + (self._marker or "  ") + text.replace("\n", "\n  " + indent))
        else:
            self.draft.paragraph(text)
        self._marker = ""

    def _next_marker(self) -> str:
        if not self._lists or self._lists[-1] is None:
            return "- "
        number = self._lists[-1]
        self._lists[-1] = number + 1
        return f"{number}. "

    def _write_table(self, table: LexborNode) -> bool:
        """A table of data as one; one that only arranges a page is none, and its cells are paragraphs."""
        if table.css_first("table table, h1, h2, h3, ul, ol, pre") is not None:
            return False
        rows = [[_inline_text(cell) for cell in row.css("td, th")] for row in table.css("tr")]
        if not any(len(row) > 1 for row in rows):
            return False
        self._end_paragraph()
        self.draft.links += [str(link.attributes["href"] or "").strip() for link in table.css("a[href]")]
        caption = table.css_first("caption")
        if caption is not None:
            self.draft.paragraph(_inline_text(caption))
        write_table(self.draft, rows)
        return True


def _inline_text(root: LexborNode) -> str:
    """The text below a node on one line; words of different blocks stay apart, parts of one word together."""
    parts: list[str] = []
    todo = [root]
    while todo:
        node = todo.pop()
        tag = node.tag or ""
        if tag == "-text":
            parts.append(node.text_content or "")
        elif node is root or (tag not in _NOT_SHOWN and "hidden" not in node.attributes):
            parts.append(_alternative(node) if tag in _SAYS_ITS_ALTERNATIVE else "" if tag in _INLINE else " ")
            todo.extend(reversed(list(_children(node))))
    return _flat("".join(parts))


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        yield child
        child = child.next


def _alternative(node: LexborNode) -> str:
    if node.tag == "input":
        shown = node.attributes.get("type") not in {"hidden", "password"}
        return str(node.attributes.get("value") or "") if shown else ""
    return str(node.attributes.get("alt") or "")
