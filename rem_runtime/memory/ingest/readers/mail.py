"""E-mail: headers, the body, and what is attached; the standard library parses."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import getaddresses, parsedate_to_datetime

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers import formats
from rem_runtime.memory.ingest.readers.decoding import decode
from rem_runtime.memory.ingest.readers.draft import Draft
from rem_runtime.memory.ingest.readers.formats import Origin
from rem_runtime.memory.ingest.readers.limits import MAX_MAIL_NESTING, MAX_MAIL_PARTS
from rem_runtime.memory.ingest.readers.reading import read_bytes as read_any
from rem_runtime.memory.ingest.readers.reading import read_text as read_any_text
from rem_runtime.memory.ingest.structure import Reading, Tie

_PEOPLE = (("From", "from"), ("To", "to"), ("Cc", "cc"), ("Bcc", "bcc"), ("Reply-To", "reply_to"))
_SHOWN = ("From", "To", "Cc", "Bcc", "Date", "Subject")
_OTHERS = (("List-Id", "list"), ("Organization", "organization"))
_MAX_HEADER = 10_000
_BODIES = frozenset({"text/plain", "text/html"})


def read_bytes(data: bytes, origin: Origin) -> Reading:
    """A message as it went over the wire."""
    return _read(email.message_from_bytes(data, policy=email.policy.default), origin)


def read_text(text: str, origin: Origin) -> Reading:
    """A message that came as text."""
    return _read(email.message_from_string(text, policy=email.policy.default), origin)


def _read(message: EmailMessage, origin: Origin) -> Reading:
    if not any(name in message for name in ("From", "To", "Subject", "Date", "Received", "Message-ID")):
        raise InvalidInput("it is broken as an e-mail: it has no headers")
    draft = Draft()
    _write_headers(message, draft)
    parts = list(_parts(message))
    bodies = [part for part in parts if _is_body(part)]
    for part in bodies:
        _write_part(part, draft, origin)
    for part in parts:
        if part not in bodies:
            _write_attachment(part, draft, origin)
    return draft.reading(origin.format.media_type)


def _write_headers(message: EmailMessage, draft: Draft) -> None:
    subject = _header(message, "Subject")
    draft.title = subject or None
    for line in (f"{name}: {_header(message, name)}" for name in _SHOWN if _header(message, name)):
        draft.line(line)
    draft.end()
    for name, relation in _PEOPLE:
        people = _people(message, name)
        draft.say({relation: [str(one) for one in people]})
        draft.ties += [Tie(relation, one.display_name or one.addr_spec, {"address": one.addr_spec}) for one in people]
    identity = _identity(_header(message, "Message-ID"))
    answered = _identity(_header(message, "In-Reply-To"))
    others = {key: _header(message, name) for name, key in _OTHERS}
    draft.say({"message_id": identity, "in_reply_to": answered, **others})
    if identity:
        draft.aliases = (identity,)
    if answered:
        draft.ties.append(Tie("replies_to", answered))
    draft.timestamp = _date(_header(message, "Date"))


def _header(message: EmailMessage, name: str) -> str:
    try:
        value = str(message.get(name, ""))
    except (MessageError, ValueError, IndexError, AttributeError, TypeError):
        # The parser of structured headers gives up on some that are broken: then as they were written.
        value = next((str(raw) for key, raw in message.raw_items() if key.lower() == name.lower()), "")
    return " ".join(value.split())[:_MAX_HEADER]


def _people(message: EmailMessage, name: str) -> list[Address]:
    found = []
    for shown, address in getaddresses([_header(message, name)]):
        if "@" in address and not any(mark in address for mark in "\r\n"):
            try:
                found.append(Address(shown, addr_spec=address))
            except (MessageError, ValueError, IndexError):
                continue
    return found


def _identity(header: str) -> str:
    return header.split(maxsplit=1)[0].strip("<>") if header.split() else ""


def _date(header: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    """The leaves; of alternatives the plainest that says something."""
    todo: list[tuple[EmailMessage, int]] = [(message, 0)]
    count = 0
    while todo:
        part, depth = todo.pop()
        count += 1
        if count > MAX_MAIL_PARTS or depth > MAX_MAIL_PARTS:
            raise InvalidInput(f"it has more than {MAX_MAIL_PARTS} parts")
        if not part.is_multipart() or part.get_content_type() == "message/rfc822":
            yield part
            continue
        inside = [one for one in part.get_payload() if isinstance(one, EmailMessage)]
        if part.get_content_type() == "multipart/alternative":
            inside = _plainest(inside)
        todo.extend((one, depth + 1) for one in reversed(inside))


def _plainest(alternatives: list[EmailMessage]) -> list[EmailMessage]:
    """The plain text if it is more than a remark that there is HTML, else the last, which says most."""
    plain = [one for one in alternatives if one.get_content_type() == "text/plain" and _text_of(one).strip()]
    return plain[:1] or alternatives[-1:]


def _is_body(part: EmailMessage) -> bool:
    return (
        part.get_content_type() in _BODIES
        and not part.get_filename()
        and part.get_content_disposition() != "attachment"
    )


def _text_of(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    charset = part.get_content_charset()
    if charset:
        try:
            return payload.decode(charset, "replace")
        except (LookupError, ValueError):
            pass
    return decode(payload) if payload.strip() else ""


def _write_part(part: EmailMessage, draft: Draft, origin: Origin) -> None:
    text = _text_of(part)
    if not text.strip():
        return
    if part.get_content_type() == "text/html":
        draft.include(read_any_text(text, uri=origin.uri, media_type="text/html"))
    else:
        for paragraph in text.replace("\r\n", "\n").split("\n\n"):
            draft.paragraph(paragraph)


def _write_attachment(part: EmailMessage, draft: Draft, origin: Origin) -> None:
    """A section of its own: its text where it can be read, else its name alone."""
    name = _name_of(part)
    if part.get_content_disposition() == "inline" and part.get_content_maintype() == "image":
        return
    draft.heading(1, f"Attachment: {name}")
    try:
        draft.include(_read_attachment(part, name, origin))
    except InvalidInput as error:
        draft.paragraph(f"({part.get_content_type()}, not read)")
        draft.notes.append(f"attachment {name}: {error}")
    draft.metadata.setdefault("attachments", []).append(name)


def _read_attachment(part: EmailMessage, name: str, origin: Origin) -> Reading:
    if origin.depth >= MAX_MAIL_NESTING:
        raise InvalidInput(f"it is more than {MAX_MAIL_NESTING} e-mails deep")
    forwarded = _forwarded(part)
    if forwarded is not None:
        return _read(forwarded, Origin(name, formats.EMAIL, origin.depth + 1))
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes) or not payload.strip():
        raise InvalidInput("it is empty")
    declared = part.get_content_type()
    # A program that knows no better says text/plain of every attachment; its name knows.
    known = formats.of_name(name)
    return read_any(payload, uri=name, media_type=known.media_type if known else declared, depth=origin.depth + 1)


def _name_of(part: EmailMessage) -> str:
    name = " ".join((part.get_filename() or "").split())
    if name:
        return name
    forwarded = _forwarded(part)
    return _header(forwarded, "Subject") or "e-mail" if forwarded is not None else part.get_content_type()


def _forwarded(part: EmailMessage) -> EmailMessage | None:
    """The e-mail that is attached whole."""
    inner = part.get_payload() if part.get_content_type() == "message/rfc822" else None
    first = inner[0] if isinstance(inner, list) and inner else None
    return first if isinstance(first, EmailMessage) else None
