"""Where the programs of the control plane come from.

In this order: `$KUBEBUILDER_ASSETS`, if all five are there; the user's cache; the official release downloads; a build
from Go modules (go_build.py). What was downloaded or built goes to the cache, and two runs at once do the work once.
Must not be in it: how a program is started.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rem_local import downloads, go_build
from rem_local.cache import cache_dir, locked
from rem_local.progress import Progress

KUBERNETES_VERSION = "v1.36.3"
ETCD_VERSION = "v3.6.8"
ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"

_KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class BinariesError(Exception):
    """The programs are not here and cannot be had; the message names every way that was tried and how to open one."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """Paths of the five programs."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    kubectl: Path


@dataclass(frozen=True, slots=True)
class Program:
    """One program at its pinned version."""

    name: str
    version: str

    def path(self) -> Path:
        """Its place in the cache; versions do not meet there."""
        component = "etcd" if self.name == "etcd" else "kubernetes"
        return cache_dir() / "bin" / f"linux-{_architecture()}" / f"{component}-{self.version}" / self.name


PROGRAMS = (Program("etcd", ETCD_VERSION), *(Program(name, KUBERNETES_VERSION) for name in _KUBERNETES))


async def ensure_binaries(progress: Progress) -> Binaries:
    """The five programs, fetched or built when they are not there yet; raises BinariesError with the remedies."""
    assets = _assets(progress)
    if assets is not None:
        return _binaries({program.name: assets / program.name for program in PROGRAMS})
    if _missing():
        async with locked("bin", progress):
            # Another run may have done it while this one waited for the lock.
            for number, program in enumerate(missing := _missing(), start=1):
                await _obtain(program, progress, position=f"{number} of {len(missing)}")
    return _binaries({program.name: program.path() for program in PROGRAMS})


def _missing() -> list[Program]:
    return [program for program in PROGRAMS if not os.access(program.path(), os.X_OK)]


def _assets(progress: Progress) -> Path | None:
    value = os.environ.get(ASSETS_VARIABLE)
    if not value:
        return None
    lacking = [program.name for program in PROGRAMS if not os.access(Path(value) / program.name, os.X_OK)]
    if not lacking:
        return Path(value)
    # All or nothing: a controller-manager next to an older API server is not a supported pair.
    progress.warn(f"${ASSETS_VARIABLE} ({value}) is not used: it has no {', '.join(lacking)}")
    return None


def _binaries(paths: dict[str, Path]) -> Binaries:
    return Binaries(**{name.replace("-", "_"): path for name, path in paths.items()})


async def _obtain(program: Program, progress: Progress, *, position: str) -> None:
    """Download, else build; into a temporary place beside its own and renamed when it is whole."""
    target = program.path()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with progress.step(f"{program.name} {program.version} ({position})") as step:
            try:
                await downloads.download_program(program.name, program.version, _architecture(), partial, step)
                step.result = f"{program.name} {program.version} downloaded"
            except downloads.DownloadError as no_download:
                try:
                    await go_build.build_program(program.name, program.version, partial, step)
                    step.result = f"{program.name} {program.version} built from its Go module"
                except go_build.GoError as no_build:
                    raise BinariesError(_remedies(program, (no_download, no_build))) from no_build
        partial.chmod(0o755)
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def _remedies(program: Program, tried: Iterable[Exception]) -> str:
    reasons = "\n".join(f"  - {reason}" for reason in tried)
    return (
        f"{program.name} {program.version} is not here, and could not be fetched or built:\n{reasons}\n"
        "Any one of these helps:\n"
        f"  - install Go {go_build.LEAST_GO[0]}.{go_build.LEAST_GO[1]} or newer and run this again "
        "(it needs a Go module proxy; about 10 minutes, once)\n"
        "  - make https://dl.k8s.io and https://github.com reachable (HTTPS_PROXY is honoured) and run this again\n"
        f"  - set {ASSETS_VARIABLE} to a directory that has {', '.join(p.name for p in PROGRAMS)}\n"
        f"  - copy {program.name} from another machine to {program.path()}"
    )


def _architecture() -> str:
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in _ARCHITECTURES:
        raise BinariesError(
            f"the cluster without containers runs on Linux (x86_64, aarch64), not on {platform.system()} {machine}: "
            "use a Linux virtual machine, or kind"
        )
    return _ARCHITECTURES[machine]
