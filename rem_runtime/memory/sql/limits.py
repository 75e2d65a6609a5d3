"""How much one statement of SQL mode may take, and which fences stand around it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Fence(Enum):
    """What stands between a statement and the database, each by itself. All of them, except where one is studied.

    Two more are not ours to switch: what the role `rem_sql` may do, and what its views show.
    """

    ALLOW_LIST = "only what is on the list is run: kinds of node, functions, operators, types"
    SCOPES = "only views and their columns are named, and expressions stay small when all names are written out"
    READ_ONLY = "the transaction is READ ONLY"
    REVOKED = "nothing is run where the role could change who asks, or is more than a reader"
    LIMITS = "time, memory and temporary files are limited"
    CAPS = "rows and bytes of the answer are limited"


ALL_FENCES = frozenset(Fence)


@dataclass(frozen=True, slots=True)
class SqlLimits:
    """The limits of one statement."""

    rows: int = 1_000
    """Rows of an answer; the rest is cut, and the answer says so."""
    result_bytes: int = 2_000_000
    """Bytes of an answer, as JSON; counted in the server, so that a larger one is never sent."""
    seconds: float = 5.0
    """How long a statement may run."""
    wait_seconds: float = 10.0
    """How long it may wait for a free connection."""
    work_mem_mb: int = 8
    """Memory of one sort or hash."""
    temp_file_mb: int = 256
    """Temporary files; holds only where a superuser has let the role set it."""


DEFAULT_LIMITS = SqlLimits()
