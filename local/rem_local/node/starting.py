"""From a container's spec to a running process.

Owns: the directories of a container (HOME, TMPDIR, termination message), its clean environment, its log. Must not
be in it: what happens when it ends (containers.py).
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rem_local import processes
from rem_local.kube import KubeError
from rem_local.node.actions import Target
from rem_local.node.environment import CommandLine, PathMap, command_line, mount_paths, pod_environment
from rem_local.node.podspec import Container
from rem_local.node.scope import PodScope
from rem_local.node.sources import UnresolvedReferenceError, gather_sources
from rem_local.processes import Process

_MESSAGE_BYTES = 4096
_FALLBACK_BYTES = 2048
_FALLBACK_LINES = 80
# Images of ours run in this interpreter's environment, so its programs are what the images' PATH would contain.
_PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"


class NotStartedError(Exception):
    """The container could not be started; `reason` is the waiting reason of a kubelet."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Started:
    """A running container and what its end is judged by."""

    container: Container
    process: Process
    target: Target
    message_file: Path
    log_offset: int

    def termination_message(self, exit_code: int) -> str:
        """What the program wrote to its termination message file, or the end of its log where the pod wants that."""
        message = _read_head(self.message_file, _MESSAGE_BYTES)
        if message or exit_code == 0 or self.container.termination_message_policy != "FallbackToLogsOnError":
            return message
        return _read_tail(self.process.log, self.log_offset)


async def start_container(scope: PodScope, container: Container) -> Started:
    """Start it once; raises NotStartedError."""
    try:
        return await _start(scope, container)
    except UnresolvedReferenceError as error:
        raise NotStartedError("CreateContainerConfigError", str(error)) from error
    except KubeError as error:
        raise NotStartedError("CreateContainerConfigError", f"the API server cannot be asked: {error}") from error
    except (OSError, ValueError) as error:
        raise NotStartedError("CreateContainerError", f"{type(error).__name__}: {error}") from error


async def _start(scope: PodScope, container: Container) -> Started:
    directory = scope.directory / "containers" / container.name
    await asyncio.to_thread(_make_directories, directory)
    message_file = directory / "termination-log"
    command, paths = await _command(scope, container, directory, message_file)
    log = log_file(scope, container.name)
    offset = log.stat().st_size if log.exists() else 0
    working_dir = Path(command.working_dir or directory / "home")
    process = await processes.start(command.argv, env=command.env, log=log, cwd=working_dir)
    target = Target(
        container=container,
        pod_ip=scope.address,
        command=command,
        working_dir=working_dir,
        scratch=directory,
        rewrite=paths.rewrite,
        http=scope.node.http,
    )
    return Started(container, process, target, message_file, offset)


async def _command(
    scope: PodScope, container: Container, directory: Path, message_file: Path
) -> tuple[CommandLine, PathMap]:
    image = scope.node.images.find(container.image)
    if image is None:
        raise NotStartedError("ErrImagePull", scope.node.images.why_not(container.image))
    sources = await gather_sources(scope.node.kube, scope.pod)
    variables = pod_environment(container, scope.facts(), sources, services=scope.node.services)
    mounts = mount_paths(container, volumes=scope.volumes.host_paths(scope.pod), variables=variables)
    paths = PathMap({container.termination_message_path: str(message_file), **mounts})
    # Where the pod mounts something at /tmp, that is where its temporary files belong.
    temporary = paths.rewrite("/tmp")
    base = {
        "PATH": _PATH,
        "LANG": "C.UTF-8",
        "HOME": str(directory / "home"),
        "TMPDIR": str(directory / "tmp") if temporary == "/tmp" else temporary,
    }
    command = command_line(container, image, variables, paths=paths, base=base)
    await asyncio.to_thread(_check_directories, list(mounts.values()), command.working_dir)
    return command, paths


def _check_directories(mounts: Sequence[str], working_dir: str) -> None:
    """A subPath that is not there yet is made, as by a kubelet; a workingDir outside of the volumes must exist."""
    for mount in mounts:
        if not Path(mount).exists():
            Path(mount).mkdir(parents=True)
    if working_dir and not Path(working_dir).is_dir():
        raise OSError(f"workingDir {working_dir} is not a directory on this host; mount a volume there")


def log_file(scope: PodScope, container: str) -> Path:
    """Where the container's output goes, over all its restarts."""
    meta = scope.pod.metadata
    return scope.node.log_dir / f"{meta.namespace}_{meta.name}_{container}.log"


def _make_directories(directory: Path) -> None:
    """A container starts with nothing of its previous run."""
    shutil.rmtree(directory, ignore_errors=True)
    for name in ("home", "tmp"):
        (directory / name).mkdir(parents=True)
    (directory / "termination-log").touch()


def _read_head(path: Path, size: int) -> str:
    try:
        with path.open("rb") as file:
            return file.read(size).decode(errors="replace")
    except OSError:
        return ""  # the program removed it: then it has no message


def _read_tail(log: Path, offset: int) -> str:
    """The last 2048 bytes or 80 lines, whichever is less, of what this run wrote."""
    try:
        with log.open("rb") as file:
            file.seek(max(offset, log.stat().st_size - _FALLBACK_BYTES))
            lines = file.read().decode(errors="replace").splitlines(keepends=True)
    except OSError:
        return ""  # somebody removed the log
    return "".join(lines[-_FALLBACK_LINES:])
