"""From text to the tree of PostgreSQL's own parser (libpg_query), and from its byte positions to characters.

Nothing is decided here except that there is one statement, and that it can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from postgast import PgQueryError, parse

from rem_runtime.memory.errors import DialectError
from rem_runtime.memory.sql.allowed import MOST_CHARACTERS

# A message of the parser's tree. They are made at run time, and are read by their descriptors.
Message = Any


@dataclass(frozen=True, slots=True)
class Source:
    """A statement as it was written; positions are reported in characters of it."""

    text: str

    def fault(self, reason: str, hint: str, *, node: Message = None, byte: int | None = None) -> DialectError:
        """The refusal, at a node's place or at a byte."""
        at = byte if byte is not None else max(getattr(node, "location", 0), 0)
        position = len(self.text.encode(errors="replace")[:at].decode(errors="ignore"))
        return DialectError(reason, position=position, hint=hint)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its tree, and its text without what stands around it."""

    source: Source
    tree: Message
    body: str
    start: int
    """Where the body begins, in characters of the source."""


def parse_statement(text: str) -> Statement:
    """The one statement of a text; raises DialectError."""
    source = Source(text)
    if len(text) > MOST_CHARACTERS:
        reason = f"the statement is longer than {MOST_CHARACTERS} characters"
        raise source.fault(reason, "ask in several statements")
    if "\x00" in text:
        # The parser reads a C string: what comes after would never be looked at.
        raise source.fault(
            "a statement cannot contain U+0000", "leave it out", byte=len(text[: text.index("\x00")].encode())
        )
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise DialectError("half a surrogate pair", position=error.start, hint="send UTF-8") from error
    statements = _parse(source).stmts
    if not statements:
        raise source.fault("there is no statement", "write SQL SELECT …")
    if len(statements) > 1:
        second = statements[1]
        raise source.fault(
            "one statement at a time", "send each by itself", byte=_begin(source.text, second.stmt_location)
        )
    first = statements[0]
    end = first.stmt_location + first.stmt_len if first.stmt_len else len(raw)
    body = raw[first.stmt_location : end].decode()
    return Statement(source, content(first.stmt), body, len(raw[: first.stmt_location].decode()))


def _begin(text: str, byte: int) -> int:
    """Where a statement's first word is: its location is the end of the one before."""
    rest = text.encode()[byte:]
    return byte + len(rest) - len(rest.lstrip())


def _parse(source: Source) -> Message:
    try:
        return parse(source.text)
    except PgQueryError as error:
        raise source.fault(
            error.message, "see docs/sql-mode.md for what can be asked", byte=max(error.cursorpos - 1, 0)
        ) from error
    except DecodeError as error:
        # Its depth is limited when it is read, before anything of ours recurses over it.
        raise source.fault(
            "the statement is nested too deeply", "at most about 40 operators or 20 subselects, one in another"
        ) from error


def content(node: Message) -> Message:
    """What a Node holds; None for an empty one (as DISTINCT has it)."""
    kind = node.WhichOneof("node")
    return getattr(node, kind) if kind else None


def kind_of(message: Message) -> str:
    """The name of a message: `SelectStmt`."""
    return str(message.DESCRIPTOR.name)


def children(message: Message) -> Iterator[tuple[str, Message]]:
    """The messages right under a message, with the field that they stand in; Nodes are opened."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for one in value if field.is_repeated else (value,):
            inner = content(one) if field.message_type.name == "Node" else one
            if inner is not None:
                yield field.name, inner


def strings(nodes: Message) -> list[str]:
    """The texts of a list of Strings; anything else in it is ''."""
    return [node.string.sval if node.WhichOneof("node") == "string" else "" for node in nodes]


def word(message: Message, field: str) -> str:
    """The name of an enum's value."""
    value = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[getattr(message, field)]
    return str(value.name)
