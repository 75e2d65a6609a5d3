"""What a message is searched by: its text as plain text, under the name of who said it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rem_runtime.memory.ingest.chunks import Chunk, Window, cut_chunks
from rem_runtime.memory.ingest.markdown import read_plain


def speaker_of(role: str, metadata: Mapping[str, Any]) -> str:
    """Who said it: `metadata.speaker`, else the role."""
    speaker = metadata.get("speaker")
    named = " ".join(speaker.split()) if isinstance(speaker, str) else ""
    return named or role


def chunks_of_message(content: str, *, speaker: str, window: Window) -> list[Chunk]:
    """The chunks of one message; none where it says nothing."""
    if not content.strip():
        return []
    return cut_chunks(content, read_plain(content, 0).blocks, label=speaker, window=window)
