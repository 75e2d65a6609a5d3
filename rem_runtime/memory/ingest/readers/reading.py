"""Which reader a document gets, and calling it. Everything here runs where it is called; see `process.py`."""

from __future__ import annotations

import posixpath
import re
import zipfile
from io import BytesIO

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.clean import clean_text
from rem_runtime.memory.ingest.readers import formats
from rem_runtime.memory.ingest.readers.decoding import decode, is_binary
from rem_runtime.memory.ingest.readers.draft import refuse_too_long
from rem_runtime.memory.ingest.readers.formats import Format, Origin
from rem_runtime.memory.ingest.readers.limits import MAX_FILE_BYTES
from rem_runtime.memory.ingest.structure import Reading, Structure

_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_MAIL = re.compile(
    rb"(?:From |(?:Return-Path|Received|Delivered-To|Message-ID|MIME-Version|From|Date|Subject|To): )", re.I
)
_MAIL_SURE = re.compile(rb"^(?:Received|Message-ID|MIME-Version|Date): ", re.IGNORECASE | re.MULTILINE)
_OFFICE_PARTS = {
    "word/document.xml": formats.DOCX,
    "ppt/presentation.xml": formats.PPTX,
    "xl/workbook.xml": formats.XLSX,
}


def read_text(content: str, *, uri: str, media_type: str) -> Reading:
    """A document that came as text, read as `media_type`; raises InvalidInput."""
    text = clean_text(content)
    if not text.strip():
        raise InvalidInput("the document is empty; there is nothing to remember")
    chosen = formats.of_media_type(media_type)
    if chosen is None:
        known = ", ".join(one.media_type for one in formats.FORMATS if not one.binary)
        raise InvalidInput(f"media type {media_type!r} is not read; send one of {known}")
    if chosen.binary:
        raise InvalidInput(f"{media_type} is not text; send it as a file")
    return _of_text(chosen, text, uri, 0)


def read_bytes(data: bytes, *, uri: str, media_type: str | None = None, depth: int = 0) -> Reading:
    """A file, read as its declared type, else as its extension says, else as its content looks; raises InvalidInput."""
    if not data.strip():
        raise InvalidInput("it is empty; there is nothing to remember")
    if len(data) > MAX_FILE_BYTES:
        raise InvalidInput(f"it has {len(data):,} bytes; at most {MAX_FILE_BYTES:,} are read: split it")
    chosen = choose(data, uri=uri, media_type=media_type)
    if chosen.binary:
        return _not_empty(_call(chosen, "read_bytes", data, uri, depth))
    if chosen is formats.EMAIL:
        return _not_empty(_call(chosen, "read_bytes", data, uri, depth))
    text = clean_text(decode(data, declares=chosen in {formats.HTML} or chosen.module == "code"))
    if not text.strip():
        raise InvalidInput("it is empty; there is nothing to remember")
    return _of_text(chosen, text, uri, depth)


def choose(data: bytes, *, uri: str, media_type: str | None) -> Format:
    """The format of a file; raises InvalidInput that says what is read."""
    declared = formats.of_media_type(media_type) if formats.says_something(media_type) else None
    chosen = declared or formats.of_name(uri)
    if chosen is None and not formats.is_media(media_type):
        chosen = _by_content(data)
    if chosen is None:
        extension = posixpath.splitext(formats.name_of(uri))[1]
        said = f"media type {media_type}" if formats.says_something(media_type) else extension or "this kind of file"
        raise InvalidInput(f"{said} is not read; what is read: {formats.names()}")
    return chosen


def read_stored(text: str, media_type: str) -> Structure:
    """The blocks of a text that a reader has made before, for cutting it anew."""
    chosen = formats.of_media_type(media_type) or formats.PLAIN
    # The other readers write Markdown.
    return _call(chosen if _keeps_source(chosen) else formats.MARKDOWN, "read_text", text, "", 0).structure


def has_front_matter(media_type: str) -> bool:
    """Whether a text of this type may begin with a YAML block about itself."""
    chosen = formats.of_media_type(media_type)
    return chosen is not None and chosen.module == "markup"


def _call(chosen: Format, function: str, content: str | bytes, uri: str, depth: int) -> Reading:
    try:
        reading: Reading = getattr(chosen.load(), function)(content, Origin(uri, chosen, depth))
    except RecursionError as error:
        raise InvalidInput(f"it is nested too deeply to be read as {chosen.name}") from error
    return reading


def _keeps_source(chosen: Format) -> bool:
    """Whether the text is stored as it is."""
    return chosen.module in {"markup", "code", "yaml_tree"}


def _of_text(chosen: Format, text: str, uri: str, depth: int) -> Reading:
    if _keeps_source(chosen):
        refuse_too_long(len(text))  # before it is parsed; where a reader writes the text, it counts what it writes
    return _not_empty(_call(chosen, "read_text", text, uri, depth))


def _not_empty(reading: Reading) -> Reading:
    if not reading.text.strip():
        raise InvalidInput("there is no text in it; there is nothing to remember")
    return reading


def _by_content(data: bytes) -> Format | None:
    head = data[:4096].lstrip(b"\xef\xbb\xbf")
    if data[:1024].lstrip().startswith(b"%PDF-"):
        return formats.PDF
    if data.startswith(b"PK\x03\x04"):
        return _office(data)
    if data.startswith(_OLD_OFFICE):
        raise InvalidInput(OLD_OR_ENCRYPTED)
    if _HTML.match(head):
        return formats.HTML
    if _MAIL.match(head) and _MAIL_SURE.search(head):
        return formats.EMAIL
    return None if b"\0" in data[:4096] or is_binary(data) else formats.PLAIN


OLD_OR_ENCRYPTED = (
    "it is an Office file that is encrypted, or of the format before 2007; "
    "remove the password or save it as .docx, .pptx or .xlsx"
)


def _office(data: bytes) -> Format | None:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return None
    return next((one for part, one in _OFFICE_PARTS.items() if part in members), None)
