"""Stored as one, asked as another: nothing. And the predicate stands in every statement that reads or changes rows."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

import rem_runtime.memory
from rem_runtime.memory.caller import Caller
from rem_runtime.memory.errors import NotFound
from rem_runtime.memory.ingest import EntityInput
from rem_runtime.memory.models import InlineEdge
from rem_runtime.memory.retrieval import search
from rem_runtime.memory.statements import load_statements
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN, BOB, Ask, Remember

pytestmark = pytest.mark.postgres

ROOT = Path(rem_runtime.memory.__file__).parent
OWNED = ("node", "name", "edge", "chunk", "message", "session")
FILES = [file for file in ROOT.rglob("*.sql") if "schema" not in file.parts]
STATEMENTS = {f"{file.name}:{name}": sql for file in FILES for name, sql in load_statements(file).items()}


# Not an alias, but the next word of the statement.
_NEXT = r"(?!(?:set|where|cross|left|join|on|order|values)\b)"
_TABLE = "|".join(OWNED)
_NAMED = (
    rf"(?:\b(?:from|join|update)\s+(?:{_TABLE})\b(?:\s+(?:as\s+)?{_NEXT}(?P<alias>\w+))?"
    rf"|,\s+(?:{_TABLE})\s+(?P<second>[a-z])\b)"
)


def scopes(sql: str) -> list[str]:
    """The text of every SELECT, UPDATE or DELETE that names an owned table, with what belongs to it and no more."""
    sql = re.sub(r"--.*", "", sql)
    found = []
    for match in re.finditer(_NAMED, sql):
        depth, end = 0, match.end()
        while end < len(sql):
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            if depth < 0 or sql[end] == ";":
                break
            if depth == 0 and re.match(r"\b(?:union all|returning)\b", sql[end:]):
                break
            end += 1
        alias = match["alias"] or match["second"] or ""
        found.append(f"{alias}|{sql[match.end() : end]}")
    return found


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_asks_whose(name: str) -> None:
    for scope in scopes(STATEMENTS[name]):
        alias, _, text = scope.partition("|")
        owner = rf"\b{alias}\.owner\b" if alias else r"(?<![.\w])owner\b"
        assert re.search(rf"{owner} (?:in \('', \$\d+\)|= \$\d+|= '')", text), f"{name}: {scope[:200]}"


def test_the_check_sees_what_it_should() -> None:
    assert len(FILES) >= 5
    assert sum(len(scopes(sql)) for sql in STATEMENTS.values()) > 50
    for bad in (
        "select id from node where id = $1",
        "select n.id from node n join name m on m.node_id = n.id and m.owner in ('', $1)",
        "delete from chunk where node_id = $1",
        "update node set label = $1 where id = $2",
        "select 1 from (select id from edge where src = $1) e where owner = $2",
    ):
        texts = [scope.partition("|") for scope in scopes(bad)]
        assert any(not re.search(rf"\b{a}\.owner" if a else r"(?<![.\w])owner", t) for a, _, t in texts), bad


QUESTIONS = [
    "LOOKUP secret",
    "LOOKUP secret alias, person/secret, secret.md, shared",
    "FUZZY secret",
    "FUZZY secrets of ann",
    "FUZZY secret alis",
    "FUZZY secret alias THRESHOLD 0.05",
    "SEARCH elephant",
    "SEARCH elephant MODE lexical",
    "SEARCH elephant MODE dense",
    "SEARCH elephant IN person",
    "SEARCH elephant IN message",
    "SEARCH elephant WHERE type = person",
    "SEARCH elephant WHERE role = user",
    "SEARCH elephant SINCE 2000",
    "TRAVERSE shared",
    "TRAVERSE shared IN",
    "TRAVERSE shared OUT DEPTH 3",
    "TRAVERSE shared DEPTH 0",
    "TRAVERSE secret DEPTH 2",
    "TRAVERSE secret DEPTH 0",
    "TRAVERSE secret alias OUT DEPTH 5 LIMIT 1000",
    "TRAVERSE person/secret",
    "TRAVERSE phantom",
    "TRAVERSE phantom DEPTH 0",
]


@pytest_asyncio.fixture(loop_scope="session")
async def secrets(memory: Memory, remember: Remember, pool: asyncpg.Pool) -> None:
    """Ann's things, and one shared thing that Ann's edges come from and lead to."""
    await memory.put_entity(EntityInput(label="Shared", type="project"), ADMIN)
    await memory.put_entity(
        EntityInput(
            label="Secret", type="person", aliases=("secret alias",), description="The elephant is in the cellar.",
            graph_edges=(InlineEdge(dst="Shared", rel_type="knows"), InlineEdge(dst="Phantom", rel_type="knows")),
        ),
        ANN,
    )  # fmt: skip
    await remember("secret.md", "---\npeople: [Shared, Phantom]\n---\n# Secrets of Ann\n\nelephant", caller=ANN)
    await pool.execute(
        "insert into edge (src, rel, dst_key, dst_label, weight, owner) "
        "select id, 'hides', 'secret', 'Secret', 1, 'ann' from node where label = 'Shared'"
    )
    session = await pool.fetchval("insert into session (owner) values ('ann') returning id")
    message = await pool.fetchval(
        "insert into message (session_id, role, content, owner) values ($1, 'user', 'elephant', 'ann') returning id",
        session,
    )
    chunk = await pool.fetchval(
        "insert into chunk (message_id, ord, text, at, owner, kind) "
        "values ($1, 0, 'elephant', now(), 'ann', 'message') returning id",
        message,
    )
    await pool.execute("insert into posting values ('eleph', 'ann', $1, 1, 1)", chunk)


@pytest.mark.usefixtures("secrets")
class TestTwoUsers:
    @pytest.mark.parametrize("question", QUESTIONS)
    async def test_of_ann_nobody_else_sees_anything(
        self, ask: Ask, monkeypatch: pytest.MonkeyPatch, question: str
    ) -> None:
        for exact_rows in (search.EXACT_ROWS, 0):
            monkeypatch.setattr(search, "EXACT_ROWS", exact_rows)
            for caller in (BOB, ADMIN, Caller.of("An"), Caller.of("ann' or ''='"), Caller.of("%")):
                answer = await ask(question, caller)
                said = answer.model_dump_json(
                    exclude={
                        **dict.fromkeys(("query", "memo", "took_ms", "notes"), True),
                        "results": {"__all__": {"ref"}},
                    }
                ).lower()
                for word in ("secret", "elephant", "hides", "ann", "cellar"):
                    assert word not in said.replace("phantom", ""), (question, caller)

    @pytest.mark.parametrize("question", QUESTIONS)
    async def test_ann_does(self, ask: Ask, question: str) -> None:
        assert (await ask(question, ANN)).results

    async def test_reads_and_lists(self, memory: Memory) -> None:
        resource = (await memory.list_resources(ANN)).items[0]
        entity = next(item for item in (await memory.list_entities(ANN)).items if item.user_id)
        for caller in (BOB, ADMIN):
            assert (await memory.list_resources(caller)).items == ()
            assert [item.label for item in (await memory.list_entities(caller)).items] == ["Shared"]
            with pytest.raises(NotFound):
                await memory.get_resource(resource.id, caller)
            with pytest.raises(NotFound):
                await memory.get_entity(entity.id, caller)
        assert await memory.get_entity(entity.id, ANN) == entity

    async def test_a_private_edge_on_a_shared_thing_is_shown_to_its_owner_alone(self, ask: Ask) -> None:
        for caller, expected in ((ANN, ["hides"]), (BOB, []), (ADMIN, [])):
            node = (await ask("LOOKUP shared", caller)).results[0].node
            assert node is not None
            assert [edge.rel_type for edge in node.graph_edges] == expected

    async def test_a_writer_does_not_touch_what_is_not_theirs(
        self, memory: Memory, remember: Remember, ask: Ask
    ) -> None:
        await remember("secret.md", "# Other", caller=BOB)
        await memory.put_entity(EntityInput(label="Secret", description="giraffe"), BOB)
        hits = (await ask("LOOKUP entity/secret", ANN)).results
        assert [hit.node.user_id for hit in hits] == ["ann"]  # type: ignore[union-attr]
        assert hits[0].node.description == "The elephant is in the cellar."  # type: ignore[union-attr]
        assert len((await ask("SEARCH elephant MODE lexical", ANN)).results) == 3
