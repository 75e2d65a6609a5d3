"""A passage of Markdown as a few words for a terminal: no front matter, no markup, not too long. Pure."""

from __future__ import annotations

import re

_FRONT_MATTER = re.compile(r"\A---\s*\n.*?\n---\s*(?:\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"^#{1,6}\s+.*$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
_EMPHASIS = re.compile(r"(\*\*|`)(?=\S)(.+?)(?<=\S)\1")


def excerpt(markdown: str, *, characters: int) -> str:
    """One line of at most that many characters, cut between words.

    Headings are left out: what stands above a passage is shown beside it. A passage of nothing else keeps them.
    """
    body = _FRONT_MATTER.sub("", markdown)
    text = _plain(_HEADING.sub("", body)) or _plain(body) or _plain(markdown)
    if len(text) <= characters:
        return text
    head, _, _ = text[: characters - 1].rpartition(" ")
    return (head or text[: characters - 2]) + " …"


def _plain(markdown: str) -> str:
    return " ".join(_EMPHASIS.sub(r"\2", _LINK.sub(r"\1", markdown)).split())
