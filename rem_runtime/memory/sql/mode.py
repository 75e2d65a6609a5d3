"""SQL mode: one SELECT of a caller's, run as the role `rem_sql`, inside every fence.

Owns the role's connections and the transaction around a statement. What a statement may be made of is `check`'s; what
the role may read is the schema's (`views.py`, `grants.sql`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import asyncpg

from rem_runtime.memory.errors import DialectError, InvalidInput, NotAvailable
from rem_runtime.memory.sql.check import check_list
from rem_runtime.memory.sql.limits import ALL_FENCES, DEFAULT_LIMITS, Fence, SqlLimits
from rem_runtime.memory.sql.rows import parse_row
from rem_runtime.memory.sql.scope import check_scopes
from rem_runtime.memory.sql.tree import parse_statement
from rem_runtime.memory.statements import load_statements

_SQL = load_statements(Path(__file__).with_suffix(".sql"))
_BATCH_ROWS = 200
# The server's own limit ends a statement first; this one is for a server that does not answer.
_GRACE_SECONDS = 2.0

_SETTINGS = {
    "application_name": "rem-sql",
    "timezone": "UTC",
    "intervalstyle": "iso_8601",
    # The parser that checks takes backslashes as letters; the one that runs must, too.
    "standard_conforming_strings": "on",
    # `bounded` first: schema/bounded.sql says why. Temporary tables last: nothing of theirs can take a view's name.
    "search_path": "bounded, pg_catalog, public, pg_temp",
    # asyncpg asks with set_config when JIT is on, which this role may not.
    "jit": "off",
    # A group at a time, sorted: the values of many groups gathered at once have no limit together.
    "enable_hashagg": "off",
    "hash_mem_multiplier": "1",
    "max_parallel_workers_per_gather": "0",
}


@dataclass(frozen=True, slots=True)
class SqlRows:
    """What came of a statement."""

    rows: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    """What was cut."""


class SqlMode:
    """Runs statements on connections of their own; made by `open_sql_mode`, safe to share."""

    def __init__(
        self, pool: asyncpg.Pool, *, limits: SqlLimits = DEFAULT_LIMITS, fences: frozenset[Fence] = ALL_FENCES
    ) -> None:
        self._pool = pool
        self.limits = limits
        self._fences = fences
        self._may_limit_files: bool | None = None

    async def close(self) -> None:
        """Ends the connections; a statement that still runs is not waited for."""
        self._pool.terminate()

    async def run(self, text: str, user: str) -> SqlRows:
        """The rows of one SELECT as the user sees them.

        Raises DialectError (position in `text`) for what is refused and for what PostgreSQL finds wrong, NotAvailable
        where the database is not prepared for SQL mode, InvalidInput for a user that cannot be one, TimeoutError when
        no connection is free.
        """
        body, start = self._checked(text)
        script = self._script(user)
        wrapped = self._wrapped(body)
        before = wrapped.index(body)
        async with self._pool.acquire(timeout=self.limits.wait_seconds) as connection:
            try:
                async with self._transaction(connection, script, user):
                    return await self._fetch(connection, wrapped)
            except asyncpg.PostgresError as error:
                _translate(error, lambda place: min(max(place - 1 - before, 0), len(body)) + start, self.limits)

    def _checked(self, text: str) -> tuple[str, int]:
        """The statement without what stands around it, and where it begins."""
        if not self._fences & {Fence.ALLOW_LIST, Fence.SCOPES}:
            return text, 0
        statement = parse_statement(text)
        if Fence.ALLOW_LIST in self._fences:
            check_list(statement)
        if Fence.SCOPES in self._fences:
            check_scopes(statement.tree, statement.source)
        return statement.body, statement.start

    def _script(self, user: str) -> str:
        limits = self.limits
        begin = _SQL["begin_read_only" if Fence.READ_ONLY in self._fences else "begin"]
        parts = [begin, _SQL["user"].format(user=quoted(user))]
        if Fence.LIMITS in self._fences:
            milliseconds = round(limits.seconds * 1000)
            parts.append(
                _SQL["limits"].format(
                    milliseconds=milliseconds,
                    transaction_milliseconds=milliseconds + 500,
                    work_mem_mb=limits.work_mem_mb,
                )
            )
        return "\n".join(parts)

    def _wrapped(self, body: str) -> str:
        limits = self.limits
        form = _SQL["capped_rows" if Fence.CAPS in self._fences else "all_rows"]
        return form.format(body=body, rows=limits.rows, result_bytes=limits.result_bytes)

    @asynccontextmanager
    async def _transaction(self, connection: Any, script: str, user: str) -> AsyncIterator[None]:
        deadline = self.limits.seconds + _GRACE_SECONDS if Fence.LIMITS in self._fences else None
        ended = False
        try:
            async with asyncio.timeout(deadline):
                if Fence.LIMITS in self._fences and await self._limits_files(connection):
                    script += "\n" + _SQL["temp_file_limit"].format(temp_file_mb=self.limits.temp_file_mb)
                await connection.execute(script)
                _hold(await connection.fetchrow(_SQL["guard"]), user, self._fences)
                try:
                    yield
                except asyncio.CancelledError:
                    # Too late, or nobody waits any more. Whatever is sent now would wait for the statement to end.
                    ended = True
                    connection.terminate()
                    raise
                finally:
                    if not ended and not connection.is_closed():
                        await connection.execute(_SQL["rollback"])
        except TimeoutError:
            # It hangs where PostgreSQL cannot be interrupted: leave it to the server's own limits.
            if not ended:
                connection.terminate()
            raise _too_slow(self.limits) from None

    async def _limits_files(self, connection: Any) -> bool:
        if self._may_limit_files is None:
            self._may_limit_files = bool(await connection.fetchval(_SQL["may_limit_files"]))
        return self._may_limit_files

    async def _fetch(self, connection: Any, wrapped: str) -> SqlRows:
        """All rows, or as many as the caps let through; the portal is read in batches."""
        limits, capped = self.limits, Fence.CAPS in self._fences
        rows: list[dict[str, Any]] = []
        async for record in connection.cursor(wrapped, prefetch=_BATCH_ROWS):
            if capped and len(rows) == limits.rows:
                note = f"cut at {limits.rows} rows; ask for fewer with LIMIT, or group them"
                return SqlRows(tuple(rows), (note,))
            if record["row"] is None:
                note = f"cut at {len(rows)} rows: an answer has at most {limits.result_bytes} bytes; name fewer columns"
                return SqlRows(tuple(rows), (note,))
            rows.append(parse_row(record["row"]))
        return SqlRows(tuple(rows), ())


async def open_sql_mode(
    *,
    max_size: int = 2,
    limits: SqlLimits = DEFAULT_LIMITS,
    fences: frozenset[Fence] = ALL_FENCES,
    **connect: Any,
) -> SqlMode:
    """SQL mode over a pool that connects when it is first needed; `connect` is what `asyncpg.connect` takes.

    `fences` is for studying one of them without the others; a server has them all.
    """
    settings = {**_SETTINGS, **connect.pop("server_settings", {}), "application_name": _SETTINGS["application_name"]}
    connect.pop("command_timeout", None)  # of ours are the deadlines
    pool = await asyncpg.create_pool(
        min_size=0, max_size=max_size, reset=_reset, statement_cache_size=0, server_settings=settings, **connect
    )
    return SqlMode(pool, limits=limits, fences=fences)


def quoted(user: str) -> str:
    """A user as a literal that means the same whatever the server's settings for strings are; raises InvalidInput."""
    if "\x00" in user or any("\ud800" <= letter <= "\udfff" for letter in user):
        raise InvalidInput("a user is text, without U+0000 and half surrogate pairs")
    return "E'" + user.replace("\\", "\\\\").replace("'", "\\'") + "'"


async def _reset(connection: Any) -> None:
    await connection.execute(_SQL["reset"])


def _hold(guard: asyncpg.Record, user: str, fences: frozenset[Fence]) -> None:
    """The connection is what it must be, or nothing is run in it."""
    if guard["asker"] != user:
        raise AssertionError("the database has another user than the one who asks")
    if Fence.REVOKED not in fences:
        return
    if guard["may_set_config"]:
        raise NotAvailable(
            "SQL mode is off: in this database everybody may execute set_config, and with it see the rows of others. "
            "As a superuser: REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC, and "
            "grant it to the owner WITH GRANT OPTION; then run `rem-runtime schema apply`"
        )
    if guard["privileged"] or guard["reads_tables"]:
        raise NotAvailable("SQL mode is off: POSTGRES__SQL_USER is more than a reader of the views; set it to rem_sql")


def _too_slow(limits: SqlLimits) -> DialectError:
    return DialectError(
        f"the statement took longer than {limits.seconds:g} s",
        position=0,
        hint="ask for less: WHERE, LIMIT, fewer joins",
    )


_ASK_FOR_LESS = "ask for less: WHERE, LIMIT, fewer joins"
# SQLSTATE classes that are about the statement: what it says, what it computes, how much it takes.
_ABOUT_THE_STATEMENT = ("0A", "21", "22", "2F", "42", "54", "25", "39", "3F")
_TOO_SLOW = ("57014", "25P04", "55P03")
_TOO_MUCH = ("53400", "53200")


def _translate(error: asyncpg.PostgresError, place: Any, limits: SqlLimits) -> NoReturn:
    """PostgreSQL's complaint as ours; what is not about the statement goes on as it is."""
    state = str(error.sqlstate or "")
    if state in _TOO_SLOW:
        raise _too_slow(limits) from error
    if state in _TOO_MUCH or state[:2] == "XX":
        raise DialectError("the statement takes too much memory or disk", position=0, hint=_ASK_FOR_LESS) from error
    if state[:2] not in _ABOUT_THE_STATEMENT:
        raise error
    position = place(int(error.position)) if getattr(error, "position", None) else 0
    hint = str(getattr(error, "hint", None) or "docs/sql-mode.md lists the views and what can be used")
    raise DialectError(
        str(error.message if hasattr(error, "message") else error), position=position, hint=hint
    ) from error
