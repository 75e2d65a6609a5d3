"""Markdown and plain text: stored as they are."""

from __future__ import annotations

from rem_runtime.memory.ingest.frontmatter import split_front_matter
from rem_runtime.memory.ingest.markdown import read_markdown, read_plain
from rem_runtime.memory.ingest.readers.formats import MARKDOWN, Origin
from rem_runtime.memory.ingest.structure import Reading


def read_text(text: str, origin: Origin) -> Reading:
    """The text with its blocks; what front matter says is the same for both (`prepared.py`)."""
    _, start = split_front_matter(text)
    cut = read_markdown if origin.format is MARKDOWN else read_plain
    return Reading(text, cut(text, start), origin.format.media_type)
