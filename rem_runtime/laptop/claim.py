"""Who serves a directory: one `rem dev` at a time, told by a lock and not by a pid that may be somebody else's by now.

The lock is flock's, on `.rem/dev.json`: a server that was killed holds none. The file says what the next one tells the
person, and where the database listens for who wants to look into it.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rem_runtime.laptop.errors import LaptopError

CLAIM_FILE = "dev.json"


class Claim:
    """`with Claim(state) as claim`: this process serves the directory. Raises LaptopError where another one does."""

    def __init__(self, state: Path) -> None:
        self._file = state / CLAIM_FILE
        try:
            # Not inherited by PostgreSQL and the readers: it ends with this process, however that ends.
            self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LaptopError(
                f"{self._file} cannot be written: {error.strerror}; it says who serves {state}"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise LaptopError(_refusal(_read(self._file))) from None
        self.tell()

    def tell(self, **known: Any) -> None:
        """Write down what is known of this server by now: its pid and `known`."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps({"pid": os.getpid(), **known}).encode() + b"\n", 0)

    def close(self) -> None:
        """Let the next one in. Twice is nothing."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(file: Path) -> dict[str, Any]:
    """What the other one wrote; nothing where it is just writing."""
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(told: dict[str, Any]) -> str:
    """For the person who started the second one."""
    where = f" at {told['url']}" if "url" in told else ", not ready yet"
    pid = f" (pid {told['pid']})" if "pid" in told else ""
    return f"`rem dev` already serves this directory{where}{pid}: use that one, or end it with Ctrl-C"
