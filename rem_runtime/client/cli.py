"""`rem`, from the first line on: Ctrl-C ends it without a stack, also while its packages are still being imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    try:
        from rem_runtime.client.commands import run  # noqa: PLC0415 - a third of a second, in which people press Ctrl-C

        return run(argv)
    except KeyboardInterrupt:
        sys.stderr.write("rem: interrupted\n")
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
