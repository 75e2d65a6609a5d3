"""Files of every binary format, made by other libraries than those that read them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any
from xml.sax.saxutils import escape

import docx
import openpyxl
import pptx
from docx.document import Document as WordDocument
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate

WRITTEN = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)


def make_docx(*, title: str = "", author: str = "", headings: Sequence[tuple[str, Sequence[str]]] = ()) -> bytes:
    """Sections of a heading and its paragraphs."""
    document = docx.Document()
    properties = document.core_properties
    properties.title, properties.author, properties.comments = title, author, ""
    properties.created = properties.modified = WRITTEN.replace(tzinfo=None)
    for heading, paragraphs in headings:
        if heading:
            document.add_heading(heading, 1)
        for paragraph in paragraphs:
            document.add_paragraph(paragraph)
    return saved_docx(document)


def saved_docx(document: WordDocument) -> bytes:
    """The bytes of a document that a test has built further."""
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def make_pptx(slides: Iterable[tuple[str, Sequence[str], str]]) -> bytes:
    """Slides of a title, bullet points and notes."""
    presentation = pptx.Presentation()
    presentation.core_properties.modified = WRITTEN.replace(tzinfo=None)
    for title, points, notes in slides:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = "\n".join(points)
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    file = io.BytesIO()
    presentation.save(file)
    return file.getvalue()


def make_xlsx(sheets: dict[str, Sequence[Sequence[Any]]]) -> bytes:
    """Sheets of rows."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def make_pdf(pages: Sequence[Sequence[str]], *, title: str = "", author: str = "", outline: bool = False) -> bytes:
    """Pages of paragraphs; with an outline, each page's first paragraph is a bookmark."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4)
    canvas.setTitle(title)
    canvas.setAuthor(author)
    style = getSampleStyleSheet()["BodyText"]
    for number, paragraphs in enumerate(pages):
        if outline and paragraphs:
            canvas.bookmarkPage(f"page{number}")
            canvas.addOutlineEntry(paragraphs[0], f"page{number}", 0)
        top = 800.0
        for text in paragraphs:
            drawn = Paragraph(escape(text), style)
            _, height = drawn.wrap(450, 700)
            drawn.drawOn(canvas, 70, top - height)
            top -= height + 12
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def make_long_pdf(paragraphs: Iterable[str], **properties: str) -> bytes:
    """As many pages as the paragraphs need."""
    file = io.BytesIO()
    style = getSampleStyleSheet()["BodyText"]
    SimpleDocTemplate(file, **properties).build([Paragraph(escape(text), style) for text in paragraphs])
    return file.getvalue()


def make_mail(body: str = "Hello.", *, html: str | None = None, **headers: str) -> EmailMessage:
    """A message from Ann to Bob; a test may attach to it."""
    message = EmailMessage()
    given = {
        "From": "Ann Lee <ann@acme.example>",
        "To": "Bob Roe <bob@acme.example>",
        "Subject": "A subject",
        "Date": "Wed, 04 Mar 2026 10:30:00 +0000",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    for name, value in given.items():
        message[name] = value
    message.set_content(body)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def make_zip(members: dict[str, bytes]) -> bytes:
    """A zip of these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
