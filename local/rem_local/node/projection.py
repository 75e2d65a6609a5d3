"""The files of ConfigMap, Secret, downward API and projected volumes: name → bytes and mode. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rem_local.node.downward import PodFacts, field_value, resource_value
from rem_local.node.podspec import DownwardFile, KeyedFiles, Pod, Projected, ProjectedSource, TokenFile
from rem_local.node.sources import Data, SourceSet, UnresolvedReferenceError

_DEFAULT_MODE = 0o644


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Which token of the pod's ServiceAccount is wanted."""

    audience: str
    expiration_seconds: int


@dataclass(frozen=True, slots=True)
class VolumeFile:
    content: bytes
    mode: int


Files = Mapping[str, VolumeFile]


def tokens_wanted(pod: Pod) -> frozenset[TokenKey]:
    """Every ServiceAccount token that the pod's volumes contain."""
    return frozenset(
        _token_key(source.service_account_token)
        for volume in pod.spec.volumes
        if volume.projected
        for source in volume.projected.sources
        if source.service_account_token
    )


def _token_key(token: TokenFile) -> TokenKey:
    return TokenKey(token.audience, token.expiration_seconds)


def volume_files(
    projected: Projected, facts: PodFacts, sources: SourceSet, tokens: Mapping[TokenKey, str]
) -> dict[str, VolumeFile]:
    """What a volume contains, by path; later sources win. Raises UnresolvedReferenceError for what is not there."""
    default_mode = projected.default_mode if projected.default_mode is not None else _DEFAULT_MODE
    files: dict[str, VolumeFile] = {}
    for source in projected.sources:
        for path, content, mode in _source_files(source, facts, sources, tokens):
            files[_inside(path)] = VolumeFile(content, mode if mode is not None else default_mode)
    return files


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise UnresolvedReferenceError(f"the path {path!r} leaves the volume")
    return path


def _source_files(
    source: ProjectedSource, facts: PodFacts, sources: SourceSet, tokens: Mapping[TokenKey, str]
) -> Iterator[tuple[str, bytes, int | None]]:
    if source.config_map:
        ref = source.config_map
        yield from _keyed(sources.config_map(ref.source, optional=ref.optional), ref)
    if source.secret:
        ref = source.secret
        yield from _keyed(sources.secret(ref.source, optional=ref.optional), ref)
    if source.downward_api:
        for item in source.downward_api.items:
            yield item.path, _downward(item, facts).encode(), item.mode
    if source.service_account_token:
        token = source.service_account_token
        yield token.path, tokens[_token_key(token)].encode(), None


def _keyed(data: Data | None, ref: KeyedFiles) -> Iterator[tuple[str, bytes, int | None]]:
    if data is None:
        return
    if not ref.items:
        yield from ((key, value, None) for key, value in data.items())
        return
    for item in ref.items:
        if item.key in data:
            yield item.path, data[item.key], item.mode
        elif not ref.optional:
            raise UnresolvedReferenceError(f"references non-existent key: {item.key} (of {ref.source})")


def _downward(item: DownwardFile, facts: PodFacts) -> str:
    if item.field_ref:
        return field_value(facts, item.field_ref.field_path)
    if item.resource_field_ref:
        return resource_value(facts, item.resource_field_ref, None)
    raise UnresolvedReferenceError(f"the downward API file {item.path} has neither fieldRef nor resourceFieldRef")
