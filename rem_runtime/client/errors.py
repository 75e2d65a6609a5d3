"""What can go wrong for `rem`, and the exit code that says so.

ClientError                  exit 1
├── UsageError               exit 2: the command or a REM_ variable is wrong
├── UnreachableError         exit 3: nobody answers at REM_URL
├── NotAllowedError          exit 4: 401 or 403
└── RefusedError             exit 1: the server answered with another problem
    └── InvalidQueryError    exit 2: the query is not in the dialect
"""

from __future__ import annotations

from typing import ClassVar


class ClientError(Exception):
    """Something that `rem` reports in one message, without a stack."""

    exit_code: ClassVar[int] = 1


class UsageError(ClientError):
    """The command or a variable is wrong."""

    exit_code = 2


class UnreachableError(ClientError):
    """Nobody answers at REM_URL."""

    exit_code = 3


class NotAllowedError(ClientError):
    """The server knows no such key, or the key may not do this."""

    exit_code = 4


class RefusedError(ClientError):
    """The server answered with a problem."""


class InvalidQueryError(RefusedError):
    """The query is not in the dialect."""

    exit_code = 2

    def __init__(self, detail: str, *, query: str, position: int | None, hint: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.query = query
        self.position = position
        self.hint = hint
