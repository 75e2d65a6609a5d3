"""Writing: documents become nodes, names, edges, chunks, postings and vectors, in one transaction each."""

from rem_runtime.memory.ingest.document import Document
from rem_runtime.memory.ingest.entity import EntityInput
from rem_runtime.memory.ingest.file import FileInput, FileResult

__all__ = ["Document", "EntityInput", "FileInput", "FileResult"]
