"""PowerPoint: a section for each slide with its title, text, tables, diagrams and notes; from the XML itself."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers.archive import Archive, open_archive
from rem_runtime.memory.ingest.readers.draft import Draft
from rem_runtime.memory.ingest.readers.formats import Origin
from rem_runtime.memory.ingest.readers.office import Relation, child, children, local, relations, say_properties
from rem_runtime.memory.ingest.readers.tables import write_table
from rem_runtime.memory.ingest.structure import Reading

_MAIN = "ppt/presentation.xml"
_TITLES = frozenset({"title", "ctrTitle"})
# On every slide alike, and not what the slide says.
_FURNITURE = frozenset({"dt", "sldNum", "ftr", "hdr"})
_DRAWN = frozenset({"diagramData", "chart"})


def read_bytes(data: bytes, origin: Origin) -> Reading:
    """The slides in their order."""
    draft = Draft()
    with open_archive(data, origin.format) as archive:
        presentation = archive.xml(_MAIN)
        if presentation is None:
            raise InvalidInput(f"it has no {_MAIN}; it is broken as a PowerPoint file")
        say_properties(archive, draft)
        known = relations(archive, _MAIN)
        for number, slide in enumerate(_slides(presentation, known), 1):
            _write_slide(archive, slide, number, draft)
    return draft.reading(origin.format.media_type)


def _slides(presentation: Element, known: dict[str, Relation]) -> Iterator[str]:
    order = child(presentation, "sldIdLst")
    for entry in order if order is not None else ():
        # Its own id has the same local name as the relation's, so the namespace decides.
        ids = [value for key, value in entry.attrib.items() if key.startswith("{") and key.endswith("}id")]
        relation = known.get(ids[0]) if ids else None
        if relation is not None and not relation.outside:
            yield relation.target


def _write_slide(archive: Archive, part: str, number: int, draft: Draft) -> None:
    tree = archive.xml(part)
    if tree is None:
        raise InvalidInput(f"it has no {part}; it is broken as a PowerPoint file")
    known = relations(archive, part)
    shapes = list(_shapes(tree))
    title = next((text for shape in shapes if _role(shape) in _TITLES and (text := _flat(shape))), "")
    draft.title = draft.title or title or None
    draft.heading(1, f"Slide {number}: {title}" if title else f"Slide {number}")
    for shape in shapes:
        if _role(shape) not in _TITLES | _FURNITURE or (_role(shape) in _TITLES and _flat(shape) != title):
            _write_shape(shape, draft)
    for relation in known.values():
        if relation.outside and relation.kind == "hyperlink":
            draft.links.append(relation.target)
        elif relation.kind in _DRAWN:
            _write_drawn(archive.xml(relation.target), draft)
        elif relation.kind == "notesSlide":
            _write_notes(archive.xml(relation.target), draft)


def _write_shape(shape: Element, draft: Draft) -> None:
    if local(shape) == "tbl":
        write_table(draft, ([_flat(cell) for cell in children(row, "tc")] for row in children(shape, "tr")))
        return
    for paragraph in _named(shape, "p"):
        draft.line(_text_of(paragraph))
    draft.end()


def _write_notes(notes: Element | None, draft: Draft) -> None:
    shapes = (
        [shape for shape in _shapes(notes) if _role(shape) not in _FURNITURE | {"sldImg"}] if notes is not None else []
    )
    if any(_flat(shape) for shape in shapes):
        draft.heading(2, "Notes")
        for shape in shapes:
            _write_shape(shape, draft)


def _write_drawn(part: Element | None, draft: Draft) -> None:
    """The words of a diagram or chart, each once."""
    if part is None:
        return
    words = [_text_of(one) for one in _named(part, "p")]
    words += [(value.text or "") for value in _named(part, "v")]
    draft.list_items(dict.fromkeys(word.strip() for word in words if word.strip()))


def _shapes(root: Element) -> Iterator[Element]:
    """Shapes with text and tables, those in groups too, in the order of the slide."""
    todo = [root]
    while todo:
        element = todo.pop()
        if local(element) in {"sp", "tbl"}:
            yield element
        elif local(element) != "Fallback":
            todo.extend(reversed(list(element)))


def _named(root: Element, name: str) -> Iterator[Element]:
    return (element for element in root.iter() if local(element) == name)


def _role(shape: Element) -> str:
    """What the shape is for: title, body, ftr, …; '' where it is only a shape."""
    place = child(shape, "nvSpPr", "nvPr", "ph")
    return (place.get("type") or "body") if place is not None else ""


def _text_of(paragraph: Element) -> str:
    parts = []
    for element in paragraph.iter():
        if local(element) == "t":
            parts.append(element.text or "")
        elif local(element) == "br":
            parts.append("\n")
    return "".join(parts)


def _flat(shape: Element) -> str:
    return " ".join(" ".join(_text_of(paragraph) for paragraph in _named(shape, "p")).split())
