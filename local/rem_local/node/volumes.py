"""The volumes of one pod as directories on this host.

Owns: making them, keeping their files up to date, and the tokens in them. A volume of files changes as a kubelet
changes it: a new directory is written and the symlink `..data` moved to it, so readers see the old files or the new
ones and never a mixture. Must not be in it: what the files contain (projection.py).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rem_local.kube import Kube, KubeError
from rem_local.node.downward import PodFacts
from rem_local.node.podspec import Pod, Volume
from rem_local.node.projection import Files, TokenKey, tokens_wanted, volume_files
from rem_local.node.sources import SourceSet, UnresolvedReferenceError, gather_sources

_DATA = "..data"
# As a kubelet does; the token that is given out stays valid for the remaining fifth.
_RENEW_AT_FRACTION = 0.8


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    renew_at: float


class Tokens:
    """The ServiceAccount tokens of one pod, each requested once and again before it expires."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._tokens: dict[TokenKey, _Token] = {}

    async def gather(self, pod: Pod) -> dict[TokenKey, str]:
        """A valid token for everything that the pod's volumes want; raises UnresolvedReferenceError when refused."""
        for key in tokens_wanted(pod):
            held = self._tokens.get(key)
            if held is None or held.renew_at <= time.monotonic():
                self._tokens[key] = await self._request(pod, key)
        return {key: token.value for key, token in self._tokens.items()}

    def renew_in_seconds(self) -> float | None:
        """How long until the first token wants renewal; None without tokens."""
        dates = [token.renew_at for token in self._tokens.values()]
        return max(0.0, min(dates) - time.monotonic()) if dates else None

    async def _request(self, pod: Pod, key: TokenKey) -> _Token:
        meta, account = pod.metadata, pod.spec.service_account_name or "default"
        renew_at = time.monotonic() + _RENEW_AT_FRACTION * key.expiration_seconds
        try:
            value = await self._kube.request_token(
                meta.namespace,
                account,
                audiences=[key.audience] if key.audience else None,
                expiration_seconds=key.expiration_seconds,
                pod={"name": meta.name, "uid": meta.uid},
            )
        except KubeError as error:
            raise UnresolvedReferenceError(f'failed to fetch a token of serviceaccount "{account}": {error}') from error
        return _Token(value, renew_at)


class PodVolumes:
    """Makes and refreshes the volumes of one pod below `directory`."""

    def __init__(self, kube: Kube, directory: Path) -> None:
        self._kube = kube
        self._directory = directory
        self._tokens = Tokens(kube)

    def directory_of(self, volume: str) -> Path:
        return self._directory / volume

    def host_paths(self, pod: Pod) -> dict[str, str]:
        """The host directory of every volume, by volume name."""
        return {volume.name: str(self.directory_of(volume.name)) for volume in pod.spec.volumes}

    def renew_in_seconds(self) -> float | None:
        """When `refresh` is due even if nothing changed."""
        return self._tokens.renew_in_seconds()

    async def refresh(self, facts: PodFacts) -> None:
        """Bring every volume up to date; raises UnresolvedReferenceError, and leaves then what was there."""
        pod = facts.pod
        sources = await gather_sources(self._kube, pod)
        tokens = await self._tokens.gather(pod)
        for volume in pod.spec.volumes:
            try:
                files = _files_of(volume, facts, sources, tokens)
            except UnresolvedReferenceError as error:
                raise UnresolvedReferenceError(
                    f'MountVolume.SetUp failed for volume "{volume.name}" : {error}'
                ) from error
            await asyncio.to_thread(_make, self.directory_of(volume.name), files)


def _files_of(volume: Volume, facts: PodFacts, sources: SourceSet, tokens: Mapping[TokenKey, str]) -> Files | None:
    """The files of a volume; None for an emptyDir, whose content is the pod's."""
    if volume.empty_dir is not None:
        return None
    projected = volume.as_projected()
    if projected is None:
        raise UnresolvedReferenceError(
            "this node runs pods as host processes and has emptyDir, configMap, secret, downwardAPI and projected "
            "volumes only; use one of these"
        )
    return volume_files(projected, facts, sources, tokens)


def _make(directory: Path, files: Files | None) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    if files is not None:
        write_files(directory, files)


def write_files(directory: Path, files: Files) -> bool:
    """Make `directory` contain exactly `files`, all at once; False when it did already."""
    if _read_files(directory) == {path: (file.content, file.mode) for path, file in files.items()}:
        return False
    fresh = Path(tempfile.mkdtemp(prefix="..", dir=directory))
    fresh.chmod(0o755)
    for path, file in files.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode)
    _switch(directory, fresh)
    return True


def _switch(directory: Path, fresh: Path) -> None:
    """Point `..data` at `fresh`, then put the visible links right and remove the old files."""
    data = directory / _DATA
    old = data.resolve() if data.is_symlink() else None
    link = directory / "..data_new"
    link.unlink(missing_ok=True)
    link.symlink_to(fresh.name)
    link.replace(data)
    wanted = {entry.name for entry in fresh.iterdir()}
    for name in wanted:
        visible = directory / name
        if not visible.is_symlink():
            visible.symlink_to(f"{_DATA}/{name}")
    for entry in directory.iterdir():
        if not entry.name.startswith("..") and entry.name not in wanted:
            entry.unlink()
    if old is not None:
        shutil.rmtree(old)


def _read_files(directory: Path) -> dict[str, tuple[bytes, int]] | None:
    """What is there now, as `write_files` left it; None when nothing was written yet."""
    data = directory / _DATA
    if not data.is_symlink():
        return None
    found = {}
    for root, _, names in os.walk(data.resolve()):
        for name in names:
            path = Path(root) / name
            found[str(path.relative_to(data.resolve()))] = (path.read_bytes(), path.stat().st_mode & 0o7777)
    return found
