"""Every attack against the whole of SQL mode, and against each fence with the others down.

What must hold: nobody else's rows and nothing deleted in rows or errors, nothing written, a bounded time and a bounded
memory of the server's process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.memory.errors import DialectError
from rem_runtime.memory.sql import Fence, SqlLimits, SqlMode, check_statement

from .attacks import ATTACKS, Attack
from .conftest import Open, World

pytestmark = pytest.mark.postgres

CANARY = Path("/tmp/rem-canary")
TABLES = (
    "node", "name", "edge", "session", "message", "evidence", "chunk", "posting", "term_stat", "corpus_stat",
    "embedding", "embedding_model", "job", "run", "meta",
)  # fmt: skip
LIMITS = SqlLimits(seconds=2.0)
LAST_RESORT_MEGABYTES = 3_000
MEGABYTES = 250
FORBIDDEN = ("BOBSECRET", "GONE")
IDS = [f"{attack.group}: {attack.name}" for attack in ATTACKS]


class Watched:
    """SQL mode with one connection, whose server process is looked at while it works."""

    def __init__(self, mode: SqlMode, superuser: asyncpg.Connection) -> None:
        self._mode, self._superuser = mode, superuser
        self.peak_megabytes = 0.0
        self.seconds = 0.0

    async def run(self, statement: str) -> str:
        """Everything that came back, rows or error, as text."""
        self.peak_megabytes = 0.0
        watching = asyncio.create_task(self._watch())
        start = monotonic()
        try:
            answer = await self._mode.run(statement, "ann")
        except (DialectError, asyncpg.PostgresError, asyncpg.InterfaceError, UnicodeEncodeError) as error:
            return f"{type(error).__name__}: {error} {getattr(error, 'detail', '')}"
        else:
            return f"{answer.rows} {answer.notes}"
        finally:
            self.seconds = monotonic() - start
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    async def _watch(self) -> None:
        while True:
            pids = await self._superuser.fetch("select pid from pg_stat_activity where application_name = 'rem-sql'")
            for row in pids:
                self._look(row["pid"])
            await asyncio.sleep(0.03)

    def _look(self, pid: int) -> None:
        megabytes = _own_megabytes(pid)
        self.peak_megabytes = max(self.peak_megabytes, megabytes)
        if megabytes > LAST_RESORT_MEGABYTES:
            os.kill(pid, signal.SIGKILL)  # the server restarts and the test fails, but the machine lives


def _own_megabytes(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("RssAnon")), 0.0)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def looking(world: World) -> AsyncIterator[asyncpg.Connection]:
    """The superuser's connection for looking."""
    connection = await asyncpg.connect(world.superuser_dsn)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def as_it_was(looking: asyncpg.Connection) -> str:
    """The database before the attacks."""
    await asyncio.to_thread(CANARY.unlink, missing_ok=True)
    return await _state(looking)


async def _state(connection: asyncpg.Connection) -> str:
    """All that an attack could have changed: rows, tables, roles, rights, sequences, large objects."""
    hashed = "select md5(coalesce(string_agg(t::text, '' order by t::text), '')) from {} t"
    parts = [await connection.fetchval(hashed.format(table)) for table in TABLES]
    parts.append(
        await connection.fetchval(
            """
            select md5(
                (
                    select string_agg(relname || relkind::text || coalesce(relacl::text, ''), ',' order by oid)
                    from pg_class where relnamespace >= 2200
                )
                || (select string_agg(proname, ',' order by oid) from pg_proc where pronamespace >= 2200)
                || (select string_agg(rolname || rolsuper, ',' order by oid) from pg_roles)
                || (select count(*) from pg_largeobject_metadata) || (select count(*) from pg_prepared_xacts)
                || (select last_value || is_called::text from chunk_id_seq)
            )
            """
        )
    )
    return " ".join(parts)


@pytest_asyncio.fixture(loop_scope="session")
async def untouched(looking: asyncpg.Connection, as_it_was: str) -> AsyncIterator[None]:
    """After the test everything is as it was, and no lock is left."""
    yield
    assert not await asyncio.to_thread(CANARY.exists)
    assert await _state(looking) == as_it_was
    assert await looking.fetchval("select count(*) from pg_locks where locktype = 'advisory'") == 0
    assert await looking.fetchval("select count(*) from messages") == 20  # the server answers


def _assert_silent(said: str) -> None:
    for word in FORBIDDEN:
        # A refusal may name what the statement itself says.
        assert word not in said, said[:500]


@pytest.mark.parametrize("attack", ATTACKS, ids=IDS)
async def test_inside_all_fences(attack: Attack, open_mode: Open, looking: asyncpg.Connection, untouched: None) -> None:
    watched = Watched(await open_mode(limits=LIMITS, max_size=1), looking)
    said = await watched.run(attack.statement)
    _assert_silent(said)
    assert watched.seconds < LIMITS.seconds + 1.5
    assert watched.peak_megabytes < MEGABYTES
    assert said.startswith("DialectError") == (attack.listed != "harmless"), said[:500]


@pytest.mark.parametrize("attack", ATTACKS, ids=IDS)
async def test_the_allow_list_alone(attack: Attack, open_mode: Open, world: World, untouched: None) -> None:
    """As a superuser, nothing else in the way: the list lets nothing through that harms."""
    if attack.listed == "refused":
        with pytest.raises(DialectError) as refused:
            check_statement(attack.statement)
        assert 0 <= refused.value.position <= len(attack.statement)
        assert refused.value.hint
        return
    check_statement(attack.statement)
    if attack.listed == "ended":
        return  # it is for the server to end
    mode = await open_mode(only={Fence.ALLOW_LIST, Fence.SCOPES, Fence.CAPS}, dsn=world.superuser_dsn)
    answer = await mode.run(attack.statement, "ann")
    _assert_silent(str(answer.rows))


WITHOUT_THE_LIST = [attack for attack in ATTACKS if not attack.only_the_list_stops_it]


@pytest.mark.parametrize(
    "attack", WITHOUT_THE_LIST, ids=[f"{attack.group}: {attack.name}" for attack in WITHOUT_THE_LIST]
)
async def test_the_role_alone(attack: Attack, open_mode: Open, looking: asyncpg.Connection, untouched: None) -> None:
    """Nothing is looked at, nothing is READ ONLY: the role, its views and the revoked functions, and limits of time."""
    fences = {Fence.REVOKED, Fence.LIMITS, Fence.CAPS} | ({Fence.SCOPES} if attack.grows_in_the_planner else set())
    watched = Watched(await open_mode(only=fences, limits=LIMITS, max_size=1), looking)
    said = await watched.run(attack.statement)
    _assert_silent(said)
    assert watched.seconds < LIMITS.seconds + 3.5
    assert watched.peak_megabytes < MEGABYTES


def test_there_are_enough() -> None:
    assert len(ATTACKS) >= 100
    assert len(set(IDS)) == len(IDS)
