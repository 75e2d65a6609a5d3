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

    @property
    def name(self) -> str:
        """The tenant's name."""
        return self.tenant.metadata.name if self.tenant else "local"


@dataclass(frozen=True, slots=True)
class _Read:
    """One object of ours, with what it was read from."""

    model: _Kind
    body: Mapping[str, Any]


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
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise DeclarationError(f"{file}{line}: not YAML: {getattr(error, 'problem', None) or error}") from error
    for node in nodes:
        if node is not None:
            yield from _read_object(file, node)


def _read_object(file: Path, node: yaml.Node) -> Iterator[_Read]:
    body = yaml.SafeLoader("").construct_document(node)
    if not isinstance(body, dict):
        return
    if body.get("kind") == "List" and isinstance(node, yaml.MappingNode):
        items = _child(node, "items")
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
    try:
        yield _Read(model.model_validate(body), body)
    except ValidationError as error:
        lines = [_fault(file, node, item) for item in map(dict, error.errors())]
        raise DeclarationError("\n".join(lines)) from error


def _fault(file: Path, node: yaml.Node, item: Mapping[str, Any]) -> str:
    path = [part for part in item["loc"] if isinstance(part, str | int)]
    return f"{file}:{_line(node, path)}: {'.'.join(map(str, path))}: {item['msg']}"


def _line(node: yaml.Node, path: Sequence[str | int]) -> int:
    """The line of the deepest part of the path that was written."""
    for part in path:
        below = _child(node, part)
        if below is None:
            break
        node = below
    return int(node.start_mark.line) + 1


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    below: yaml.Node | None = None
    if isinstance(node, yaml.MappingNode):
        below = next((value for key, value in node.value if key.value == part), None)
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        below = node.value[part]
    return below
