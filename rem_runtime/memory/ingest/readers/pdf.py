"""PDF: the text of each page, under the outline's headings. pypdfium2 (PDFium) parses; pictures are not read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pypdfium2 as pdfium

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers.draft import Draft
from rem_runtime.memory.ingest.readers.formats import Origin
from rem_runtime.memory.ingest.readers.limits import MAX_PDF_PAGES
from rem_runtime.memory.ingest.readers.times import read_pdf_time
from rem_runtime.memory.ingest.structure import Reading

_LINE_END = re.compile(r"\r\n?|\n")
# What a program writes where nobody said anything.
_SAYS_NOTHING = re.compile(
    r"\(?(?:unspecified|anonymous|untitled|unknown|none)\)?|microsoft (?:word|powerpoint|excel) - .*|.*\.\w{2,4}", re.I
)
_MAX_OUTLINE = 5_000
_FEW_CHARACTERS = 500
# A line that is shorter than this part of the page's longest ends a paragraph, a list's entry or a table's row.
_FULL_LINE = 0.8
_SHORTEST_FULL_LINE = 30  # characters; a page of short lines alone is a title page, a list, a table
_HYPHEN = "\ufffe"  # PDFium's mark for a hyphen at the end of a line
_ENDS = (".", "!", "?", ":", ";", "…", "”", '"', ")")
_ERRORS = {4: "it is encrypted; remove its password first", 5: "it is encrypted in a way that is not read"}


def read_bytes(data: bytes, origin: Origin) -> Reading:
    """Every page's text; raises InvalidInput for what is broken, encrypted, or has pictures of pages only."""
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        code = getattr(error, "err_code", None)
        raise InvalidInput(_ERRORS.get(code or 0, f"it is broken as a PDF: {error}")) from error
    try:
        return _read(document, origin)
    except pdfium.PdfiumError as error:
        raise InvalidInput(f"it is broken as a PDF: {error}") from error
    finally:
        document.close()


def _read(document: Any, origin: Origin) -> Reading:
    pages = len(document)
    if pages > MAX_PDF_PAGES:
        raise InvalidInput(f"it has {pages:,} pages; at most {MAX_PDF_PAGES:,} are read: split it")
    draft = Draft()
    _say_properties(document, draft)
    outline = _outline(document)
    without_text = 0
    for number in range(pages):
        for level, title in outline.get(number, ()):
            draft.heading(level, title, shown=False)
        text = _page_text(document, number)
        without_text += not text.strip()
        draft.heading(100, f"page {number + 1}", shown=False)
        for paragraph in _paragraphs(text):
            draft.paragraph(paragraph)
    if draft.is_empty:
        raise InvalidInput("there is no text in it: its pages are pictures, and text in pictures is not read")
    if without_text:
        draft.notes.append(f"{without_text} of {pages} pages have no text; text in pictures is not read")
    draft.metadata["pages"] = pages
    return draft.reading(origin.format.media_type)


def _page_text(document: Any, number: int) -> str:
    page = document[number]
    try:
        part = page.get_textpage()
        try:
            count = part.count_chars()
            return _stacked_text(part, count) if count <= _FEW_CHARACTERS else str(part.get_text_bounded())
        finally:
            part.close()
    finally:
        page.close()


def _stacked_text(part: Any, count: int) -> str:
    """The text of a page that says little. PDFium takes single characters below each other for one vertical line."""
    parts: list[str] = []
    last: tuple[float, float] | None = None
    for index in range(count):
        letter = str(part.get_text_range(index, 1))
        place = None
        if letter.strip():
            _, bottom, _, top = part.get_charbox(index, loose=True)
            place = (bottom, top)
            if last is not None and (top < last[0] or bottom > last[1]):
                parts.append("\n")
        parts.append(letter)
        last = place
    return "".join(parts)


def _paragraphs(text: str) -> Iterator[str]:
    """Lines that run on are joined, words that were parted by a hyphen too."""
    lines = _LINE_END.split(text)
    full = max(_FULL_LINE * max(map(len, lines)), _SHORTEST_FULL_LINE)
    run = ""
    for line in lines:
        words = line.strip()
        run = run[:-1] + words if run.endswith(_HYPHEN) else f"{run} {words}" if run else words
        if len(line) < full or words.endswith(_ENDS):
            yield run.replace(_HYPHEN, "-") if not run.endswith(_HYPHEN) else run
            run = ""
    yield run.replace(_HYPHEN, "-")


def _outline(document: Any) -> dict[int, list[tuple[int, str]]]:
    """The bookmarks by page."""
    found: dict[int, list[tuple[int, str]]] = {}
    for count, bookmark in enumerate(document.get_toc(max_depth=6)):
        if count >= _MAX_OUTLINE:
            break
        target = bookmark.get_dest()
        page = target.get_index() if target is not None else None
        title = bookmark.get_title().strip()
        if page is not None and title:
            found.setdefault(page, []).append((bookmark.level + 1, title))
    return found


def _say_properties(document: Any, draft: Draft) -> None:
    said = {
        name: words
        for name, value in document.get_metadata_dict(skip_empty=True).items()
        if (words := " ".join(value.split())) and not _SAYS_NOTHING.fullmatch(words)
    }
    draft.title = said.get("Title")
    dates = document.get_metadata_dict(skip_empty=True)
    draft.timestamp = read_pdf_time(dates.get("CreationDate", "")) or read_pdf_time(dates.get("ModDate", ""))
    draft.tags = tuple(word.strip() for word in said.get("Keywords", "").replace(";", ",").split(",") if word.strip())
    draft.say({"subject": said.get("Subject")}, author=said.get("Author"))
