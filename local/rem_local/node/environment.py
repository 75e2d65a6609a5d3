"""A container's environment, command line and paths, from the pod's spec and what it refers to. Pure.

Owns: Kubernetes' rules for env, envFrom, command, args and $(VAR), and the rewriting of paths: there are no mount
namespaces, so wherever the pod's spec names a path below a mountPath, the process is told the directory on this host.
Must not be in it: reading anything, starting anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rem_local.node.downward import PodFacts, field_value, resource_value
from rem_local.node.images import Image
from rem_local.node.podspec import Container, EnvFrom, EnvSource, KeyRef
from rem_local.node.sources import Data, SourceSet, UnresolvedReferenceError

_VARIABLE = re.compile(r"\$(?:(\$)|\(([^)]*)\))")
# A scheme with an empty host ("file:///etc/x", "sqlite:////data/x") may stand before a path; anything else that
# could be part of a longer name may not ("https://host/etc/x" is no path of ours).
_BEFORE = r"(?<![\w.\-/])(?P<scheme>[A-Za-z][\w+.\-]*://(?:/(?=/))?)?"
_AFTER = r"(?![\w.\-])"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What to start: the words, the environment, and where."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    working_dir: str


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace $(NAME) by its value and $$ by $; an unknown $(NAME) stays as it is."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[1] else variables.get(match[2], match[0])

    return _VARIABLE.sub(value, text)


def pod_environment(
    container: Container, facts: PodFacts, sources: SourceSet, *, services: Mapping[str, str]
) -> dict[str, str]:
    """The variables that the pod's spec asks for, over `services`; raises UnresolvedReferenceError."""
    variables = dict(services)
    for each in container.env_from:
        variables.update(_env_from(each, sources))
    for variable in container.env:
        if variable.value_from is None:
            variables[variable.name] = expand(variable.value, variables)
            continue
        value = _value_from(variable.value_from, container, facts, sources)
        if value is not None:
            variables[variable.name] = value
    return variables


def _env_from(each: EnvFrom, sources: SourceSet) -> dict[str, str]:
    data: Data | None = None
    if each.config_map_ref:
        data = sources.config_map(each.config_map_ref.name, optional=each.config_map_ref.optional)
    elif each.secret_ref:
        data = sources.secret(each.secret_ref.name, optional=each.secret_ref.optional)
    pairs = {each.prefix + key: value.decode(errors="replace") for key, value in (data or {}).items()}
    return {name: value for name, value in pairs.items() if "=" not in name and name}


def _value_from(source: EnvSource, container: Container, facts: PodFacts, sources: SourceSet) -> str | None:
    if source.field_ref:
        return field_value(facts, source.field_ref.field_path)
    if source.resource_field_ref:
        return resource_value(facts, source.resource_field_ref, container)
    if source.config_map_key_ref:
        ref = source.config_map_key_ref
        return _key(sources.config_map(ref.name, optional=ref.optional), ref, "ConfigMap", facts)
    if source.secret_key_ref:
        ref = source.secret_key_ref
        return _key(sources.secret(ref.name, optional=ref.optional), ref, "Secret", facts)
    raise UnresolvedReferenceError("an environment variable has a source that this node does not know")


def _key(data: Data | None, ref: KeyRef, kind: str, facts: PodFacts) -> str | None:
    if data is not None and ref.key in data:
        return data[ref.key].decode(errors="replace")
    if ref.optional:
        return None
    raise UnresolvedReferenceError(f"couldn't find key {ref.key} in {kind} {facts.pod.metadata.namespace}/{ref.name}")


@dataclass(frozen=True, slots=True)
class PathMap:
    """Paths inside the container → paths on this host; the longest match wins."""

    hosts: Mapping[str, str]

    def rewrite(self, text: str) -> str:
        """`text` with every path below a mapped one replaced, also inside `--file=/a/b`, `/a:/b` and `file:///a`."""
        inside = sorted((_normal(path) for path in self.hosts), key=len, reverse=True)
        if not inside:
            return text
        hosts = {_normal(path): host for path, host in self.hosts.items()}
        pattern = f"{_BEFORE}(?P<path>{'|'.join(map(re.escape, inside))}){_AFTER}"
        return re.sub(pattern, lambda match: (match["scheme"] or "") + hosts[match["path"]], text)


def _normal(path: str) -> str:
    return path.rstrip("/") or "/"


def mount_paths(container: Container, *, volumes: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """mountPath → host path for one container; `volumes` are the host directories by volume name."""
    paths = {}
    for mount in container.volume_mounts:
        below = mount.sub_path or expand(mount.sub_path_expr, variables)
        if ".." in below.split("/"):
            raise UnresolvedReferenceError(f"subPath {below!r} of volume {mount.name} leaves the volume")
        root = volumes[mount.name]
        paths[mount.mount_path] = f"{root}/{below.strip('/')}" if below else root
    return paths


def command_line(
    container: Container, image: Image, variables: Mapping[str, str], *, paths: PathMap, base: Mapping[str, str]
) -> CommandLine:
    """What to start. `base` (PATH, HOME, …) is overridden by the image's environment, and that by the pod's.

    The image's own words and variables speak of this host already, so only the pod's are rewritten.
    """
    words = _words(container, image, variables, paths)
    said = {name: paths.rewrite(value) for name, value in variables.items()}
    return CommandLine(
        argv=words,
        env={**base, **image.env, **said},
        working_dir=paths.rewrite(container.working_dir),
    )


def _words(container: Container, image: Image, variables: Mapping[str, str], paths: PathMap) -> tuple[str, ...]:
    def said(words: Sequence[str]) -> tuple[str, ...]:
        return tuple(paths.rewrite(expand(word, variables)) for word in words)

    if container.command:
        return said(container.command) + said(container.args)
    return image.entrypoint + (said(container.args) or image.cmd)
