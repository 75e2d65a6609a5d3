"""Processes: logs, stopping, and that nothing survives its starter, however that one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rem_local import processes

_ENV = {"PATH": os.defpath}

# A child that ignores polite requests, with a grandchild in a session of its own.
_STARTER = """
import asyncio, signal, sys
from pathlib import Path
from rem_local import processes

# A shell ignores SIGINT for what it starts in the background, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)

async def main():
    directory = Path(sys.argv[1])
    with processes.temporary_directory("rem-local-test-") as temporary:
        child = await processes.start(
            ["sh", "-c", "trap '' TERM INT HUP; setsid sleep 300 & echo $! > grandchild; wait; sleep 300"],
            env={"PATH": "/usr/bin:/bin"}, log=directory / "log", cwd=directory)
        while not (directory / "grandchild").exists() or not (directory / "grandchild").read_text().strip():
            await asyncio.sleep(0.01)
        print(child.pid, (directory / "grandchild").read_text().strip(), temporary, flush=True)
        while True:
            # asyncio sets no wakeup fd for SIGINT: one that arrives right before the loop sleeps is seen when it wakes.
            await asyncio.sleep(0.1)

asyncio.run(main())
"""


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _soon(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        signal.sigtimedwait([], 0.02)
    return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_survives_the_starter(tmp_path: Path, number: signal.Signals) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTER, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert starter.stdout is not None
    child, grandchild, temporary = starter.stdout.readline().split()
    assert _alive(int(child))
    assert _alive(int(grandchild))
    starter.send_signal(number)
    starter.wait(10)
    starter.stdout.close()
    assert _soon(lambda: not _alive(int(child)) and not _alive(int(grandchild)))
    assert _soon(lambda: not Path(temporary).exists())


async def test_output_goes_to_the_log_and_the_code_comes_back(tmp_path: Path) -> None:
    argv = ["sh", "-c", "echo $WORD; echo wrong >&2; exit 3"]
    process = await processes.start(argv, env={**_ENV, "WORD": "right"}, log=tmp_path / "logs" / "x.log")
    assert await process.wait() == 3
    assert process.tail() == "right\nwrong"
    assert process.tail(1) == "wrong"


async def test_the_environment_is_exactly_what_was_given(tmp_path: Path) -> None:
    process = await processes.start(["/usr/bin/env"], env={"A": "b"}, log=tmp_path / "log")
    await process.wait()
    assert {line.split("=")[0] for line in process.tail().splitlines()} == {"A", "REM_LOCAL_OWNER"}


async def test_a_program_that_is_not_there_ends_with_127(tmp_path: Path) -> None:
    process = await processes.start(["/no/such/program"], env=_ENV, log=tmp_path / "log")
    assert await process.wait() == 127
    assert "cannot start /no/such/program: No such file" in process.tail()


async def test_stop_asks_first(tmp_path: Path) -> None:
    argv = ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo on; while :; do sleep 0.05; done"]
    process = await processes.start(argv, env=_ENV, log=tmp_path / "log")
    assert _soon(lambda: process.tail() == "on")
    assert await process.stop(grace_seconds=5) == 0
    assert process.tail() == "on\nbye"


async def test_stop_kills_the_whole_group_of_one_that_will_not_go(tmp_path: Path) -> None:
    argv = ["sh", "-c", "trap '' TERM; sleep 300 & echo $!; while :; do sleep 0.05; done"]
    process = await processes.start(argv, env=_ENV, log=tmp_path / "log")
    assert _soon(lambda: process.tail() != "")
    assert await process.stop(grace_seconds=0.2) == -signal.SIGKILL
    assert _soon(lambda: not _alive(int(process.tail())))


async def test_stopping_twice_is_harmless(tmp_path: Path) -> None:
    process = await processes.start(["true"], env=_ENV, log=tmp_path / "log")
    await process.wait()
    assert await process.stop() == 0
    assert await process.stop() == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_a_process_can_be_another_user(tmp_path: Path) -> None:
    process = await processes.start(["id", "-un"], env=_ENV, log=tmp_path / "log", user="nobody")
    assert await process.wait() == 0
    assert process.tail() == "nobody"
