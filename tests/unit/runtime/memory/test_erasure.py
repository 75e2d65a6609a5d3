"""Delete, purge and forget: what becomes invisible, what goes along, what stays, and who may."""

from __future__ import annotations

import asyncio
import contextlib
from uuid import UUID, uuid4

import asyncpg
import pytest

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.erasure import ErasedKind
from rem_runtime.memory.errors import InvalidInput, NotFound, NotPermitted
from rem_runtime.memory.ingest import Document, EntityInput
from rem_runtime.memory.models import InlineEdge
from rem_runtime.memory.records.inputs import UserInput
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN, BOB, Ask, Remember, TenantDatabase, labels

pytestmark = pytest.mark.postgres

KINDS: tuple[ErasedKind, ...] = ("resource", "entity", "moment", "user", "file", "session", "message")
VERBS = [
    "LOOKUP zebra",
    "FUZZY zebra",
    "SEARCH stripes MODE lexical",
    "SEARCH stripes MODE dense",
    "SEARCH stripes",
    "SEARCH stripes WHERE kind = resource",
    "TRAVERSE zebra",
    "TRAVERSE zebra DEPTH 0",
    "TRAVERSE horse IN",
    "TRAVERSE horse DEPTH 0",
]


async def thing(pool: asyncpg.Pool, kind: str, owner: str) -> UUID:
    """A thing of any kind, as an API would have stored it."""
    one: UUID
    if kind in {"session", "message"}:
        one = await pool.fetchval("insert into session (owner) values ($1) returning id", owner)
        if kind == "message":
            one = await pool.fetchval(
                "insert into message (session_id, role, content, owner) values ($1, 'user', 'hello', $2) returning id",
                one, owner,
            )  # fmt: skip
        return one
    one = await pool.fetchval(
        "insert into node (owner, kind, key, label, data, fuzzy_text) values ($1, $2, 'x', 'x', $3, 'x') returning id",
        owner, kind, {"uri": f"{uuid4()}"},
    )  # fmt: skip
    await pool.execute("insert into name values ('x', $1, $2, $3, false)", owner, kind, one)
    return one


async def entity(memory: Memory, label: str, caller: Caller = ANN, **fields: object) -> UUID:
    return (await memory.put_entity(EntityInput.model_validate({"label": label, **fields}), caller))[0].id


async def rests(pool: asyncpg.Pool, made: UUID, *sources: UUID, column: str = "node_id") -> None:
    for source in sources:
        await pool.execute(f"insert into evidence ({column}, source_node_id) values ($1, $2)", made, source)


async def exists(pool: asyncpg.Pool, *nodes: UUID) -> list[bool]:
    return [await pool.fetchval("select exists (select from node where id = $1)", node) for node in nodes]


class TestSoftDelete:
    async def test_is_invisible_for_every_verb_and_list(
        self, memory: Memory, remember: Remember, ask: Ask, pool: asyncpg.Pool
    ) -> None:
        await entity(memory, "Horse", ADMIN)
        document = await remember("zebra.md", "---\nlike: [Horse]\n---\n# Zebra\n\nBlack and white stripes.")
        before = {verb: (await ask(verb)).results for verb in VERBS}
        assert all(before.values())
        report = await memory.delete(ADMIN, kind="resource", thing_id=document.id)
        assert (report.purged, report.resources, report.chunks, report.edges) == (False, 1, 1, 1)
        for verb in VERBS:
            answer = await ask(verb)
            said = answer.model_dump_json(
                exclude={"query": True, "memo": True, "notes": True, "results": {"__all__": {"ref"}}}
            ).lower()
            assert "zebra" not in said, verb
            assert "stripes" not in said, verb
        assert (await ask("TRAVERSE horse DEPTH 0")).results[0].edges == ()
        assert (await memory.list_resources(ADMIN)).items == ()
        with pytest.raises(NotFound):
            await memory.get_resource(document.id, ADMIN)
        row = await pool.fetchrow("select deleted_at, version from node where id = $1", document.id)
        assert row["deleted_at"] is not None
        assert row["version"] == 2
        for table in ("chunk", "posting", "embedding"):
            assert await pool.fetchval(f"select count(*) from {table}") == 0
        assert await pool.fetchval("select count(*) from name where node_id = $1", document.id) == 0

    async def test_the_same_uri_and_label_may_be_created_anew(
        self, memory: Memory, remember: Remember, ask: Ask
    ) -> None:
        first = await remember("zebra.md", "# Zebra\n\nstripes")
        await memory.delete(ADMIN, kind="resource", thing_id=first.id)
        second = await remember("zebra.md", "# Zebra\n\nstripes")
        assert second.created
        assert second.id != first.id
        assert [hit.node.id for hit in (await ask("LOOKUP zebra")).results] == [second.id]  # type: ignore[union-attr]
        one = await entity(memory, "Horse")
        await memory.delete(ANN, kind="entity", thing_id=one)
        assert await entity(memory, "Horse") != one

    async def test_twice_is_not_found_and_a_purge_still_finds_it(
        self, memory: Memory, remember: Remember, pool: asyncpg.Pool
    ) -> None:
        old = await remember("zebra.md", "# Zebra\n\nstripes")
        await memory.delete(ADMIN, kind="resource", thing_id=old.id)
        new = await remember("zebra.md", "# Zebra\n\nstripes anew")
        with pytest.raises(NotFound):
            await memory.delete(ADMIN, kind="resource", thing_id=old.id)
        assert (await memory.delete(ADMIN, kind="resource", thing_id=old.id, purge=True)).resources == 1
        assert await exists(pool, old.id, new.id) == [False, True], "the new document of that uri is another thing"
        with pytest.raises(NotFound):
            await memory.delete(ADMIN, kind="resource", thing_id=old.id, purge=True)

    @pytest.mark.parametrize("purge", [False, True])
    async def test_a_file_and_its_document_go_together(
        self, memory: Memory, remember: Remember, pool: asyncpg.Pool, purge: bool
    ) -> None:
        for asked in ("file", "resource"):
            document = await remember(f"{asked}.md", "# Zebra")
            other = await remember(f"{asked}2.md", "# Zebra")
            file = await pool.fetchval(
                "insert into node (kind, key, label, data, fuzzy_text) values ('file', 'x', 'x', $1, 'x') returning id",
                {"uri": f"{asked}.md"},
            )
            report = await memory.delete(
                ADMIN,
                kind=asked,
                thing_id=file if asked == "file" else document.id,
                purge=purge,  # type: ignore[arg-type]
            )
            assert (report.files, report.resources) == (1, 1)
            live = await pool.fetch("select id from node where deleted_at is null and id = any($1)",
                                    [document.id, file, other.id])  # fmt: skip
            assert [row["id"] for row in live] == [other.id]

    async def test_a_session_takes_its_messages(self, memory: Memory, pool: asyncpg.Pool) -> None:
        message = await thing(pool, "message", "ann")
        session = await pool.fetchval("select session_id from message where id = $1", message)
        report = await memory.delete(ANN, kind="session", thing_id=session)
        assert (report.sessions, report.messages) == (1, 1)
        assert await pool.fetchval("select deleted_at is not null from message where id = $1", message)
        report = await memory.delete(ADMIN, kind="session", thing_id=session, purge=True)
        assert (report.sessions, report.messages) == (1, 1)
        assert await pool.fetchval("select count(*) from message") == 0


class TestWhoMay:
    @pytest.mark.parametrize("kind", KINDS)
    async def test_what_is_anns_is_not_there_for_bob(
        self, memory: Memory, pool: asyncpg.Pool, kind: ErasedKind
    ) -> None:
        one = await thing(pool, kind, "ann")
        texts = []
        for thing_id in (one, uuid4()):
            with pytest.raises(NotFound) as refused:
                await memory.delete(BOB, kind=kind, thing_id=thing_id)
            texts.append(str(refused.value).replace(str(thing_id), "ID"))
        assert texts[0] == texts[1]
        for thing_id in (one, uuid4()):
            with pytest.raises(NotPermitted, match="admin"):
                await memory.delete(BOB, kind=kind, thing_id=thing_id, purge=True)
        table = kind if kind in {"session", "message"} else "node"
        assert await pool.fetchval(f"select count(*) from {table} where id = $1 and deleted_at is null", one) == 1
        assert (await memory.delete(ANN, kind=kind, thing_id=one)).total == 1

    @pytest.mark.parametrize("kind", KINDS)
    async def test_what_is_shared_needs_an_admin(self, memory: Memory, pool: asyncpg.Pool, kind: ErasedKind) -> None:
        one = await thing(pool, kind, "")
        with pytest.raises(NotPermitted, match="whole tenant"):
            await memory.delete(ANN, kind=kind, thing_id=one)
        assert (await memory.delete(ADMIN, kind=kind, thing_id=one)).total == 1

    async def test_the_kind_has_to_be_right(self, memory: Memory, pool: asyncpg.Pool) -> None:
        one = await thing(pool, "entity", "ann")
        for kind in KINDS:
            if kind != "entity":
                with pytest.raises(NotFound):
                    await memory.delete(ADMIN, kind=kind, thing_id=one, purge=True)

    async def test_ann_may_not_erase_even_her_own(self, memory: Memory, pool: asyncpg.Pool) -> None:
        one = await thing(pool, "entity", "ann")
        with pytest.raises(NotPermitted, match="admin"):
            await memory.delete(ANN, kind="entity", thing_id=one, purge=True)
        with pytest.raises(NotPermitted, match="admin"):
            await memory.forget_user("ann", ANN)
        assert (await memory.delete(ADMIN, kind="entity", thing_id=one, purge=True)).entities == 1

    async def test_nobody_forgets_the_whole_tenant(self, memory: Memory) -> None:
        for user in ("", "x" * 201, "\x00"):
            with pytest.raises(InvalidInput):
                await memory.forget_user(user, ADMIN)


class TestPurge:
    async def test_what_has_other_evidence_stays(self, memory: Memory, pool: asyncpg.Pool) -> None:
        a, b = await entity(memory, "A"), await entity(memory, "B")
        of_a, of_both, further, further_of_both = [await entity(memory, f"M{n}") for n in range(4)]
        await rests(pool, of_a, a)
        await rests(pool, of_both, a, b)
        await rests(pool, further, of_a)
        await rests(pool, further_of_both, of_a, of_both)
        report = await memory.delete(ADMIN, kind="entity", thing_id=a, purge=True)
        assert (report.entities, report.derived) == (3, 2)
        assert await exists(pool, a, of_a, further, b, of_both, further_of_both) == [False] * 3 + [True] * 3
        report = await memory.delete(ADMIN, kind="entity", thing_id=b, purge=True)
        assert (report.entities, report.derived) == (3, 2)
        assert await pool.fetchval("select count(*) from evidence") == 0

    async def test_two_that_rest_on_each_other_do_not_hold_each_other_up(
        self, memory: Memory, pool: asyncpg.Pool
    ) -> None:
        source, one, other = [await entity(memory, label) for label in "ABC"]
        await rests(pool, one, source, other)
        await rests(pool, other, one)
        report = await memory.delete(ADMIN, kind="entity", thing_id=source, purge=True)
        assert report.derived == 2
        assert await exists(pool, source, one, other) == [False] * 3

    async def test_derived_edges_go_and_those_of_others_stay(
        self, memory: Memory, remember: Remember, pool: asyncpg.Pool
    ) -> None:
        source = await entity(memory, "Source", ADMIN)
        hub = await entity(memory, "Hub", ADMIN, graph_edges=(InlineEdge(dst="Source", rel_type="names"),))
        other = await entity(memory, "Other", ADMIN)
        edges = [
            await pool.fetchval(
                "insert into edge (src, rel, dst_key, dst_label, weight, owner) values ($1, $2, 'x', 'x', 1, $3) "
                "returning id",
                hub, rel, owner,
            )
            for rel, owner in (("derived", ""), ("both", ""), ("derived_private", "ann"), ("plain", "ann"))
        ]  # fmt: skip
        await rests(pool, edges[0], source, column="edge_id")
        await rests(pool, edges[1], source, other, column="edge_id")
        await rests(pool, edges[2], source, column="edge_id")
        report = await memory.delete(ADMIN, kind="entity", thing_id=source, purge=True)
        assert (report.edges, report.derived, report.entities) == (2, 2, 1)
        left = {row["rel"] for row in await pool.fetch("select rel from edge")}
        assert left == {"both", "plain", "names"}, "an edge that names it is its writer's"

    async def test_a_shared_thing_made_of_private_text_goes_too(self, memory: Memory, pool: asyncpg.Pool) -> None:
        message = await thing(pool, "message", "ann")
        shared, of_bob = await entity(memory, "Shared", ADMIN), await entity(memory, "Bobs", BOB)
        for one in (shared, of_bob):
            await pool.execute("insert into evidence (node_id, source_message_id) values ($1, $2)", one, message)
        report = await memory.forget_user("ann", ADMIN)
        assert (report.messages, report.sessions, report.entities, report.derived) == (1, 1, 2, 2)
        assert await exists(pool, shared, of_bob) == [False, False]

    async def test_runs_and_waiting_work_forget_it(self, memory: Memory, pool: asyncpg.Pool) -> None:
        one, other = await entity(memory, "A"), await entity(memory, "B")
        for key, result, error in (
            ("linked", {"said": "text"}, None),
            ("names it", {"nodes": [str(one)]}, None),
            ("failed at it", {}, f"node {one}: too long"),
            ("of another", {"nodes": [str(other)]}, f"node {other}: too long"),
        ):
            await pool.execute(
                "insert into run (key, kind, result, error) values ($1, 'x', $2, $3)", key, result, error
            )
        await pool.execute("update node set run_id = (select id from run where key = 'linked') where id = $1", one)
        for payload in (
            {"node": str(one)},
            {"deep": [{"n": [str(one), "text"]}]},
            {"node": str(other)},
            {"owner": "ann"},
        ):
            await pool.execute("insert into job (kind, payload) values ('x', $1)", payload)
        report = await memory.delete(ADMIN, kind="entity", thing_id=one, purge=True)
        assert (report.runs, report.jobs) == (3, 2)
        rows = await pool.fetch("select key from run where result <> '{}' or error is not null")
        assert [row["key"] for row in rows] == ["of another"]
        payloads = [row["payload"] for row in await pool.fetch("select payload from job order by id")]
        assert payloads == [{"node": str(other)}, {"owner": "ann"}]
        assert (await memory.forget_user("ann", ADMIN)).jobs == 2

    async def test_search_counts_what_is_left(
        self, memory: Memory, remember: Remember, ask: Ask, pool: asyncpg.Pool
    ) -> None:
        first = await remember("a.md", "# A\n\nzebra giraffe")
        await remember("b.md", "# B\n\ngiraffe")
        await memory.refresh_statistics()
        report = await memory.delete(ADMIN, kind="resource", thing_id=first.id, purge=True)
        assert report.terms >= 1
        assert await pool.fetchval("select count(*) from term_stat where term like 'zeb%'") == 0
        assert labels(await ask("SEARCH giraffe MODE lexical")) == ["B"]


class TestForgetting:
    async def test_the_users_of_others_stay(self, memory: Memory, pool: asyncpg.Pool, ask: Ask) -> None:
        for caller, label in ((ANN, "Ann's"), (BOB, "Bob's"), (ADMIN, "Everybody's")):
            await entity(memory, label, caller, description="elephant")
        people = [
            await pool.fetchval(
                "insert into node (owner, kind, key, label, data, fuzzy_text) "
                "values ($1, 'user', $2, $2, $3, $2) returning id",
                owner, key, {"email": email},
            )
            for owner, key, email in (
                ("", "ann", None), ("", "ann-lee", "ann"), ("", "bob", None), ("bob", "ann", None)
            )
        ]  # fmt: skip
        report = await memory.forget_user("ann", ADMIN)
        assert (report.users, report.entities, report.total) == (2, 1, 3)
        assert await exists(pool, *people) == [False, False, True, True], "what Bob notes about Ann is Bob's"
        assert labels(await ask("SEARCH elephant MODE lexical", BOB)) == ["Bob's", "Everybody's"]
        assert (await memory.forget_user("ann", ADMIN)).total == 0

    @pytest.mark.parametrize("asked", ["ann lee", "Ann@Acme.example", "ann@acme.example", "ANNIE"])
    async def test_the_tenants_node_about_a_user_is_found_by_any_name(
        self, memory: Memory, pool: asyncpg.Pool, asked: str
    ) -> None:
        user = UserInput(label="Ann Lee", email="ann@Acme.example", aliases=("Annie",), owner="")
        node, _ = await memory.records.put_user(user, ADMIN)
        assert (await memory.forget_user(asked, ADMIN)).users == 1
        assert await exists(pool, node.id) == [False]

    @pytest.mark.parametrize("asked", ["ann lee", "Ann@Acme.example"])
    async def test_a_hidden_one_too(self, memory: Memory, pool: asyncpg.Pool, asked: str) -> None:
        node, _ = await memory.records.put_user(UserInput(label="Ann Lee", email="ann@Acme.example", owner=""), ADMIN)
        await memory.delete(ADMIN, kind="user", thing_id=node.id)
        assert (await memory.forget_user(asked, ADMIN)).users == 1
        assert await exists(pool, node.id) == [False]

    async def test_the_tenants_node_may_be_written_meanwhile(self, memory: Memory) -> None:
        user = UserInput(label="Zoe", summary="Likes elephants.", owner="")

        async def write() -> None:
            for _ in range(20):
                with contextlib.suppress(NotFound):  # it was there, and is gone when it is to be shown
                    await memory.records.put_user(user, ADMIN)

        async def forget() -> None:
            for _ in range(20):
                await memory.forget_user("zoe", ADMIN)

        await asyncio.gather(write(), write(), forget(), forget())

    async def test_names_are_compared_as_they_are(self, memory: Memory, pool: asyncpg.Pool) -> None:
        for user in ("%", "an_", "ANN", "ann' or ''='"):
            await entity(memory, "X")
            assert (await memory.forget_user(user, ADMIN)).total == 0
        await entity(memory, "Y", Caller.of("%", {"write"}))
        assert (await memory.forget_user("%", ADMIN)).entities == 1

    async def test_meanwhile_a_writer_leaves_a_whole_thing_or_nothing(
        self, memory: Memory, schema: TenantDatabase, superuser: asyncpg.Connection
    ) -> None:
        async def write(number: int) -> None:
            for turn in range(4):
                text = f"# Note {number}\n\n" + f"elephant {turn} " * 50
                await memory.ingest(Document(uri=f"{number % 3}.md", content=text, media_type="text/markdown"), ANN)

        async def forget() -> None:
            for _ in range(12):
                await memory.forget_user("ann", ADMIN)
                await asyncio.sleep(0.02)

        await asyncio.gather(*(write(number) for number in range(4)), forget())
        orphans = await superuser.fetchrow(
            "select "
            "(select count(*) from posting p where not exists "
            "(select from chunk c where c.id = p.chunk_id)) as postings,"
            "(select count(*) from node n where not exists (select from name m where m.node_id = n.id)) as nameless,"
            "(select count(*) from node n where not exists (select from chunk c where c.node_id = n.id)) as empty"
        )
        assert dict(orphans) == {"postings": 0, "nameless": 0, "empty": 0}
        await memory.forget_user("ann", ADMIN)
        for table in ("node", "name", "chunk", "posting", "embedding", "edge"):
            assert await superuser.fetchval(f"select count(*) from {table}") == 0


# Which tables hold nothing of a user, and why.
_NOT_OF_USERS = {
    "meta": "versions",
    "embedding_model": "models",
    "corpus_stat": "counts",
    "term_stat": "swept whole",
    "embedding": "goes with its chunk",
    "evidence": "goes with what it connects",
}


async def test_erasure_knows_every_table(superuser: asyncpg.Connection) -> None:
    from rem_runtime.memory.erasure.purge import SQL  # noqa: PLC0415 - what is looked at, not what is tested with

    said = "\n".join(SQL.values())
    for row in await superuser.fetch("select tablename from pg_tables where schemaname = 'public'"):
        name = row["tablename"]
        touched = f"delete from {name} " in said or f"update {name} " in said
        assert touched != (name in _NOT_OF_USERS and name != "term_stat"), f"{name}: does it hold anything of a user?"
