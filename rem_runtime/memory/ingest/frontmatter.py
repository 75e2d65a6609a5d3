"""The YAML block at the start of a document, and what its fields mean. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

import yaml

from rem_runtime.memory.ingest.clean import clean_json
from rem_runtime.memory.keys import normalise_name
from rem_runtime.memory.models.json import is_shallow

_BLOCK = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_MAX_CHARACTERS = 32_768
_ALIASES = {"alias", "aliases"}
_TAGS = {"tag", "tags"}
_TIMES = ("timestamp", "date", "created", "created_at")
_ITEM_NAMES = ("label", "name", "title")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What the block says. `lists` become edges of the key's name; `other` is kept as metadata."""

    title: str | None = None
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    timestamp: datetime | None = None
    """In the zone that it was written in; without one it is UTC."""
    dated_by: str = ""
    """The field that says it."""
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    other: Mapping[str, Any] = field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    """Without aliases: a kilobyte of them expands to gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def split_front_matter(text: str) -> tuple[FrontMatter, int]:
    """The front matter and the character where the text after it begins; what is not YAML, or too deep, is text."""
    match = _BLOCK.match(text)
    if match is None or len(match[1]) > _MAX_CHARACTERS:
        return FrontMatter(), 0
    try:
        loaded = clean_json(yaml.load(match[1], Loader=_Loader))  # noqa: S506 - a SafeLoader
        front = _interpret(loaded) if isinstance(loaded, dict) and is_shallow(loaded) else None
    except Exception:  # noqa: BLE001 - PyYAML raises anything at a value that is not of its tag's type
        front = None
    return (front, match.end()) if front else (FrontMatter(), 0)


def _interpret(fields: dict[str, Any]) -> FrontMatter:
    named = {normalise_name(key): value for key, value in fields.items()}
    title = named.pop("title", None)
    aliases = tuple(text for key in _ALIASES for text in _texts(named.pop(key, ())))
    tags = tuple(text for key in _TAGS for text in _texts(named.pop(key, ())))
    times = {key: moment for key in _TIMES if (moment := _time(named.get(key)))}
    dated_by = next(iter(times), "")
    lists = {key: _texts(value) for key, value in named.items() if key and isinstance(value, list)}
    return FrontMatter(
        title=title.strip() if isinstance(title, str) and title.strip() else None,
        aliases=aliases,
        tags=tags,
        timestamp=times.get(dated_by),
        dated_by=dated_by,
        lists={key: texts for key, texts in lists.items() if texts},
        other=json.loads(json.dumps({key: value for key, value in named.items() if key}, default=_plain)),
    )


def _texts(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    found = (_text(item) for item in items)
    return tuple(dict.fromkeys(text for text in found if text))


def _text(item: Any) -> str:
    """A list's item as a label; of a mapping, the field that names it."""
    if isinstance(item, dict):
        item = next((item[key] for key in _ITEM_NAMES if key in item), "")
    return _plain(item).strip() if isinstance(item, str | int | float | date) and item is not True else ""


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _time(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.combine(value, time.min, UTC) if isinstance(value, date) else None
