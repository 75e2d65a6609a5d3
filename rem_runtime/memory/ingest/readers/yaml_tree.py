"""YAML: stored as it is written, with its comments; cut at its keys, which are the headings of what is below them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import yaml

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers.draft import reading_of
from rem_runtime.memory.ingest.readers.formats import Origin
from rem_runtime.memory.ingest.readers.limits import MAX_NESTING
from rem_runtime.memory.ingest.readers.times import read_time
from rem_runtime.memory.ingest.structure import Block, Reading

_NAMES = ("title", "name", "label", "id", "key")
_TIMES = ("timestamp", "date", "created_at", "created")
# libyaml, where the wheel has it, is ten times faster. Both compose alone here: no tag makes an object.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH = 8  # deeper keys are text: a path of eight names says where one is

Place = tuple[int, tuple[str, ...], bool]


def read_text(text: str, origin: Origin) -> Reading:
    """The source with a block for each key; what an alias repeats is looked at once, so that nothing grows."""
    try:
        _refuse_depth(text)
        documents = [node for node in yaml.compose_all(text, Loader=_LOADER) if node is not None]
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidInput(f"it is broken as YAML: {' '.join(str(error).split())}") from error
    places = {start: (path, opens) for node in documents for start, path, opens in _places(node)}
    starts = sorted({0, *places, len(text)})
    blocks = []
    for start, end in pairwise(starts):
        path, opens = places.get(start, ((), False))
        blocks.append(Block(start, end, path, opens))
    first = dict(_scalars(documents[0])) if documents else {}
    return reading_of(
        text,
        blocks,
        origin.format.media_type,
        title=next((first[name] for name in ("title", "name") if first.get(name, "").strip()), None),
        timestamp=next((moment for name in _TIMES if (moment := read_time(first.get(name)))), None),
    )


def _refuse_depth(text: str) -> None:
    """Composing recurses, in C: what is too deep for it ends the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_NESTING:
            raise InvalidInput(f"it is nested more than {MAX_NESTING} deep")


def _places(root: yaml.Node) -> Iterator[Place]:
    """Where a block begins, the names above it, and whether it is a key alone on its line."""
    todo: list[tuple[yaml.Node, tuple[str, ...]]] = [(root, ())]
    seen: set[int] = set()
    while todo:
        node, path = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if len(path) >= _MAX_DEPTH or getattr(node, "flow_style", False):
            continue
        inner: list[tuple[yaml.Node, tuple[str, ...]]] = []
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inside = isinstance(value, yaml.CollectionNode) and not value.flow_style
                yield _line_of(key), path, inside
                if inside and isinstance(key, yaml.ScalarNode):
                    inner.append((value, (*path, key.value)))
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                yield _line_of(item), path, False
                if isinstance(item, yaml.CollectionNode):
                    inner.append((item, (*path, *_name_of(item))))
        todo.extend(reversed(inner))


def _line_of(node: yaml.Node) -> int:
    """Where the line begins that a node begins on."""
    return int(node.start_mark.index - node.start_mark.column)


def _name_of(item: yaml.Node) -> tuple[str, ...]:
    known = dict(_scalars(item))
    return next(((known[name],) for name in _NAMES if known.get(name)), ())


def _scalars(node: yaml.Node) -> Iterator[tuple[str, str]]:
    for key, value in reversed(node.value) if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode):
            yield key.value, value.value
