"""What goes over the pipe between us and the reader process: two lengths, a head in JSON, a body in bytes.

JSON, not pickle: what comes back is data, whatever became of the process that made it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import datetime
from typing import IO, Any

from rem_runtime.memory.ingest.structure import Block, Reading, Structure, Tie

_LENGTHS = struct.Struct("!QQ")


def send(pipe: IO[bytes], head: bytes, body: bytes = b"") -> None:
    """One frame."""
    pipe.write(_LENGTHS.pack(len(head), len(body)))
    pipe.write(head)
    pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[bytes, bytes] | None:
    """The next frame; None where the other side is gone."""
    lengths = pipe.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    sizes = _LENGTHS.unpack(lengths)
    head, body = pipe.read(sizes[0]), pipe.read(sizes[1])
    return (head, body) if (len(head), len(body)) == sizes else None


def fields_of(reading: Reading) -> dict[str, Any]:
    """A reading as JSON has it."""
    found = reading.structure
    return {
        "text": reading.text,
        "media_type": reading.media_type,
        "notes": reading.notes,
        "blocks": [[block.start, block.end, block.headings, block.is_heading, block.begins] for block in found.blocks],
        "title": found.title,
        "links": found.links,
        "names": found.names,
        "ties": [[tie.relation, tie.label, tie.properties] for tie in found.ties],
        "aliases": found.aliases,
        "timestamp": found.timestamp.isoformat() if found.timestamp else None,
        "metadata": found.metadata,
        "tags": found.tags,
    }


def reading_of(fields: Mapping[str, Any]) -> Reading:
    """The reading of such fields."""
    timestamp = fields["timestamp"]
    structure = Structure(
        blocks=tuple(Block(start, end, tuple(path), *marks) for start, end, path, *marks in fields["blocks"]),
        title=fields["title"],
        links=tuple(fields["links"]),
        names=tuple(fields["names"]),
        ties=tuple(Tie(*tie) for tie in fields["ties"]),
        aliases=tuple(fields["aliases"]),
        timestamp=datetime.fromisoformat(timestamp) if timestamp else None,
        metadata=fields["metadata"],
        tags=tuple(fields["tags"]),
    )
    return Reading(fields["text"], structure, fields["media_type"], tuple(fields["notes"]))
