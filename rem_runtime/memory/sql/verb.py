"""The dialect's verb SQL: who may use it, and its rows as a part of an answer."""

from __future__ import annotations

from rem_runtime.memory.dialect.ast import Sql
from rem_runtime.memory.errors import DialectError, NotAvailable, NotPermitted
from rem_runtime.memory.retrieval.parts import Asking, Outcome

SQL_SCOPE = "sql"
_OFF = (
    "SQL mode is off here: it needs a login of its own. Set POSTGRES__SQL_USER (rem_sql) and POSTGRES__SQL_PASSWORD; "
    "until then ask with LOOKUP, FUZZY, SEARCH or TRAVERSE"
)


async def sql(query: Sql, asking: Asking, *, offset: int) -> Outcome:
    """The rows of the statement; `offset` is where it begins in the query. Raises NotPermitted, NotAvailable, and
    DialectError with its position in the query."""
    if SQL_SCOPE not in asking.scopes:
        raise NotPermitted(f"SQL needs the scope {SQL_SCOPE}; ask with LOOKUP, FUZZY, SEARCH or TRAVERSE")
    if asking.sql is None:
        raise NotAvailable(_OFF)
    outcome = Outcome()
    try:
        with outcome.timed("sql"):
            found = await asking.sql.run(query.text, asking.user)
    except DialectError as error:
        raise DialectError(error.reason, position=error.position + offset, hint=error.hint) from error
    outcome.rows = found.rows
    outcome.defaults["LIMIT"] = asking.sql.limits.rows
    outcome.notes.extend(found.notes)
    return outcome
