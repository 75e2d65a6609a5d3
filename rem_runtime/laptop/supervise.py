"""Runs one command and ends it when standard input ends: the way a server dies with a parent that was killed.

Started by path with a bare interpreter (`python -I -S supervise.py UID GID COMMAND…`), so it imports the standard
library only and nothing of ours. A parent-death signal (PR_SET_PDEATHSIG) would not do: it is cleared by the change of
user, it is tied to the parent's *thread*, and setting it needs Python code between fork and exec.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import Any

_FAST_SHUTDOWN_SECONDS = 5.0  # after this the server is told to stop without a checkpoint


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)
    try:
        server.wait(_FAST_SHUTDOWN_SECONDS)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)


def _stop_at_end_of_input(server: subprocess.Popen[bytes]) -> None:
    sys.stdin.buffer.read()
    _stop(server)


def main(arguments: list[str]) -> int:
    """Run the command as the given user (-1: as ourselves) and return its exit code."""
    uid, gid, *command = arguments
    identity: dict[str, Any] = {"user": int(uid), "group": int(gid), "extra_groups": []} if int(uid) >= 0 else {}
    # close_fds=False: the lock on the server's directory is passed on, and is free when the last of its processes ends.
    server: subprocess.Popen[bytes] = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, cwd="/", close_fds=False, **identity
    )
    threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: server.send_signal(signal.SIGINT))
    return server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
