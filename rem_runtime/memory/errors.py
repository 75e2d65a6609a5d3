"""What can go wrong in the memory.

MemoryFault
├── DialectError        the query is not in the dialect: position, reason, hint
├── NotAvailable        understood, but not in this version
├── InvalidInput        a document, entity or cursor that cannot be stored or read
│   └── UnreadableFile  a file that no reader can make a text of; its node says why
├── NotPermitted        the caller's scopes do not allow it
├── NotFound            there is no such thing, or it is somebody else's
├── Conflict            what was asked contradicts something else that is stored
├── PreconditionFailed  it has changed since the version that the caller named
├── Busy                too much waits already; the next try may succeed
├── SchemaError         the database is not what this runtime needs; says who creates what is missing
├── SchemaBusy          its tables cannot be changed just now; the next try may succeed
└── EmbedderError       the model files are missing or wrong, or belong to another model; a text was refused
    └── EmbedderUnavailable  the endpoint that makes vectors does not answer now, or refuses us
"""

from __future__ import annotations

from uuid import UUID


class MemoryFault(Exception):  # noqa: N818 - MemoryError is Python's
    """Something about the memory went wrong; the message says what to do."""


class DialectError(MemoryFault):
    """The query is not in the dialect.

    `position` counts characters from 0 in the query as it was sent; `hint` says what would be accepted there.
    """

    def __init__(self, reason: str, *, position: int, hint: str) -> None:
        super().__init__(f"{reason} (at character {position + 1}); {hint}")
        self.reason = reason
        self.position = position
        self.hint = hint


class NotAvailable(MemoryFault):
    """The query is understood, but this version cannot answer it."""


class InvalidInput(MemoryFault):
    """What was sent cannot be stored or read as it is."""


class UnreadableFile(InvalidInput):
    """No text can be made of the file, today or tomorrow; `file_id` is its node, which keeps the reason."""

    def __init__(self, reason: str, *, file_id: UUID) -> None:
        super().__init__(reason)
        self.file_id = file_id


class NotPermitted(MemoryFault):
    """The caller's scopes do not allow this."""


class NotFound(MemoryFault):
    """There is no such thing, or it belongs to somebody else."""


class Conflict(MemoryFault):
    """It contradicts something else that is stored."""


class PreconditionFailed(MemoryFault):
    """It has changed since; read it again, and decide anew."""


class Busy(MemoryFault):
    """Too much waits for it already; try again later."""


class SchemaError(MemoryFault):
    """The database is not what this runtime needs."""


class SchemaBusy(MemoryFault):
    """The tables cannot be changed just now; try again later."""


class EmbedderError(MemoryFault):
    """The embedder cannot be used."""


class EmbedderUnavailable(EmbedderError):  # noqa: N818 - as its siblings
    """The endpoint that makes vectors does not answer now, or refuses us; words can still be searched.

    `passes`: it may be over in a moment; else a person has to do something. `retry_after_seconds`: the endpoint's wish.
    """

    def __init__(self, reason: str, *, passes: bool = True, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.passes = passes
        self.retry_after_seconds = retry_after_seconds
