"""Readers in a process of their own, with a limit of memory and time: a hostile file ends that process, not ours.

Markdown and plain text are read where one is: their parsers are Python's and linear. Everything else goes over a pipe
to a child that knows no settings, no secrets and no connections. A child reads many files, one at a time, and ends when
it has been idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Final

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.readers import formats, wire
from rem_runtime.memory.ingest.readers.limits import MAX_ADDRESS_SPACE_BYTES, MAX_FILE_BYTES, MAX_SECONDS
from rem_runtime.memory.ingest.readers.reading import read_bytes, read_text
from rem_runtime.memory.ingest.readers.turns import Turns
from rem_runtime.memory.ingest.structure import Reading

_IDLE_SECONDS: Final = 60.0
# A process that has read this many files is replaced: what its libraries leaked goes with it.
_FILES_PER_CHILD: Final = 500
_START_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What one file may cost in the reader process."""

    seconds: float = MAX_SECONDS
    address_space_bytes: int = MAX_ADDRESS_SPACE_BYTES


class ReaderPool:
    """A reader process, started when it is needed. Safe to call from several tasks and event loops.

    One process: two would have half of the memory each, and a file takes milliseconds, its embedding a hundred times
    that. Where it takes longer, each `owner` in turn has one read. Raises Busy where too many wait.
    """

    def __init__(self, limits: ProcessLimits | None = None) -> None:
        self._limits = limits or ProcessLimits()
        self._turns = Turns()
        self._idle: list[_Child] = []
        self._lock = threading.Lock()
        # A pool that nobody closes ends its children when it is collected, or with the interpreter.
        self._finalizer = weakref.finalize(self, _end_all, self._idle, self._lock)

    async def read_file(self, data: bytes, *, uri: str, media_type: str | None, owner: str = "") -> Reading:
        """What a file says; raises InvalidInput with the reason why it is not read."""
        if formats.of_media_type(media_type) in _READ_HERE or (
            not formats.says_something(media_type) and formats.of_name(uri) in _READ_HERE
        ):
            return await asyncio.to_thread(read_bytes, data, uri=uri, media_type=media_type)
        if len(data) > MAX_FILE_BYTES:
            raise InvalidInput(f"it has {len(data):,} bytes; at most {MAX_FILE_BYTES:,} are read: split it")
        return await self._ask({"do": "bytes", "uri": uri, "media_type": media_type}, data, owner)

    async def read_text(self, content: str, *, uri: str, media_type: str, owner: str = "") -> Reading:
        """The same for a document that came as text."""
        chosen = formats.of_media_type(media_type)
        if chosen is None or chosen.binary or chosen in _READ_HERE:
            return await asyncio.to_thread(read_text, content, uri=uri, media_type=media_type)
        body = content.encode("utf-8", "surrogatepass")
        return await self._ask({"do": "text", "uri": uri, "media_type": media_type}, body, owner)

    def close(self) -> None:
        """Ends the idle processes; one that is reading ends with its file."""
        _end_all(self._idle, self._lock)

    async def _ask(self, request: Mapping[str, Any], body: bytes, owner: str) -> Reading:
        answer = await self._turns.take(owner, partial(self._ask_child, request, body))
        if "reason" in answer:
            raise InvalidInput(str(answer["reason"]))
        return wire.reading_of(answer)

    def _ask_child(self, request: Mapping[str, Any], body: bytes) -> Mapping[str, Any]:
        with self._lock:
            child = self._idle.pop() if self._idle else None
        if child is None or not child.begin():
            child = _Child(self._limits)
        try:
            answer = child.ask(request, body)
        except _DiedError as error:
            return {"reason": str(error)}
        except BaseException:
            child.end()
            raise
        if child.asked < _FILES_PER_CHILD and self._finalizer.alive:
            with self._lock:
                self._idle.append(child)
            child.rest(self._forget)
        else:
            child.end()
        return answer

    def _forget(self, child: _Child) -> None:
        with self._lock:
            if child not in self._idle:
                return
            self._idle.remove(child)
        child.end()


_READ_HERE = frozenset({formats.MARKDOWN, formats.PLAIN})


class _DiedError(Exception):
    """The child is gone; the message says why."""


class _Child:
    """One process, and the pipe to it."""

    def __init__(self, limits: ProcessLimits) -> None:
        self._limits = limits
        self.asked = 0
        self._timer: threading.Timer | None = None
        # No environment but what Python needs to find itself: the parent's has passwords.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "rem_runtime.memory.ingest.readers.child", str(limits.address_space_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": "", "LANG": "C.UTF-8"},
            close_fds=True,
        )

    def begin(self) -> bool:
        """Whether it still waits for work."""
        if self._timer is not None:
            self._timer.cancel()
        if self._process.poll() is None:
            return True
        self.end()
        return False

    def rest(self, forget: Any) -> None:
        """Idle from now on; `forget` is called with it when that has been long."""
        self._timer = threading.Timer(_IDLE_SECONDS, forget, [self])
        self._timer.daemon = True
        self._timer.start()

    def ask(self, request: Mapping[str, Any], body: bytes) -> Mapping[str, Any]:
        """What it answers; raises _DiedError when it does not, in time."""
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        # The first file waits for the imports too.
        seconds = self._limits.seconds + (0 if self.asked else _START_SECONDS)
        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        self.asked += 1
        try:
            stdin, stdout = self._pipes()
            with contextlib.suppress(BrokenPipeError):
                wire.send(stdin, json.dumps(request).encode(), body)
            answer = wire.receive(stdout)
        finally:
            timer.cancel()
        if answer is None:
            self.end()
            raise _DiedError(self._why(late.is_set()))
        found: Mapping[str, Any] = json.loads(answer[0])
        return found

    def end(self) -> None:
        """Ends the process and waits for it."""
        if self._timer is not None:
            self._timer.cancel()
        self._process.kill()
        for pipe in self._pipes():
            with contextlib.suppress(OSError):
                pipe.close()
        self._process.wait()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise AssertionError("both pipes were asked for")
        return stdin, stdout

    def _why(self, late: bool) -> str:  # noqa: FBT001 - the one thing that it depends on
        if late:
            return f"reading it took longer than {self._limits.seconds:g} s; split it, or save it anew"
        megabytes = self._limits.address_space_bytes // (1024 * 1024)
        return f"its reader ended: it is broken, or takes more than {megabytes:,} MiB of memory to read"


def _end_all(idle: list[_Child], lock: threading.Lock) -> None:
    with lock:
        children, idle[:] = list(idle), []
    for child in children:
        child.end()
