"""Word documents: everything that is shown, in the order of the text; read from the XML itself.

The libraries that know Word's object model leave out what their model has no place for: inserted text, content
controls, footnotes, text boxes. What stands in the file is walked here instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers.archive import Archive, open_archive
from rem_runtime.memory.ingest.readers.draft import Draft
from rem_runtime.memory.ingest.readers.formats import Origin
from rem_runtime.memory.ingest.readers.office import (
    Relation,
    attribute,
    child,
    children,
    local,
    relations,
    say_properties,
)
from rem_runtime.memory.ingest.readers.tables import write_table
from rem_runtime.memory.ingest.structure import Reading

_MAIN = "word/document.xml"
_HEADING = re.compile(r"heading ?([1-9])", re.IGNORECASE)
# What is not shown: deleted and moved text, field codes, properties; and the second copy of a drawing for old programs.
_NOT_SHOWN = frozenset(
    {"del", "moveFrom", "instrText", "delText", "rPr", "pPr", "sectPr", "Fallback", "tblPr", "trPr", "tcPr"}
)
_MARKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_MAX_STYLE_DEPTH = 20


def read_bytes(data: bytes, origin: Origin) -> Reading:
    """Headers, body, footnotes, endnotes, footers and comments."""
    draft = Draft()
    with open_archive(data, origin.format) as archive:
        document = archive.xml(_MAIN)
        if document is None:
            raise InvalidInput(f"it has no {_MAIN}; it is broken as a Word file")
        say_properties(archive, draft)
        body = child(document, "body")
        writer = _Writer(draft, _Styles.of(archive), relations(archive, _MAIN))
        writer.write_side_parts(archive, "header", heading=None)
        writer.write(body if body is not None else document)
        for kind, heading in (("footnotes", "Footnotes"), ("endnotes", "Endnotes"), ("comments", "Comments")):
            writer.write_side_parts(archive, kind, heading=heading)
        writer.write_side_parts(archive, "footer", heading=None)
    return draft.reading(origin.format.media_type)


@dataclass(frozen=True, slots=True)
class _Styles:
    """What a paragraph's style says: which heading it is, or that it is the title."""

    levels: dict[str, int]
    titles: frozenset[str]

    @classmethod
    def of(cls, archive: Archive) -> _Styles:
        tree = archive.xml("word/styles.xml")
        styles = {attribute(one, "styleId") or "": one for one in children(tree, "style")} if tree is not None else {}
        levels = {name: level for name in styles if (level := _level(styles, name)) is not None}
        return cls(levels, frozenset(name for name, one in styles.items() if _name(one).lower() == "title"))


def _level(styles: dict[str, Element], name: str) -> int | None:
    """A style's outline level, its own or that of the style that it is based on."""
    for _ in range(_MAX_STYLE_DEPTH):
        style = styles.get(name)
        if style is None:
            return None
        match = _HEADING.fullmatch(_name(style))
        if match:
            return int(match[1])
        outline = child(style, "pPr", "outlineLvl")
        if outline is not None:
            return _outline_level(outline)
        based_on = child(style, "basedOn")
        name = (attribute(based_on, "val") or "") if based_on is not None else ""
    return None


def _outline_level(outline: Element) -> int | None:
    value = attribute(outline, "val") or ""
    return int(value) + 1 if value.isdigit() and int(value) < 9 else None


def _name(style: Element) -> str:
    name = child(style, "name")
    return (attribute(name, "val") or "") if name is not None else ""


@dataclass(slots=True)
class _Writer:
    draft: Draft
    styles: _Styles
    relations: dict[str, Relation]

    def write_side_parts(self, archive: Archive, kind: str, *, heading: str | None) -> None:
        """The parts beside the body; what several headers say alike is said once."""
        said: set[str] = set()
        for relation in sorted(self.relations.values(), key=lambda one: one.target):
            tree = archive.xml(relation.target) if relation.kind == kind and not relation.outside else None
            text = " ".join(_text_of(tree).split()) if tree is not None else ""
            if tree is None or not text or text in said:
                continue
            said.add(text)
            if heading:
                self.draft.heading(1, heading)
            for block in tree if heading else [tree]:
                self.write(block)

    def write(self, root: Element) -> None:
        """Paragraphs and tables below `root`, wherever they are: in content controls, insertions, text boxes."""
        for block in _blocks(root):
            if local(block) == "tbl":
                self._write_table(block)
            else:
                self._write_paragraph(block)
        for link in root.iter():
            if local(link) == "hyperlink":
                relation = self.relations.get(attribute(link, "id") or "")
                if relation is not None and relation.outside:
                    self.draft.links.append(relation.target)

    def _write_paragraph(self, paragraph: Element) -> None:
        text = _text_of(paragraph).strip()
        if not text:
            return
        properties = child(paragraph, "pPr")
        style = child(properties, "pStyle")
        name = (attribute(style, "val") or "") if style is not None else ""
        outline = child(properties, "outlineLvl")
        level = _outline_level(outline) if outline is not None else self.styles.levels.get(name)
        if name in self.styles.titles or level is not None:
            self.draft.title = self.draft.title or (" ".join(text.split()) if level in {None, 1} else None)
            self.draft.heading(level or 1, text)
        elif child(properties, "numPr") is not None:
            depth = child(properties, "numPr", "ilvl")
            indent = min(int((attribute(depth, "val") or "0") if depth is not None else 0), 8)
            self.draft.line("- " + text.replace("\n", "\n  ") if not indent else "  " * indent + "- " + text)
        else:
            self.draft.paragraph(text)

    def _write_table(self, table: Element) -> None:
        rows = [[_cell_text(cell) for cell in _nearest(row, "tc")] for row in _nearest(table, "tr")]
        write_table(self.draft, rows)


def _blocks(root: Element) -> Iterator[Element]:
    """The nearest paragraphs and tables below `root`; text boxes come after the paragraph that they hang on."""
    todo = [root]
    while todo:
        element = todo.pop()
        name = local(element)
        if name in {"p", "tbl"}:
            yield element
            boxes = list(_within(element, "txbxContent"))
            todo.extend(reversed(boxes))
        elif name not in _NOT_SHOWN:
            todo.extend(reversed(list(element)))


def _nearest(root: Element, name: str) -> Iterator[Element]:
    """The elements of a name below `root`, not those inside of them."""
    todo = list(reversed(list(root)))
    while todo:
        element = todo.pop()
        if local(element) == name:
            yield element
        elif local(element) not in _NOT_SHOWN:
            todo.extend(reversed(list(element)))


def _within(root: Element, name: str) -> Iterator[Element]:
    todo = [root]
    while todo:
        element = todo.pop()
        if local(element) == name:
            yield element
        elif local(element) not in _NOT_SHOWN:
            todo.extend(reversed(list(element)))


def _cell_text(cell: Element) -> str:
    """A cell's paragraphs, those of tables inside of it too."""
    return "\n".join(text for part in _within(cell, "p") if (text := _text_of(part).strip()))


def _text_of(root: Element) -> str:
    """What is shown of a paragraph or part: runs without what was deleted; text boxes are blocks of their own."""
    parts: list[str] = []
    todo = [root]
    while todo:
        element = todo.pop()
        name = local(element)
        if name in {"t", "sym"}:
            parts.append(element.text or "")
        elif name in _MARKS:
            parts.append(_MARKS[name])
        elif name not in _NOT_SHOWN and not (name == "txbxContent" and element is not root):
            if name == "p" and parts:
                parts.append("\n")
            todo.extend(reversed(list(element)))
    return "".join(parts)
