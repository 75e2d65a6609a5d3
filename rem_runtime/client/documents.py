"""Which files under the given paths are sent, and what they are called. Reads the disk, knows no HTTP."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rem_runtime.client.errors import UsageError
from rem_runtime.memory.ingest.readers.formats import EXTENSIONS
from rem_runtime.memory.ingest.readers.limits import MAX_FILE_BYTES

# What tools put beside a source, thousands of files of it.
_NOT_WALKED = frozenset({"node_modules", "__pycache__"})


class UnreadableError(Exception):
    """A file that is not sent after all; the message says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file; `uri` is its path below the directory that was given, with slashes on every system."""

    path: Path
    uri: str
    size_bytes: int

    def read(self) -> bytes:
        """The file; raises UnreadableError."""
        if self.size_bytes > MAX_FILE_BYTES:
            raise UnreadableError(
                f"it has {self.size_bytes / 1e6:,.0f} MB; at most {MAX_FILE_BYTES / 1e6:,.0f} are read: split it"
            )
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise UnreadableError(f"it cannot be read: {error.strerror or error}") from error
        if not content.strip():
            raise UnreadableError("it is empty")
        return content


@dataclass(slots=True)
class Found:
    """What is to be sent, and what is not."""

    documents: list[Document] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    """How many files of each extension are of no format that is read."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Folders that cannot be read, and why."""


def find_documents(paths: Sequence[Path]) -> Found:
    """Every file of a known format below the directories, and every file that was named itself, in a stable order.

    Hidden files and folders and links are left out. Raises UsageError for a path that is not there, and where two files
    would get the same uri.
    """
    found = Found()
    for path in paths:
        if path.is_dir():
            found.documents += sorted(_walk(path, found), key=lambda document: document.uri)
        elif path.is_file():
            found.documents.append(_document(path, path.name))
        else:
            raise UsageError(f"there is no file or directory {path}")
    _refuse_doubles(found.documents)
    return found


def _refuse_doubles(documents: list[Document]) -> None:
    by_uri: dict[str, Path] = {}
    for document in documents:
        other = by_uri.setdefault(document.uri, document.path)
        if other is not document.path:
            raise UsageError(
                f"{other} and {document.path} would both be stored as {document.uri}; store the directory above them"
            )


def _walk(directory: Path, found: Found) -> Iterator[Document]:
    def note(error: OSError) -> None:
        folder = Path(str(error.filename)).relative_to(directory).as_posix()
        found.failed.append((f"{folder}/", f"the folder cannot be read: {error.strerror}"))

    for folder, subfolders, names in os.walk(directory, onerror=note):
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and name not in _NOT_WALKED]
        for name in names:
            path = Path(folder, name)
            # A link may point out of the directory, at something that nobody meant to hand over.
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            extension = path.suffix.lower()
            if extension in EXTENSIONS:
                yield _document(path, path.relative_to(directory).as_posix())
            else:
                found.left_out[extension or "no extension"] += 1


def _document(path: Path, uri: str) -> Document:
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # reading it will say what is wrong
    return Document(path, uri, size)
