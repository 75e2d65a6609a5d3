"""The zip around an Office file: measured before it is unpacked, its XML parsed without entities."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers.formats import Format
from rem_runtime.memory.ingest.readers.limits import MAX_ARCHIVE_MEMBERS, MAX_UNPACKED_BYTES, MAX_XML_BYTES
from rem_runtime.memory.ingest.readers.reading import OLD_OR_ENCRYPTED

_OLD_OFFICE = b"\xd0\xcf\x11\xe0"


class Archive:
    """An open Office file. `xml` and `text` raise InvalidInput for what is broken or too large."""

    def __init__(self, archive: zipfile.ZipFile, chosen: Format) -> None:
        self._archive = archive
        self._format = chosen
        self.names = frozenset(archive.namelist())

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def xml(self, name: str) -> Element | None:
        """A part as a tree, None where it is not there; a document type or an entity in it is refused."""
        if name not in self.names:
            return None
        try:
            tree: Element = fromstring(self._read(name), forbid_dtd=True)
        except DefusedXmlException as error:
            raise InvalidInput(f"{name} in it declares entities, which no {self._format.name} file does") from error
        except (ParseError, ValueError, LookupError) as error:
            raise InvalidInput(f"it is broken as a {self._format.name} file: {name}: {error}") from error
        return tree

    def _read(self, name: str) -> bytes:
        try:
            # A part may lie about its size: what is read is counted, not what is declared.
            with self._archive.open(name) as part:
                content = part.read(MAX_XML_BYTES + 1)
        except (
            zipfile.BadZipFile,
            EOFError,
            OSError,
            RuntimeError,
            NotImplementedError,
            ValueError,
            zlib.error,
        ) as error:
            raise InvalidInput(f"it is broken as a {self._format.name} file: {name}: {error}") from error
        if len(content) > MAX_XML_BYTES:
            raise InvalidInput(f"{name} in it is larger than {MAX_XML_BYTES:,} bytes; split the document")
        return content


def open_archive(data: bytes, chosen: Format) -> Archive:
    """The archive, if what it would unpack to is within the limits; raises InvalidInput."""
    if data.startswith(_OLD_OFFICE):
        raise InvalidInput(OLD_OR_ENCRYPTED)
    try:
        archive = zipfile.ZipFile(BytesIO(data))
        members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeDecodeError) as error:
        raise InvalidInput(f"it is broken, or no {chosen.name} file at all: {error}") from error
    unpacked = sum(member.file_size for member in members)
    if len(members) > MAX_ARCHIVE_MEMBERS or unpacked > MAX_UNPACKED_BYTES:
        archive.close()
        raise InvalidInput(
            f"it would unpack to {unpacked:,} bytes in {len(members):,} files; at most {MAX_UNPACKED_BYTES:,} bytes in "
            f"{MAX_ARCHIVE_MEMBERS:,} files are read"
        )
    if any(member.flag_bits & 0x1 for member in members):
        archive.close()
        raise InvalidInput("it is encrypted; remove its password first")
    return Archive(archive, chosen)
