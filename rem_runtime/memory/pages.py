"""Lists in pages: the page, and the cursor that names the place after it."""

from __future__ import annotations

import base64
import binascii
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from rem_runtime.memory.errors import InvalidInput

Item = TypeVar("Item")
MAX_PAGE = 200


class Page(BaseModel, Generic[Item]):
    """Some items, and the cursor for the next page; null on the last."""

    model_config = ConfigDict(frozen=True)

    items: tuple[Item, ...]
    next_cursor: str | None = None


def encode_cursor(last: UUID) -> str:
    """The opaque name of the place after `last`."""
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def decode_cursor(cursor: str) -> UUID:
    """The id that a cursor stands for; raises InvalidInput for anything that we did not hand out."""
    try:
        last = UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error):
        last = None
    # The decoder skips what is not of its alphabet, so many texts decode to one id; we have handed out one.
    if last is None or encode_cursor(last) != cursor:
        raise InvalidInput("this cursor is not one that was handed out; start again without it")
    return last


def page_size(limit: int) -> int:
    """`limit`, if a page may be that large."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput(f"limit must be between 1 and {MAX_PAGE}")
    return limit
