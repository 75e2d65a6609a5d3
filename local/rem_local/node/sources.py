"""What pods read from ConfigMaps and Secrets.

Owns: which objects a pod refers to (pure), reading them, and telling pods when one changed. Must not be in it: what
becomes of the data (environment.py, volumes.py).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

from rem_local.kube import CONFIGMAPS, SECRETS, Kube, Object, Resource
from rem_local.node.podspec import Container, Pod, Volume

Data = Mapping[str, bytes]


class UnresolvedReferenceError(Exception):
    """A reference in the pod's spec leads nowhere; the message uses the kubelet's words."""


@dataclass(frozen=True, slots=True)
class SourceKey:
    """One ConfigMap or Secret."""

    resource: Resource
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class SourceSet:
    """The ConfigMaps and Secrets of one pod as they were read; what does not exist is absent."""

    config_maps: Mapping[str, Data] = field(default_factory=dict)
    secrets: Mapping[str, Data] = field(default_factory=dict)

    def config_map(self, name: str, *, optional: bool) -> Data | None:
        """The data of a ConfigMap; None when absent and optional, else raises UnresolvedReferenceError."""
        return _found(self.config_maps, "configmap", name, optional=optional)

    def secret(self, name: str, *, optional: bool) -> Data | None:
        """The data of a Secret; None when absent and optional, else raises UnresolvedReferenceError."""
        return _found(self.secrets, "secret", name, optional=optional)


def _found(objects: Mapping[str, Data], kind: str, name: str, *, optional: bool) -> Data | None:
    data = objects.get(name)
    if data is None and not optional:
        raise UnresolvedReferenceError(f'{kind} "{name}" not found')
    return data


def references(pod: Pod) -> frozenset[SourceKey]:
    """Every ConfigMap and Secret that the pod's environment and volumes name."""
    names: set[tuple[Resource, str]] = set()
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        names.update(_environment_references(container))
    for volume in pod.spec.volumes:
        names.update(_volume_references(volume))
    return frozenset(SourceKey(resource, pod.metadata.namespace, name) for resource, name in names)


def _environment_references(container: Container) -> Iterator[tuple[Resource, str]]:
    for each in container.env_from:
        if each.config_map_ref:
            yield CONFIGMAPS, each.config_map_ref.name
        if each.secret_ref:
            yield SECRETS, each.secret_ref.name
    for variable in container.env:
        source = variable.value_from
        if source and source.config_map_key_ref:
            yield CONFIGMAPS, source.config_map_key_ref.name
        if source and source.secret_key_ref:
            yield SECRETS, source.secret_key_ref.name


def _volume_references(volume: Volume) -> Iterator[tuple[Resource, str]]:
    projected = volume.as_projected()
    for source in projected.sources if projected else ():
        if source.config_map:
            yield CONFIGMAPS, source.config_map.source
        if source.secret:
            yield SECRETS, source.secret.source


async def gather_sources(kube: Kube, pod: Pod) -> SourceSet:
    """Read what the pod refers to, from the API server and not from a cache: a pod may be newer than any watch."""
    keys = sorted(references(pod), key=lambda key: (key.resource.plural, key.name))
    objects = await asyncio.gather(*(kube.get(key.resource, key.namespace, key.name) for key in keys))
    found: dict[Resource, dict[str, Data]] = {CONFIGMAPS: {}, SECRETS: {}}
    for key, item in zip(keys, objects, strict=True):
        if item is not None:
            found[key.resource][key.name] = data_of(item)
    return SourceSet(config_maps=found[CONFIGMAPS], secrets=found[SECRETS])


def data_of(item: Object) -> Data:
    """All keys of a ConfigMap or Secret as bytes."""
    encoded = item.get("data") or {}
    if item["kind"] == "Secret":
        return {key: base64.b64decode(value) for key, value in encoded.items()}
    binary = {key: base64.b64decode(value) for key, value in (item.get("binaryData") or {}).items()}
    return {**{key: value.encode() for key, value in encoded.items()}, **binary}


async def source_changes(kube: Kube, resource: Resource) -> AsyncIterator[SourceKey]:
    """Yield for ever the ConfigMaps or Secrets (of all namespaces) that come, change or go."""
    async for _, item in kube.watch(resource):
        meta = item["metadata"]
        yield SourceKey(resource, meta["namespace"], meta["name"])
