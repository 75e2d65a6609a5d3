"""The neighbours' CustomResourceDefinitions, out of their own Go modules at the versions of go/crds/go.mod.

Owns: which kinds are wanted, where they come from (the cache, the Go module, else the same file of the same tag from
GitHub), that they are what crds.sha256 says, and installing them. None is committed. Our own kinds are files of this
repository and are applied like any other file.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from rem_local import downloads, go_build
from rem_local.cache import cache_dir, locked
from rem_local.kube import CRDS, Kube, KubeError, Object
from rem_local.progress import Progress, Step

_MANAGER = "rem-local"
_ESTABLISHED_SECONDS = 60.0
_SIDE_BY_SIDE = 4
_SUMS = Path(__file__).parent / "crds.sha256"


class CrdsError(Exception):
    """The definitions cannot be had, or the API server does not take them."""


@dataclass(frozen=True, slots=True)
class CrdGroup:
    """Which files of which module; only the kinds that this project meets, because each costs the API server memory."""

    name: str
    module: str
    directory: str
    prefix: str
    plurals: tuple[str, ...]

    @property
    def version(self) -> str:
        return go_build.required_versions()[self.module]

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}_{plural}.yaml" for plural in self.plurals)

    def url(self, file: str) -> str:
        """The same file in the repository that the module is published from."""
        parts = self.module.split("/")
        owner, repository = ("kubernetes-sigs", parts[1]) if parts[0] == "sigs.k8s.io" else parts[1:3]
        return f"https://raw.githubusercontent.com/{owner}/{repository}/{self.version}/{self.directory}/{file}"


GROUPS = (
    CrdGroup(
        "cnpg",
        "github.com/cloudnative-pg/cloudnative-pg",
        "config/crd/bases",
        "postgresql.cnpg.io",
        (
            "backups",
            "clusterimagecatalogs",
            "clusters",
            "databaseroles",
            "databases",
            "imagecatalogs",
            "poolers",
            "scheduledbackups",
        ),
    ),
    CrdGroup(
        "keda",
        "github.com/kedacore/keda/v2",
        "config/crd/bases",
        "keda.sh",
        ("clustertriggerauthentications", "scaledobjects", "triggerauthentications"),
    ),
    CrdGroup(
        "external-secrets",
        "github.com/external-secrets/external-secrets",
        "config/crds/bases",
        "external-secrets.io",
        ("clustersecretstores", "externalsecrets", "secretstores"),
    ),
    CrdGroup(
        "gateway-api",
        "sigs.k8s.io/gateway-api",
        "config/crd/standard",
        "gateway.networking.k8s.io",
        ("gatewayclasses", "gateways", "httproutes", "referencegrants"),
    ),
    CrdGroup(
        "prometheus-operator",
        "github.com/prometheus-operator/prometheus-operator",
        "example/prometheus-operator-crd",
        "monitoring.coreos.com",
        ("podmonitors", "prometheusrules", "servicemonitors"),
    ),
)
# What the stand-ins themselves speak.
NEIGHBOUR_GROUPS = ("cnpg", "keda", "external-secrets")
GROUP_NAMES = tuple(group.name for group in GROUPS)


async def load_crds(names: Iterable[str], progress: Progress) -> list[Object]:
    """The definitions of the named groups, fetched when they are not in the cache; raises CrdsError."""
    known = {group.name: group for group in GROUPS}
    groups = []
    for name in names:
        if name not in known:
            raise CrdsError(f"there is no CRD group {name!r}; there are {', '.join(GROUP_NAMES)}")
        groups.append(known[name])
    if any(not _cached(group).exists() for group in groups):
        async with locked("crds", progress):
            missing = [group for group in groups if not _cached(group).exists()]
            if missing:
                with progress.step(f"CRDs of {', '.join(group.name for group in missing)}") as step:
                    await _fetch(missing, step)
    return [crd for group in groups for crd in json.loads(_cached(group).read_text())]


async def install_crds(kube: Kube, crds: Iterable[Object]) -> None:
    """Create or replace the definitions and wait until the API server serves them."""
    wanted = {crd["metadata"]["name"]: crd for crd in crds}
    gate = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def put(name: str, crd: Object) -> None:
        async with gate:
            await _put(kube, name, crd)

    await asyncio.gather(*(put(name, crd) for name, crd in wanted.items()))
    await wait_established(kube, wanted)


async def wait_established(kube: Kube, names: Iterable[str]) -> None:
    """Wait for the condition Established of every named definition."""
    waiting, refused = set(names), dict[str, str]()
    try:
        async with asyncio.timeout(_ESTABLISHED_SECONDS):
            async for _, crd in kube.watch(CRDS):
                conditions = _conditions(crd)
                if conditions.get("Established", ("", ""))[0] == "True":
                    waiting.discard(crd["metadata"]["name"])
                elif conditions.get("NamesAccepted", ("", ""))[0] == "False":
                    refused[crd["metadata"]["name"]] = conditions["NamesAccepted"][1]
                if not waiting:
                    return
    except TimeoutError as error:
        reasons = ", ".join(f"{name} ({refused.get(name, 'no reason given')})" for name in sorted(waiting))
        raise CrdsError(f"not established after {_ESTABLISHED_SECONDS:.0f} s: {reasons}") from error


def _conditions(crd: Object) -> dict[str, tuple[str, str]]:
    conditions = crd.get("status", {}).get("conditions") or ()
    return {entry["type"]: (entry["status"], entry.get("message", "")) for entry in conditions}


async def _put(kube: Kube, name: str, crd: Object) -> None:
    """POST, else PUT: server-side apply of schemas of this size takes the API server ten times as long."""
    try:
        await kube.create(CRDS, None, crd)
    except KubeError as error:
        if error.reason != "AlreadyExists":
            raise CrdsError(f"the API server refuses the CRD {name}: {error.message}") from error
        there = await kube.get(CRDS, None, name)
        version = (there or {"metadata": {}})["metadata"].get("resourceVersion")
        body = {**crd, "metadata": {**crd["metadata"], "resourceVersion": version}}
        await kube.replace(CRDS, None, name, body)


def checksums() -> dict[str, str]:
    """ "group/file" → SHA-256, as committed in crds.sha256."""
    lines = (line.split() for line in _SUMS.read_text().splitlines() if not line.startswith("#"))
    return {name: checksum for checksum, name in lines}


def _cached(group: CrdGroup) -> Path:
    """JSON, which reads ten times as fast as YAML. Another version or another list of kinds is another file."""
    sums = checksums()
    key = hashlib.sha256("".join(sums[f"{group.name}/{file}"] for file in group.files).encode()).hexdigest()[:8]
    return cache_dir() / "crds" / f"{group.name}-{group.version}-{key}.json"


async def _fetch(groups: list[CrdGroup], step: Step) -> None:
    step.update("from their Go modules")
    versions = [f"{group.module}@{group.version}" for group in groups]
    try:
        directories = await go_build.download_modules(versions)
        sources = {group: _read(group, directories[group.module]) for group in groups}
        step.result = f"{step.text} from their Go modules"
    except (go_build.GoError, OSError) as no_module:
        step.update("from GitHub")
        try:
            sources = {group: await _download(group) for group in groups}
            step.result = f"{step.text} from GitHub"
        except downloads.DownloadError as no_download:
            raise CrdsError(_remedies(groups, no_module, no_download)) from no_download
    for group, files in sources.items():
        await asyncio.to_thread(_store, group, files)


def _read(group: CrdGroup, directory: Path) -> dict[str, bytes]:
    return {file: (directory / group.directory / file).read_bytes() for file in group.files}


async def _download(group: CrdGroup) -> dict[str, bytes]:
    contents = await asyncio.gather(*(downloads.fetch(group.url(file)) for file in group.files))
    return dict(zip(group.files, contents, strict=True))


def _store(group: CrdGroup, files: Mapping[str, bytes]) -> None:
    sums, crds = checksums(), []
    for file, content in files.items():
        found = hashlib.sha256(content).hexdigest()
        if found != sums[f"{group.name}/{file}"]:
            raise CrdsError(
                f"{file} of {group.module}@{group.version} has SHA-256 {found}, which is not what crds.sha256 says. "
                "If the version was changed on purpose, write the new checksum there"
            )
        crds += [crd for crd in yaml.load_all(content, Loader=yaml.CSafeLoader) if crd]
    target = _cached(group)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.write_text(json.dumps(crds, default=str))
    partial.rename(target)


def _remedies(groups: list[CrdGroup], no_module: Exception, no_download: Exception) -> str:
    return (
        f"the CRDs of {', '.join(group.name for group in groups)} are not in {cache_dir() / 'crds'} and could not be "
        f"fetched:\n  - {no_module}\n  - {no_download}\nAny one of these helps:\n"
        f"  - install Go {go_build.LEAST_GO[0]}.{go_build.LEAST_GO[1]} or newer, with a Go module proxy in reach\n"
        "  - make https://raw.githubusercontent.com reachable (HTTPS_PROXY is honoured)\n"
        f"  - copy {cache_dir() / 'crds'} from another machine"
    )
