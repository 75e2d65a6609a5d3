"""Which files under a directory are documents, and what they are called. Reads the disk, knows no HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rem_runtime.client.errors import UsageError

MEDIA_TYPES = {".md": "text/markdown", ".markdown": "text/markdown", ".txt": "text/plain"}
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class UnreadableError(Exception):
    """A file that is not a document after all; the message says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file; `uri` is its path below the directory, with slashes on every system."""

    path: Path
    uri: str
    media_type: str

    def read(self) -> str:
        """Its text; raises UnreadableError."""
        try:
            return _text_of(self.path.read_bytes())
        except OSError as error:
            raise UnreadableError(f"it cannot be read: {error.strerror or error}") from error


def find_documents(directory: Path) -> list[Document]:
    """Every .md, .markdown and .txt below `directory` in a stable order; hidden files and folders are left out."""
    if not directory.exists():
        raise UsageError(f"there is no directory {directory}")
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory; give the folder that holds the documents")
    return sorted(_walk(directory), key=lambda document: document.uri)


def _text_of(content: bytes) -> str:
    if content.startswith(_UTF16_MARKS):
        raise UnreadableError("it is UTF-16; convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)")
    if b"\0" in content:
        raise UnreadableError("it is binary, not text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is not UTF-8 (byte {error.start}); convert it first") from error
    if not text.strip():
        raise UnreadableError("it is empty")
    return text


def _refuse(error: OSError) -> None:
    raise UsageError(f"{error.filename} cannot be read: {error.strerror}; nothing was sent") from error


def _walk(directory: Path) -> Iterator[Document]:
    for folder, subfolders, names in os.walk(directory, onerror=_refuse):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            media_type = MEDIA_TYPES.get(path.suffix.lower())
            # A link may point out of the directory, at something that nobody meant to hand over.
            if media_type and not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield Document(path=path, uri=path.relative_to(directory).as_posix(), media_type=media_type)
