"""Processes that die with us: on a clean stop, on Ctrl-C, and when this process is killed.

Owns: starting, stopping and the three ropes that tie a process to its starter: PDEATHSIG for direct children
(launch.py), a session of its own so that a terminal's Ctrl-C reaches only us and we stop things in order, and the
keeper for grandchildren (keeper.py). Must not be in it: what is started.

The kernel sends PDEATHSIG when the *thread* that started the process ends, so start processes from a thread that
lives as long as they should: an event loop's thread, never an executor's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rem_local import keeper

_HERE = Path(__file__).parent
_MARK_NAME = "REM_LOCAL_OWNER"
_TAIL_BYTES = 16384


@dataclass(eq=False)
class Process:
    """A started process and its log."""

    argv: tuple[str, ...]
    log: Path
    _process: asyncio.subprocess.Process = field(repr=False)

    @property
    def pid(self) -> int:
        """Also the id of its process group and session."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; −N when signal N killed it."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait until it ends by itself or is stopped; its exit code."""
        return await self._process.wait()

    def signal(self, number: int) -> None:
        """Send a signal to the process alone, as a kubelet does to a container's first process."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def stop(self, grace_seconds: float = 10.0) -> int:
        """SIGTERM, wait, then SIGKILL for it and everything in its process group; its exit code."""
        if self.returncode is None:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.wait()), grace_seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        return await self.wait()

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log, for error messages."""
        return tail_of(self.log, lines)


def tail_of(log: Path, lines: int = 15) -> str:
    """The last lines of a log file; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


async def start(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    log: Path,
    cwd: Path | None = None,
    user: str | None = None,
) -> Process:
    """Start a program with exactly `env`, its output appended to `log`; as another OS user when we are root.

    A program that cannot be started ends with exit code 127 and says so in its log.
    """
    words = tuple(str(word) for word in argv)
    # Found here and not after becoming the user, who may not be allowed to read this Python's library.
    program = shutil.which(words[0], path=env.get("PATH", os.defpath)) or words[0]
    log.parent.mkdir(parents=True, exist_ok=True)
    details = (str(os.getpid()), user or "", env.get("LC_CTYPE", ""))
    launch = (sys.executable, "-I", "-S", str(_HERE / "launch.py"), *details, program, *words)
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *launch,
            env={**env, _MARK_NAME: _keeper().mark},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            start_new_session=True,
        )
    return Process(argv=words, log=log, _process=process)


@contextlib.contextmanager
def temporary_directory(prefix: str) -> Iterator[Path]:
    """A directory (mode 0700) that also goes when this process is killed."""
    keeper_process = _keeper()
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        keeper_process.tell(f"dir {name}")
        yield Path(name)
    keeper_process.tell(f"forget {name}")


class _Keeper:
    """The keeper process, and the pipe whose end tells it that we died."""

    def __init__(self) -> None:
        self.mark = secrets.token_hex(8)
        read_end, self._write_end = os.pipe()
        # Not Popen, which would want to be waited for: the keeper ends after us.
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", keeper.__file__, f"{_MARK_NAME}={self.mark}", str(os.getpid())],
            {},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, read_end, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,
        )
        os.close(read_end)

    def tell(self, line: str) -> None:
        os.write(self._write_end, f"{line}\n".encode())


_lock = threading.Lock()
_keepers: dict[int, _Keeper] = {}


def _keeper() -> _Keeper:
    """This process's keeper. One for all: it belongs to the OS process, like the processes that it looks after."""
    with _lock:
        if os.getpid() not in _keepers:
            _keepers.clear()
            _keepers[os.getpid()] = _Keeper()
        return _keepers[os.getpid()]
