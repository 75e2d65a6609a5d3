"""What a directory declares: the tenant, its agents and its dreams, from the same YAML that a cluster is given.

Reads files and validates them with the contract's own models; starts nothing. Like `kubectl apply -f DIR`, it takes the
`.yaml`, `.yml` and `.json` files of the directory itself, not of its subdirectories; objects of other groups are none
of its business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from rem_crds.handoff import API_GROUP
from rem_crds.v1alpha1 import DreamCycle, RemAgent, RemTenant
from rem_runtime.laptop.errors import DeclarationError
from rem_runtime.laptop.strict import pattern_sentence, repeated_keys, unknown_fields

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_Kind = RemTenant | RemAgent | DreamCycle
_MODELS: dict[str, type[RemTenant] | type[RemAgent] | type[DreamCycle]] = {
    "RemTenant": RemTenant,
    "RemAgent": RemAgent,
    "DreamCycle": DreamCycle,
}


@dataclass(frozen=True, slots=True)
class Declared:
    """One tenant's objects. `tenant` is None where the directory declares none: everything is default then."""

    tenant: RemTenant | None
    stated: Mapping[str, Any]
    """The tenant's spec as it was written, for what was said on purpose."""
    agents: tuple[RemAgent, ...]
    dreams: tuple[DreamCycle, ...]
    elsewhere: tuple[str, ...]
    """Objects that name a tenant which is not this one, as `Kind name`."""
    doubtful: tuple[str, ...]
    """What a cluster takes and nobody can have meant, each with file and line."""

    @property
    def name(self) -> str:
        """The tenant's name."""
        return self.tenant.metadata.name if self.tenant else "local"


@dataclass(frozen=True, slots=True)
class _Read:
    """One object of ours, with what it was read from."""

    model: _Kind
    body: Mapping[str, Any]
    doubtful: tuple[str, ...]


def read_directory(directory: Path, *, tenant: str | None = None) -> Declared:
    """What `directory` declares; raises DeclarationError with file and line.

    With several tenants `tenant` says which.
    """
    if not directory.is_dir():
        raise DeclarationError(f"{directory} is not a directory; name the one that holds the tenant's YAML")
    found = [read for file in _files(directory) for read in _read_file(file)]
    chosen = _choose([read for read in found if isinstance(read.model, RemTenant)], tenant, directory)
    name = chosen.model.metadata.name if chosen else "local"
    agents = [read.model for read in found if isinstance(read.model, RemAgent)]
    dreams = [read.model for read in found if isinstance(read.model, DreamCycle)]
    return Declared(
        tenant=chosen.model if chosen and isinstance(chosen.model, RemTenant) else None,
        stated=chosen.body.get("spec") or {} if chosen else {},
        agents=tuple(agent for agent in agents if chosen is None or agent.spec.tenant_ref.name == name),
        dreams=tuple(dream for dream in dreams if chosen is None or dream.spec.tenant_ref.name == name),
        elsewhere=tuple(_elsewhere([*agents, *dreams], name)) if chosen else (),
        doubtful=tuple(line for read in found for line in read.doubtful),
    )


def _files(directory: Path) -> list[Path]:
    return sorted(file for file in directory.iterdir() if file.suffix in _SUFFIXES and file.is_file())


def _choose(tenants: Sequence[_Read], wanted: str | None, directory: Path) -> _Read | None:
    names = [read.model.metadata.name for read in tenants]
    if wanted is not None:
        if wanted not in names:
            raise DeclarationError(f"{directory} declares no RemTenant {wanted}; there is {', '.join(names) or 'none'}")
        return tenants[names.index(wanted)]
    if len(tenants) > 1:
        raise DeclarationError(f"{directory} declares {len(names)} tenants: say which with --tenant {'|'.join(names)}")
    return tenants[0] if tenants else None


def _elsewhere(objects: Iterable[RemAgent | DreamCycle], name: str) -> Iterator[str]:
    for one in objects:
        if one.spec.tenant_ref.name != name:
            yield f"{type(one).__name__} {one.metadata.name} (of tenant {one.spec.tenant_ref.name})"


def _read_file(file: Path) -> Iterator[_Read]:
    try:
        nodes = list(yaml.compose_all(file.read_text("utf-8"), Loader=yaml.SafeLoader))
        for node in nodes:
            if node is not None:
                yield from _read_object(file, node)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise DeclarationError(f"{file}{line}: not YAML: {getattr(error, 'problem', None) or error}") from error
    except OSError as error:
        raise DeclarationError(f"{file} cannot be read: {error.strerror}") from error


def _read_object(file: Path, node: yaml.Node) -> Iterator[_Read]:
    body = yaml.SafeLoader("").construct_document(node)
    if not isinstance(body, dict):
        return
    if body.get("kind") == "List" and isinstance(node, yaml.MappingNode):
        _, items = _child(node, "items") or (None, None)
        for item in items.value if isinstance(items, yaml.SequenceNode) else ():
            yield from _read_object(file, item)
        return
    group, _, version = str(body.get("apiVersion", "")).partition("/")
    if group != API_GROUP:
        return
    where = f"{file}:{node.start_mark.line + 1}"
    model = _MODELS.get(str(body.get("kind"))) if version == "v1alpha1" else None
    if model is None:
        raise DeclarationError(f"{where}: there is no {body.get('kind')} in {body['apiVersion']}")
    faults = [(path, says) for path, says in unknown_fields(model, body)]
    try:
        read = _Read(model.model_validate(body), body, tuple(_doubtful(file, node)))
    except ValidationError as error:
        faults += [_fault(model, item) for item in map(dict, error.errors())]
        read = None
    if faults or read is None:
        lines = sorted((_line(node, path), ".".join(map(str, path)), says) for path, says in faults)
        raise DeclarationError("\n".join(f"{file}:{line}: {path}: {says}" for line, path, says in lines))
    yield read


def _doubtful(file: Path, node: yaml.Node) -> Iterator[str]:
    for key, first, last in repeated_keys(node):
        before = f"already in line {first}" if first != last else "twice in this line"
        yield f"{file}:{last}: {key} is {before}; the last one counts"


def _fault(model: type[_Kind], item: Mapping[str, Any]) -> tuple[tuple[str | int, ...], str]:
    path = tuple(part for part in item["loc"] if isinstance(part, str | int))
    # pydantic would show the expression, which nobody reads.
    sentence = pattern_sentence(model, path) if item["type"] == "string_pattern_mismatch" else None
    return path, sentence or str(item["msg"])


def _line(node: yaml.Node, path: Sequence[str | int]) -> int:
    """The line of the path's last key, or where that was not written, of the deepest part that was."""
    mark = node.start_mark
    for part in path:
        below = _child(node, part)
        if below is None:
            return int(node.start_mark.line) + 1
        mark, node = below
    return int(mark.line) + 1


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    """A value of a mapping and where its key stands, or an item of a list and where it begins."""
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark, value) for key, value in reversed(node.value) if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    return None
