"""The directory of one cluster: temporary, or one that the caller wants to look into afterwards.

A given directory is kept, but not continued from: every run begins with an empty cluster, because pods of the last run
are gone and their addresses with them.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rem_local import processes

_MARKER = ".rem-local"
# What the parts of a cluster write below it; nothing else is ever removed.
_OURS = (".kube", "etcd", "logs", "neighbours", "node", "pki")


class StateError(Exception):
    """The state directory cannot be used."""


@contextmanager
def state_directory(given: Path | None) -> Iterator[Path]:
    """Yield the directory, empty; others can pass through it but not list it, because PostgreSQL is another user."""
    if given is None:
        with processes.temporary_directory("rem-local-") as path:
            _prepare(path)
            yield path
        return
    path = given.absolute()
    path.mkdir(parents=True, exist_ok=True)
    marker = path / _MARKER
    if not marker.exists() and any(path.iterdir()):
        raise StateError(f"{path} has files in it that are not a cluster's: name an empty or a new directory")
    with marker.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(f"another cluster is running in {path}: stop it or name another directory") from None
        for name in _OURS:
            shutil.rmtree(path / name, ignore_errors=True)
        _prepare(path)
        yield path


def _prepare(path: Path) -> None:
    path.chmod(0o711)
    for name in ("logs", "pki"):
        (path / name).mkdir(mode=0o700)
    for name in ("node", "neighbours"):
        (path / name).mkdir(mode=0o711)
