"""What the three Office formats share: relations between parts, and the document's properties."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from rem_runtime.memory.ingest.readers.archive import Archive
from rem_runtime.memory.ingest.readers.draft import Draft
from rem_runtime.memory.ingest.readers.times import read_time

_PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_TERMS = "{http://purl.org/dc/terms/}"
_CORE = "{http://schemas.openxmlformats.org/package/2006/metadata/core-properties}"

# Libraries write themselves where the author stands.
_PROGRAMS = frozenset({"openpyxl", "python-docx", "pandoc", "apache poi", "unknown", "microsoft office user"})


@dataclass(frozen=True, slots=True)
class Relation:
    """What a part points at: another part by its name, or an address outside."""

    kind: str
    """The last word of its type: hyperlink, slide, footnotes, …"""
    target: str
    outside: bool


def relations(archive: Archive, part: str) -> dict[str, Relation]:
    """What a part points at, by id."""
    folder, name = posixpath.split(part)
    tree = archive.xml(f"{folder}/_rels/{name}.rels")
    found = {}
    for item in tree.iter(_PACKAGE + "Relationship") if tree is not None else ():
        outside = item.get("TargetMode") == "External"
        target = item.get("Target", "")
        found[item.get("Id", "")] = Relation(
            kind=posixpath.basename(item.get("Type", "")),
            target=target if outside else posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/"),
            outside=outside,
        )
    return found


def say_properties(archive: Archive, draft: Draft) -> None:
    """Title, author, keywords and time, as docProps/core.xml has them."""
    core = archive.xml("docProps/core.xml")
    if core is None:
        return
    draft.title = _text(core, _DC + "title") or None
    # When it was last saved: a document made from a template says that it was created with the template.
    times = (read_time(_text(core, _TERMS + name)) for name in ("modified", "created"))
    draft.timestamp = next((moment for moment in times if moment), None)
    draft.tags = tuple(word.strip() for word in _keywords(core) if word.strip())
    author, description = _text(core, _DC + "creator"), _text(core, _DC + "description")
    facts = {
        "subject": _text(core, _DC + "subject"),
        "description": description if not description.lower().startswith("generated ") else None,
        "category": _text(core, _CORE + "category"),
    }
    draft.say(facts, author=author if author.lower() not in _PROGRAMS else None)


def local(element: Element) -> str:
    """An element's name without its namespace: the strict and the transitional format differ in that alone."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element, name: str) -> str | None:
    """The attribute of that name in any namespace."""
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def children(element: Element, *names: str) -> Iterator[Element]:
    """The children of those names."""
    return (child for child in element if local(child) in names)


def child(element: Element | None, *path: str) -> Element | None:
    """The first child of the first child … of those names."""
    for name in path:
        if element is None:
            return None
        element = next(children(element, name), None)
    return element


def _text(core: Element, tag: str) -> str:
    found = core.find(tag)
    return " ".join((found.text or "").split()) if found is not None else ""


def _keywords(core: Element) -> list[str]:
    return _text(core, _CORE + "keywords").replace(";", ",").split(",")
