"""SEARCH: BM25 as the textbook has it, exact distances, filters, and honest notes."""

from __future__ import annotations

import math
from collections import Counter

import asyncpg
import pytest
import pytest_asyncio

from rem_runtime.memory.embedding import MiniLM
from rem_runtime.memory.errors import EmbedderUnavailable, InvalidInput
from rem_runtime.memory.ingest import Document, EntityInput
from rem_runtime.memory.retrieval import search
from rem_runtime.memory.retrieval.bm25 import is_exact, weigh
from rem_runtime.memory.retrieval.fusion import fuse, group_chunks
from rem_runtime.memory.retrieval.passages import MAX_PASSAGES
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN, Ask, Remember, labels

pytestmark = pytest.mark.postgres

CORPUS = {
    "notes/kickoff.md": "---\ndate: 2026-03-02\nstatus: open\namount: 10\ntags: [billing, db]\n---\n"
    "# Kick-off\nAnn Lee reviews the migration plan by Friday. TIDB-142 blocks us.",
    "notes/risks.md": "---\ndate: 2026-04-10\nstatus: on hold\namount: 20\n---\n"
    "# Risks\nThe old database runs out of disk space in June.",
    "notes/party.md": "---\ndate: 2025-12-20\nstatus: open\namount: 30\ntags: [fun]\n---\n"
    "# Party\nBring cake, music and a plan for the garden.",
    "specs/schema.md": "# Schema\nEvery table has a primary key. "
    "See v0.20.4 of the guide and mail ann.lee@acme.example.",
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def corpus(memory: Memory, remember: Remember) -> None:
    for uri, content in CORPUS.items():
        await remember(uri, content)
    await memory.put_entity(
        EntityInput(
            label="Sarah Chen", type="person", description="Leads the billing team.", properties={"city": "Berlin"}
        ),
        ADMIN,
    )


@pytest.mark.usefixtures("corpus")
class TestSearch:
    @pytest.mark.parametrize(
        ("query", "first"),
        [
            ("who looks over the migration?", "Kick-off"),
            ("storage is running low", "Risks"),
            ("TIDB-142", "Kick-off"),
            ("tidb 142 MODE lexical", "Kick-off"),
            ("ann.lee@acme.example MODE lexical", "Schema"),
            ("0.20.4 MODE lexical", "Schema"),
            ("birthday celebration MODE dense", "Party"),
            ("who leads billing", "Sarah Chen"),
        ],
    )
    async def test_finds(self, ask: Ask, query: str, first: str) -> None:
        assert labels(await ask(f"SEARCH {query}"))[0] == first

    async def test_says_what_it_did(self, ask: Ask) -> None:
        answer = await ask("SEARCH plan")
        assert answer.defaults == {"mode": "hybrid", "limit": 10, "dense": "exact"}
        assert {"parse", "embed", "estimate", "lexical", "dense", "fuse", "bodies", "total"} <= set(answer.took_ms)
        assert answer.notes == ()
        passage = answer.results[0].passages[0]
        assert (passage.ord, passage.heading) == (0, answer.results[0].label)
        assert passage.text == CORPUS[answer.results[0].node.uri]  # type: ignore[union-attr]
        scores = [hit.score or 0 for hit in answer.results]
        assert 1 > scores[0] > 0.3
        assert scores == sorted(scores, reverse=True)

    async def test_nonsense_has_low_scores(self, ask: Ask) -> None:
        for question in ("zyx qwrt vvv", "plan zyxq wrtvv kkjh"):
            assert ((await ask(f"SEARCH {question}")).results[0].score or 0) < 0.3, question

    @pytest.mark.parametrize(
        ("clauses", "expected"),
        [
            ("IN resource LIMIT 2", 2),
            ("IN entities", {"Sarah Chen"}),
            ("IN person", {"Sarah Chen"}),
            ("IN robot", set()),
            ("IN person, resource", {"Sarah Chen", "Kick-off", "Risks", "Party", "Schema"}),
            ("SINCE 2026-03 UNTIL 2026-03", {"Kick-off"}),
            ("DURING 2025-12-20 .. 2026-03-02", {"Kick-off", "Party"}),
            ("UNTIL 2025-12-19", set()),
            ("WHERE status = open", {"Kick-off", "Party"}),
            ('WHERE status = "on hold"', {"Risks"}),
            ("WHERE status != open", {"Risks", "Schema", "Sarah Chen"}),
            ("WHERE status IN (open, 'on hold') AND amount > 10", {"Risks", "Party"}),
            ("WHERE amount >= 10.5 AND amount < 30", {"Risks"}),
            ("WHERE tags = billing", {"Kick-off"}),
            ("WHERE tags != billing", {"Risks", "Party", "Schema", "Sarah Chen"}),
            ("WHERE status != 7 IN resource", {"Kick-off", "Risks", "Party", "Schema"}),
            ("WHERE amount != '10' AND amount != true AND amount != 20 IN resource", {"Kick-off", "Party", "Schema"}),
            ("WHERE metadata != open IN resource", {"Kick-off", "Risks", "Party", "Schema"}),
            ("WHERE kind = Entities", {"Sarah Chen"}),
            ("WHERE kind != resources", {"Sarah Chen"}),
            ("WHERE kind IN (entities, moment)", {"Sarah Chen"}),
            ("WHERE status = null", {"Schema", "Sarah Chen"}),
            ("WHERE status != null AND kind = Resource", {"Kick-off", "Risks", "Party"}),
            ("WHERE properties.city = Berlin", {"Sarah Chen"}),
            ("WHERE city = Berlin AND type = Person", {"Sarah Chen"}),
            ("WHERE key = 'Sarah Chen'", {"Sarah Chen"}),
            ("WHERE uri = 'specs/schema.md'", {"Schema"}),
            ("WHERE timestamp = 2026", {"Kick-off", "Risks"}),
            ("WHERE timestamp > 2026-03 IN resource", {"Risks"}),
            ("WHERE timestamp <= 2026-03-02", {"Kick-off", "Party"}),
            ("WHERE nothing.here = 1", set()),
            ("WHERE created_at < 2020", set()),
        ],
    )  # fmt: skip
    async def test_filters(
        self, ask: Ask, monkeypatch: pytest.MonkeyPatch, clauses: str, expected: set[str] | int
    ) -> None:
        for rows in (search.EXACT_ROWS, 0):  # enumerated, and pushed into both scans
            monkeypatch.setattr(search, "EXACT_ROWS", rows)
            for mode in ("", "MODE dense"):
                found = labels(await ask(f"SEARCH plan for Ann {clauses} {mode}"))
                assert len(found) == expected if isinstance(expected, int) else set(found) == expected, (rows, mode)

    @pytest.mark.parametrize("clauses", ["IN peple", "IN file", "WHERE stauts = open", "SINCE 2027 UNTIL 2020"])
    async def test_a_filter_that_nothing_passes_is_said(self, ask: Ask, clauses: str) -> None:
        assert (await ask(f"SEARCH plan {clauses}")).notes == (search._NOTHING_PASSES,)
        assert (await ask("SEARCH plan IN resource WHERE status = open")).notes == ()

    async def test_what_was_meant_for_a_clause_is_said(self, ask: Ask) -> None:
        assert "if LIMIT was meant" in (await ask("SEARCH plan LIMT 2")).notes[0]
        assert "if DEPTH was meant" in (await ask("TRAVERSE Ann DPETH 2")).notes[0]

    async def test_a_time_that_is_none_is_refused(self, ask: Ask) -> None:
        with pytest.raises(InvalidInput, match="not a time"):
            await ask("SEARCH plan WHERE created_at > soon")

    async def test_words_alone_that_say_nothing(self, ask: Ask) -> None:
        assert labels(await ask("SEARCH the of MODE lexical")) == []
        assert len((await ask("SEARCH the of")).results) == 5, "by meaning alone"

    async def test_lag_is_said(self, ask: Ask, pool: asyncpg.Pool) -> None:
        await pool.execute("delete from embedding where chunk_id = (select min(id) from chunk)")
        await pool.execute(
            "insert into job (kind, payload) "
            "select 'embed', jsonb_build_object('node_id', (select min(id::text) from node), 'owner', owner) "
            "from unnest(array['', 'ann', 'bob']) as owner"
        )
        answer = await ask("SEARCH migration plan")
        assert labels(answer)[0] == "Kick-off", "found by its words"
        assert answer.notes == ("1 texts have no vector yet; they are found by their words only",)
        assert "2 texts" in (await ask("SEARCH migration plan", ANN)).notes[0], "one's own too, and nobody else's"


async def test_lexical_is_textbook_bm25(
    memory: Memory, remember: Remember, ask: Ask, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["common", "often", "rare", "filler", "noise", "extra"]
    for n in range(40):
        text = " ".join(word for index, word in enumerate(words) for _ in range((n * (index + 3)) % (index + 4)))
        await remember(f"d{n}.md", f"{text} unique{n}")
    await memory.refresh_statistics()
    expected = await textbook(pool, "common often rare")
    for exact_rows, postings in ((search.EXACT_ROWS, search.LEADING_POSTINGS), (0, search.LEADING_POSTINGS), (0, 1)):
        monkeypatch.setattr(search, "EXACT_ROWS", exact_rows)
        monkeypatch.setattr(search, "LEADING_POSTINGS", postings)
        answer = await ask("SEARCH common often rare MODE lexical LIMIT 10")
        top, first = max(expected.values()), answer.results[0].score or 0
        assert [round((hit.score or 0) / first, 3) for hit in answer.results] == pytest.approx(
            [round(score / top, 3) for score in sorted(expected.values(), reverse=True)[:10]], abs=0.002
        )


async def textbook(pool: asyncpg.Pool, question: str) -> dict[int, float]:
    """BM25 in plain Python over the stored texts."""
    rows = await pool.fetch("select c.id, array(select rem_terms(c.heading || ' ' || c.text)) as terms from chunk c")
    documents = {row["id"]: Counter(row["terms"]) for row in rows}
    asked = [row[0] for row in await pool.fetch("select rem_terms($1)", question)]
    mean = sum(map(Counter.total, documents.values())) / len(documents)
    scores: dict[int, float] = {}
    for term in asked:
        df = sum(term in terms for terms in documents.values())
        idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
        for chunk, terms in documents.items():
            tf = terms[term]
            if tf:
                weight = tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * terms.total() / mean))
                scores[chunk] = scores.get(chunk, 0) + idf * weight
    return scores


async def test_what_is_bounded_is_said(
    remember: Remember, memory: Memory, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(12):
        await remember(f"d{n}.md", f"common word{n}" + " rare" * (n == 0))
    await memory.refresh_statistics()
    monkeypatch.setattr(search, "EXACT_ROWS", 0)
    monkeypatch.setattr(search, "LEADING_POSTINGS", 1)
    answer = await ask("SEARCH rare common MODE lexical")
    assert labels(answer) == ["d0"]
    assert "bounded" in answer.notes[0]
    assert (await ask("SEARCH rare common MODE lexical LIMIT 1")).notes == (), "the first is certain"


async def test_the_index_finds_what_the_exact_scan_finds(
    remember: Remember, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(60):
        await remember(
            f"d{n}.md",
            f"{['cats', 'ships', 'taxes', 'bread'][n % 4]} and story number {n}",
            caller=ANN if n % 3 else ADMIN,
        )
    exact = await ask("SEARCH sailing the sea MODE dense", ANN)
    monkeypatch.setattr(search, "EXACT_ROWS", 0)
    near = await ask("SEARCH sailing the sea MODE dense", ANN)
    assert (exact.defaults["dense"], near.defaults["dense"]) == ("exact", "hnsw")
    assert labels(near) == labels(exact)
    assert [hit.score for hit in near.results] == pytest.approx([hit.score for hit in exact.results], abs=0.002)


async def test_one_row_per_thing_with_its_best_passages(remember: Remember, ask: Ask) -> None:
    text = "# Long\n\n" + "\n\n".join(
        f"## Part {n}\n\nElephants live here. " + f"Filler {n} about other matters. " * 40 for n in range(6)
    )
    await remember("long.md", text)
    answer = await ask("SEARCH elephants")
    assert labels(answer) == ["Long"]
    passages = answer.results[0].passages
    assert len(passages) == MAX_PASSAGES
    assert [passage.score for passage in passages] == sorted((passage.score for passage in passages), reverse=True)


async def test_messages_are_found_with_their_session(ask: Ask, pool: asyncpg.Pool) -> None:
    session = await pool.fetchval("insert into session (owner) values ('ann') returning id")
    message = await pool.fetchval(
        "insert into message (session_id, role, content, owner) "
        "values ($1, 'user', 'Where is the elephant?', 'ann') returning id",
        session,
    )
    chunk = await pool.fetchval(
        "insert into chunk (message_id, ord, text, at, owner, kind) "
        "values ($1, 0, 'Where is the elephant?', now(), 'ann', 'message') returning id",
        message,
    )
    await pool.execute(
        "insert into posting select t, 'ann', $1, 1, 2 from rem_terms('Where is the elephant?') t", chunk
    )
    answer = await ask("SEARCH elephants IN message MODE lexical WHERE role = user", ANN)
    hit = answer.results[0]
    assert (hit.kind, hit.message_id, hit.session_id, hit.node) == ("message", message, session, None)
    assert (await ask("SEARCH elephants MODE lexical")).results == ()


def test_fusion() -> None:
    assert fuse({1: 7.0, 2: 3.5}, {2: 0.8, 3: 0.4}, most=10.0) == pytest.approx({1: 0.4, 2: 0.68, 3: 0.24})
    assert fuse({}, {1: 0.5, 2: -0.5}, most=0.0) == {1: 0.5, 2: 0.0}
    assert fuse({1: 9.0, 2: 8.0}, {}, most=10.0) == pytest.approx({1: 0.9, 2: 0.8}), "never equal where BM25 is not"
    assert fuse({}, {}, most=1.0) == {}
    assert group_chunks({1: 0.5, 2: 0.9, 3: 0.7, 4: 1.0}, {1: "a", 2: "b", 3: "a"}) == [
        ("b", [(2, 0.9)]),
        ("a", [(3, 0.7), (1, 0.5)]),
    ]


@pytest.mark.parametrize("waiting", [None, 1])
async def test_a_passage_is_read_with_those_beside_it(
    memory: Memory, embedder: MiniLM, pool: asyncpg.Pool, waiting: int | None, ask: Ask
) -> None:
    parts = ["The boat leaves at nine.", "Nobody brought a coat.", "The ferry to the island was late."]
    await memory.ingest(Document(uri="trip.md", content="\n\n".join(parts), owner="ann"), ANN)
    node = await pool.fetchval("delete from chunk returning node_id")
    vectors = await embedder.embed(parts)
    for place, (text, vector) in enumerate(zip(parts, vectors, strict=True)):
        chunk = await pool.fetchval(
            "insert into chunk (node_id, ord, text, at, owner, kind) values ($1, $2, $3, now(), 'ann', 'resource') "
            "returning id", node, place, text,
        )  # fmt: skip
        if place != waiting:
            await pool.execute("insert into embedding values ($1, 1, $2)", chunk, vector)
    (question,) = await embedder.embed(["when does the ship sail"])
    cosines = vectors @ question
    around = {0: cosines[:2].mean(), 1: cosines.mean(), 2: cosines[1:].mean()}
    if waiting is not None:  # what has no vector yet is beside nothing
        around = {0: cosines[0], 2: cosines[2]}
    expected = {
        "SEARCH when does the ship sail": {n: 0.7 * cosines[n] + 0.3 * mean for n, mean in around.items()},
        "SEARCH when does the ship sail MODE dense": {n: cosines[n] for n in around},
    }
    for query, wanted in expected.items():
        scores = {passage.ord: passage.score for passage in (await ask(query, ANN)).results[0].passages}
        assert scores == pytest.approx(wanted, abs=2e-3)


def test_certainty() -> None:
    assert is_exact([], wanted=1, rest_bound=0, last_partial=0)
    assert is_exact([5.0, 3.0], wanted=2, rest_bound=2.0, last_partial=1.0)
    assert not is_exact([5.0, 2.9], wanted=2, rest_bound=2.0, last_partial=1.0)
    assert not is_exact([5.0], wanted=2, rest_bound=2.0, last_partial=0)


def test_the_rarest_terms_are_first() -> None:
    row = {"terms": ["c", "a", "b", "x"], "dfs": [60, 1, 30, 0], "times": [1] * 4, "chunks": 100, "mean_len": 5.0}
    terms = weigh(row)
    assert terms.terms == ("a", "b", "c")
    assert terms.weights[0] > terms.weights[1] > terms.weights[2] > 0
    assert [terms.split(most) for most in (0, 1, 30, 31, 90, 91)] == [1, 1, 1, 2, 2, 3]
    assert terms.bound(3) == 0
    none = weigh({"terms": None, "times": None, "dfs": None, "chunks": 0, "mean_len": 1.0})
    assert none.terms == ()
    assert none.split(10) == 0
    stale = weigh({"terms": ["new"], "dfs": [7], "times": [1], "chunks": 2, "mean_len": 1.0})
    assert stale.weights[0] > 0, "more chunks contain it than were counted"


async def test_without_an_embedder_the_words_are_asked(
    remember: Remember, pool: asyncpg.Pool, embedder: MiniLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    await remember("d.md", "The elephant is in the cellar.")

    async def refuse(_: list[str]) -> None:
        raise EmbedderUnavailable("the endpoint does not answer")

    monkeypatch.setattr(embedder, "embed", refuse)
    memory = Memory(pool, embedder, tenant="acme")
    answer = await memory.query("SEARCH elephants", ADMIN)
    assert labels(answer) == ["d"]
    assert answer.notes == ("by words alone, since the question could not be embedded: the endpoint does not answer",)
    with pytest.raises(EmbedderUnavailable):
        await memory.query("SEARCH elephants MODE dense", ADMIN)
