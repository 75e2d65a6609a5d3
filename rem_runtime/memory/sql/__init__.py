"""SQL mode: one SELECT over the views, as a role of its own, behind fences that hold each by itself (docs/sql-mode.md).

Depends on the schema's views and on the errors; nothing of the memory's other parts.
"""

from rem_runtime.memory.sql.check import check_statement
from rem_runtime.memory.sql.limits import ALL_FENCES, DEFAULT_LIMITS, Fence, SqlLimits
from rem_runtime.memory.sql.mode import SqlMode, SqlRows, open_sql_mode

__all__ = [
    "ALL_FENCES",
    "DEFAULT_LIMITS",
    "Fence",
    "SqlLimits",
    "SqlMode",
    "SqlRows",
    "check_statement",
    "open_sql_mode",
]
