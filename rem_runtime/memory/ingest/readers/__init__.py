"""Readers: a document's bytes or text become the text that is stored, and its structure.

`formats.py` is the registry, `reading.py` chooses and calls, `process.py` runs what is hostile in a process of its own.
A reader knows one format; none of them knows the database, the embedder or who asks.
"""

from __future__ import annotations

from rem_runtime.memory.ingest.readers.reading import has_front_matter, read_bytes, read_stored, read_text

# Raised when a reader makes another text of the same bytes, so that a file that is sent again is read again.
READERS_VERSION = 1

__all__ = ["READERS_VERSION", "has_front_matter", "read_bytes", "read_stored", "read_text"]
