"""The keeper: outlives its parent by a moment, to kill what the parent's death left behind.

`python -I -S keeper.py MARK PARENT_PID`, with a pipe from the parent as standard input. While the parent lives it
only notes lines: `dir PATH` (a temporary directory to remove) and `forget PATH`. When the pipe closes, the parent has
ended or was killed: then every process whose environment carries MARK dies, in whatever session it hides, and the
directories go. The kernel has killed the direct children by then (launch.py); the keeper is for their children.
"""

import os
import pathlib
import select
import shutil
import signal
import sys

# How often the parent is looked for, in case a fork of it holds the pipe open.
_LOOK_SECONDS = 1.0
_PASSES = 20


def marked(mark: bytes) -> list[int]:
    """Ids of the processes, other than this one, whose environment carries `mark`."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue  # gone meanwhile, or somebody else's
    return found


def kill_marked(mark: bytes) -> None:
    """SIGKILL until none is left; one that forks while we look is found by the next pass."""
    for _ in range(_PASSES):
        found = marked(mark)
        if not found:
            return
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        select.select([], [], [], 0.05)


def _watch(parent: int) -> set[str]:
    """Wait for the parent's end; the directories to remove."""
    told = b""
    while True:
        # Asked first: what is in the pipe by then is all that it will ever say.
        is_orphan = os.getppid() != parent
        if select.select([0], [], [], 0 if is_orphan else _LOOK_SECONDS)[0]:
            data = os.read(0, 65536)
            told += data
            if not data:
                break
        elif is_orphan:
            break
    return _directories(told.decode())


def _directories(told: str) -> set[str]:
    directories: set[str] = set()
    for line in told.splitlines():
        word, _, path = line.partition(" ")
        if word == "dir":
            directories.add(path)
        elif word == "forget":
            directories.discard(path)
    return directories


def main() -> None:
    mark, parent = sys.argv[1].encode(), int(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    directories = _watch(parent)
    kill_marked(mark)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
