"""Which OS account runs PostgreSQL, and which directories that account can reach.

PostgreSQL refuses to run as root, so root hands it to another account: `postgres` where the machine has one, else
`nobody`, which every Debian has (initdb insists on an entry in the passwd database, so a free uid is not enough).
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rem_runtime.laptop.errors import EmbeddedPostgresError

# For root only: everybody may pass through it, and unlike /tmp it is not cleared on a reboot.
SHARED_BASE = Path("/var/tmp/rem-postgres")  # noqa: S108 - each directory in it is made 0700 for one account
_PREFERRED_SERVER_ACCOUNTS = ("postgres", "nobody")
_ORIGIN_FILE = "stands-in-for"


@dataclass(frozen=True, slots=True)
class Account:
    """The OS account of the server; `switch` is true when we are root and have to become it."""

    name: str
    uid: int
    gid: int
    switch: bool

    @property
    def identity(self) -> dict[str, Any]:
        """The arguments of `subprocess` that start a process as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}


def server_account() -> Account:
    """Our own account, or as root the first of `postgres` and `nobody` that exists."""
    uid = os.geteuid()
    if uid != 0:
        return Account(name=str(uid), uid=uid, gid=os.getegid(), switch=False)
    for name in _PREFERRED_SERVER_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid, switch=True)
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root, and this machine has neither the user postgres nor nobody: "
        "create one (useradd --system postgres) or start this as another user"
    )


def can_reach(account: Account, directory: Path) -> bool:
    """Whether the account may pass through `directory` and all its parents; missing ones count as reachable."""
    for part in (directory.absolute(), *directory.absolute().parents):
        try:
            status = part.stat()
        except FileNotFoundError:
            continue
        if not _may_enter(account, status):
            return False
    return True


def _may_enter(account: Account, status: os.stat_result) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def reachable_directory(preferred: Path, account: Account) -> Path:
    """`preferred` where the server's account can reach it, else a directory in its place under `SHARED_BASE`.

    The substitute is the same for the same `preferred`, so data is found again. `preferred` is made too, empty: when
    somebody removes it, `sweep_substitutes` removes its substitute.
    """
    if can_reach(account, preferred):
        return preferred
    preferred.mkdir(parents=True, exist_ok=True)
    origin = str(preferred.absolute())
    substitute = SHARED_BASE / hashlib.sha256(origin.encode()).hexdigest()[:16]
    SHARED_BASE.mkdir(mode=0o755, exist_ok=True)
    if SHARED_BASE.stat().st_uid != 0:
        raise EmbeddedPostgresError(f"{SHARED_BASE} belongs to somebody else: remove it, or start this as another user")
    SHARED_BASE.chmod(0o755)
    substitute.mkdir(mode=0o755, exist_ok=True)
    (substitute / _ORIGIN_FILE).write_text(origin)
    return substitute


def sweep_substitutes() -> None:
    """Remove the substitutes of directories that are gone (a parent that was killed leaves its own)."""
    if os.geteuid() != 0 or not SHARED_BASE.is_dir():
        return
    for origin_file in SHARED_BASE.glob(f"*/{_ORIGIN_FILE}"):
        if not Path(origin_file.read_text()).exists():
            shutil.rmtree(origin_file.parent, ignore_errors=True)


def hand_over(directory: Path, account: Account) -> Path:
    """Make `directory`, readable by the server's account alone."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account.switch:
        os.chown(directory, account.uid, account.gid)
    return directory
