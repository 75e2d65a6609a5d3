"""What can go wrong in the memory.

MemoryFault
├── DialectError        the query is not in the dialect: position, reason, hint
├── NotAvailable        understood, but not in this version
├── InvalidInput        a document, entity or cursor that cannot be stored or read
├── NotPermitted        the caller's scopes do not allow it
├── NotFound            there is no such thing, or it is somebody else's
├── SchemaError         the database is not what this runtime needs; says who creates what is missing
└── EmbedderError       the model files are missing or wrong, or belong to another model
"""

from __future__ import annotations


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


class NotPermitted(MemoryFault):
    """The caller's scopes do not allow this."""


class NotFound(MemoryFault):
    """There is no such thing, or it belongs to somebody else."""


class SchemaError(MemoryFault):
    """The database is not what this runtime needs."""


class EmbedderError(MemoryFault):
    """The embedder cannot be used."""
