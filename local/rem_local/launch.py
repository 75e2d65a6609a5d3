"""What runs between fork and exec of every process that rem_local starts.

`python -I -S launch.py PARENT_PID USER LC_CTYPE PROGRAM ARGV…`: asks the kernel to kill this process when its parent
dies, becomes the user, and turns into the program. A file of its own, because code between fork and exec of a process
with threads (`preexec_fn`) can deadlock. Standard library only and few imports, as it is run for every process; none
after becoming a user, who may not be allowed to read this Python's library.
"""

import ctypes
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def main() -> None:
    parent, user, locale, program, *argv = sys.argv[1:]
    # Python puts its own guess there when it starts without a locale.
    os.environ.pop("LC_CTYPE", None)
    if locale:
        os.environ["LC_CTYPE"] = locale
    if user:
        _become(user)
    # After setuid, which clears it; exec keeps it.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        # The parent died before the line above; nobody is left to tell.
        os._exit(1)
    # Python ignores SIGPIPE and that would be inherited.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execv(program, argv)
    except OSError as error:
        sys.stderr.write(f"cannot start {argv[0]}: {error.strerror}\n")
        os._exit(127)


if __name__ == "__main__":
    main()
