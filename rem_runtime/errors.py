"""What can stop the runtime before it serves, and the exit code that says so.

    StartError                    exit 1
    ├── SettingsError             exit 2: a variable is wrong
    ├── KeysFileError             exit 2: the file of API keys cannot be used
    ├── ListenError               exit 1: an address cannot be listened on
    ├── EmbedderMissingError      exit 1: the converted model is not there
    ├── DatabaseUnavailableError  exit 1: it did not answer before the deadline
    ├── DatabaseRefusedError      exit 1: it refused a statement of the schema, perhaps not the next time
    └── SchemaRefusedError        exit 3: the schema cannot be applied to this database, this time or the next

Errors of the memory (dialect, not found) are its own, in `memory/`; how they look over HTTP is `api/problems.py`.
"""

from __future__ import annotations

from typing import ClassVar


class StartError(Exception):
    """The process cannot start; the message says what to do."""

    exit_code: ClassVar[int] = 1


class SettingsError(StartError):
    """A setting is wrong; the message names the variable."""

    exit_code = 2


class ListenError(StartError):
    """An address cannot be listened on."""


class KeysFileError(StartError):
    """The file of API keys is missing or is not what the operator writes."""

    exit_code = 2


class EmbedderMissingError(StartError):
    """The converted model is not in its directory."""


class DatabaseUnavailableError(StartError):
    """The database did not answer before the deadline."""


class DatabaseRefusedError(StartError):
    """The database refused a statement of the schema; another try may succeed."""


class SchemaRefusedError(StartError):
    """The schema cannot be applied to this database; only a person can change that."""

    exit_code = 3
