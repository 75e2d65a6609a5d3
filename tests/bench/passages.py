"""Generated passages for SEARCH: text with the frequencies of language, vectors with the clusters of meaning.

The same for the same size. Words are drawn by the law of Zipf and Mandelbrot from 50,000: 60 stop words (four of ten
words of a text), then the whole words of the embedder's tokenizer, which has them in the order of their frequency in
English, then made-up ones. A quarter of a text comes from the passage's topic; a passage has 110 words. Vectors are
synthetic, since embedding 100,000 texts takes half an hour: of length 1, 384 numbers, a topic's centre plus a
passage's own place in 24 directions of the topic plus noise. So no figure here is about the quality of an embedding.

Of the passages nine tenths are of documents with five each, the rest are entities (one in five an instrument) and
messages. Each of the filters FILTERS keeps a hundredth. With several owners, each has an equal part of everything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray

from rem_runtime.memory.embedding.convert.__main__ import default_directory
from rem_runtime.memory.embedding.files import TOKENIZER_FILE
from rem_runtime.memory.pool import half_vectors, prepare_connection
from tests.bench.databases import Corpus, without_indexes

DIMENSIONS = 384
WORDS = 110
PER_DOCUMENT = 5
OWNERS = (1, 10, 100)
FILTERS = {
    "WHERE": "WHERE team = 'team 7'",
    "IN": "IN instrument",
    "DURING": "DURING 2024-03-01 .. 2024-03-10",
}
_STOP = """
the of and to in that is was for on with as by be at this are it from or an which you were a have has but his her
they she he their its will would can could should what when where who how why if so then there them than do does
about into our my me your
"""
STOP_WORDS = _STOP.split()[:60]
_SYLLABLE = """
ka ri mo va chen lo tes sa ber nik ol gar thi men do ra wel fa ston lin qu bar mi jan pe trov hal der um zo vir tan
"""
_SYLLABLES = _SYLLABLE.split()
_VOCABULARY = 50_000
_TOPICS = 400
_TOPIC_WORDS = 150
_START = datetime(2024, 1, 1, tzinfo=UTC)
_DAYS = 1000

Numbers = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Words:
    """The vocabulary, most frequent first, and how likely each word is."""

    words: NDArray[np.str_]
    cumulated: NDArray[np.float64]
    topics: Numbers
    """A row of word numbers per topic."""

    @classmethod
    def make(cls, rng: np.random.Generator) -> Words:
        """The same for the same generator."""
        made = dict.fromkeys([*STOP_WORDS, *_english(), *(_word(n) for n in range(_VOCABULARY))])
        words = np.array(list(made)[:_VOCABULARY])
        weights = 1 / (np.arange(len(words)) + 2.7) ** 1.05
        weights[:60] *= 0.4 / weights[:60].sum()
        weights[60:] *= 0.6 / weights[60:].sum()
        topics = rng.integers(300, len(words), (_TOPICS, _TOPIC_WORDS))
        return cls(words, np.cumsum(weights), topics)

    def draw(self, rng: np.random.Generator, topics: Numbers) -> Numbers:
        """Word numbers: a row of WORDS per topic that is given."""
        shape = (len(topics), WORDS)
        common = np.minimum(np.searchsorted(self.cumulated, rng.random(shape)), len(self.words) - 1)
        own = np.minimum((rng.random(shape) ** 2.5 * _TOPIC_WORDS).astype(np.int64), _TOPIC_WORDS - 1)
        return np.where((common >= 60) & (rng.random(shape) < 0.4), self.topics[topics[:, None], own], common)


@dataclass(frozen=True, slots=True)
class Meanings:
    """Where topics lie."""

    centres: Floats
    directions: Floats

    @classmethod
    def make(cls, rng: np.random.Generator) -> Meanings:
        """The same for the same generator."""
        groups = _unit(rng.normal(size=(20, DIMENSIONS)))
        centres = _unit(0.6 * groups[rng.integers(0, 20, _TOPICS)] + _unit(rng.normal(size=(_TOPICS, DIMENSIONS))))
        return cls(centres, _unit(rng.normal(size=(_TOPICS, 24, DIMENSIONS))))

    def draw(self, rng: np.random.Generator, topics: Numbers) -> Floats:
        """A unit vector per topic that is given."""
        places = rng.normal(size=(len(topics), 24)) / np.sqrt(24)
        local = np.einsum("nk,nkd->nd", places, self.directions[topics])
        return _unit(self.centres[topics] + 0.9 * local + 0.45 * _unit(rng.normal(size=(len(topics), DIMENSIONS))))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: six words of one passage, common ones too, and a vector near that passage's."""

    text: str
    vector: Floats


@dataclass(frozen=True, slots=True)
class _Thing:
    """A node or message to be, with the numbers of its passages."""

    id: UUID
    kind: str
    number: int
    passages: range


async def fill(conn: asyncpg.Connection, size: int, *, owners: int = 1) -> None:
    """Writes the passages."""
    await prepare_connection(conn)
    rng = np.random.default_rng(size)
    words, meanings = Words.make(rng), Meanings.make(rng)
    things = list(_things(size))
    topics = np.concatenate([np.full(len(t.passages), rng.integers(_TOPICS)) for t in things])
    async with without_indexes(conn, "node", "chunk", "posting", "embedding", "message"):
        await _write_things(conn, things, owners)
        for start in range(0, size, 5_000):
            part = topics[start : start + 5_000]
            texts = [" ".join(row) for row in words.words[words.draw(rng, part)]]
            headings = [" ".join(words.words[words.topics[topic][:3]]) for topic in part]
            await _write_passages(conn, start, headings, texts)
            vectors = half_vectors(meanings.draw(rng, part))
            rows = ((start + n + 1, 1, vector) for n, vector in enumerate(vectors))
            await conn.copy_records_to_table("embedding", records=rows, columns=("chunk_id", "model", "v"))
        await conn.execute(_PLACES)
        await conn.execute(_POSTINGS)
    await conn.execute(_STATISTICS)


async def fill_for_ten(conn: asyncpg.Connection, size: int) -> None:
    """Writes the passages, a tenth for each of ten users."""
    await fill(conn, size, owners=10)


async def fill_for_a_hundred(conn: asyncpg.Connection, size: int) -> None:
    """Writes the passages, a hundredth for each of a hundred users."""
    await fill(conn, size, owners=100)


def passages(size: int, *, owners: int = 1) -> Corpus:
    """So many passages of so many owners."""
    fills = {1: fill, 10: fill_for_ten, 100: fill_for_a_hundred}
    return Corpus(f"passages_{owners}", size, fills[owners])


async def questions(conn: asyncpg.Connection | asyncpg.Pool, count: int, *, user: str) -> list[Asked]:
    """Questions about passages that the user may see, the same each time."""
    rows = await conn.fetch(
        "select c.text, e.v from chunk c join embedding e on e.chunk_id = c.id and e.model = 1 "
        "where c.owner = $1 order by hashint8(c.id), c.id limit $2",
        user,
        count,
    )
    rng = np.random.default_rng(count)
    asked = []
    for row in rows:
        said = [word for word in row["text"].split() if word not in STOP_WORDS]
        text = " ".join(rng.choice(said, 6, replace=False))
        vector = row["v"].to_numpy().astype(np.float32) + 0.6 * _unit(rng.normal(size=DIMENSIONS))
        asked.append(Asked(text, _unit(vector)))
    return asked


def owner_name(number: int) -> str:
    """The user with this number."""
    return f"user{number:03}"


def _things(size: int) -> Iterator[_Thing]:
    """Documents, then entities, then messages; their passages follow each other."""
    done, number = 0, 0
    documents, entities = size * 9 // 10, size // 20
    while done < size:
        kind = "resource" if done < documents else "entity" if done < documents + entities else "message"
        count = min(PER_DOCUMENT if kind == "resource" else 1, size - done)
        yield _Thing(
            UUID(int=(0x0198 << 112) | (7 << 76) | (2 << 62) | number), kind, number, range(done, done + count)
        )
        done, number = done + count, number + 1


async def _write_things(conn: asyncpg.Connection, things: list[_Thing], owners: int) -> None:
    await conn.execute(_STAGE)
    sessions = [(UUID(int=(0x0199 << 112) | n), owner_name(n)) for n in range(owners)]
    await conn.copy_records_to_table("session", records=sessions, columns=("id", "owner"))
    await conn.copy_records_to_table(
        "node", records=(_node(t, owners) for t in things if t.kind != "message"), columns=_NODE_COLUMNS
    )
    messages = (
        (t.id, sessions[t.number % owners][0], "user", "", owner_name(t.number % owners), {"team": _team(t)}, _at(t))
        for t in things
        if t.kind == "message"
    )
    await conn.copy_records_to_table("message", records=messages, columns=_MESSAGE_COLUMNS)
    places = (
        (n + 1, t.id, t.kind, place, _at(t), owner_name(t.number % owners))
        for t in things
        for place, n in enumerate(t.passages)
    )
    await conn.copy_records_to_table("staged", records=places, columns=("n", "thing", "kind", "ord", "at", "owner"))


async def _write_passages(conn: asyncpg.Connection, start: int, headings: list[str], texts: list[str]) -> None:
    rows = ((start + n + 1, heading, text) for n, (heading, text) in enumerate(zip(headings, texts, strict=True)))
    await conn.copy_records_to_table("said", records=rows, columns=("n", "heading", "text"))


def _node(thing: _Thing, owners: int) -> tuple[Any, ...]:
    label = f"{thing.kind} {thing.number}"
    data = {"uri": f"notes/{thing.number}.md"} if thing.kind == "resource" else {"description": label}
    of_type = None if thing.kind == "resource" else "instrument" if thing.number // owners % 5 == 0 else "person"
    return (
        thing.id, owner_name(thing.number % owners), thing.kind, of_type, label.replace(" ", "-"), label, data,
        {"team": _team(thing)}, _at(thing), label,
    )  # fmt: skip


_MESSAGE_COLUMNS = ("id", "session_id", "role", "content", "owner", "metadata", "created_at")
_NODE_COLUMNS = ("id", "owner", "kind", "type", "key", "label", "data", "metadata", "starts_at", "fuzzy_text")


def _team(thing: _Thing) -> str:
    return f"team {_mixed(thing.number, 1) % 100}"


def _at(thing: _Thing) -> datetime:
    return _START + timedelta(days=_mixed(thing.number, 2) % _DAYS, seconds=thing.number % 86_400)


def _mixed(number: int, salt: int) -> int:
    """A number that has nothing to do with the thing's place."""
    return (number * 2_654_435_761 + salt * 40_503) % 4_294_967_291 >> 7


def _english() -> list[str]:
    vocabulary: dict[str, int] = json.loads((default_directory() / TOKENIZER_FILE).read_text("utf-8"))["model"]["vocab"]
    words = sorted((word for word in vocabulary if word.isascii() and word.isalpha()), key=vocabulary.__getitem__)
    return [word for word in words if len(word) > 2 and word.islower()]


def _word(number: int) -> str:
    word, rest = "", number + 33
    while rest:
        rest, syllable = divmod(rest, len(_SYLLABLES))
        word += _SYLLABLES[syllable]
    return word


def _unit(vectors: NDArray[Any]) -> Floats:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


_STAGE = """
create temp table staged (n bigint primary key, thing uuid, kind text, ord int, at timestamptz, owner text);
create temp table said (n bigint primary key, heading text, text text);
alter table embedding drop constraint embedding_chunk_id_fkey;
"""

_PLACES = """
insert into chunk (id, node_id, message_id, ord, heading, text, at, owner, kind) overriding system value
select n, case when kind <> 'message' then thing end, case when kind = 'message' then thing end, ord, heading, text, at,
    owner, kind
from staged join said using (n) order by n;
select setval(pg_get_serial_sequence('chunk', 'id'), (select max(n) from staged));
alter table embedding add constraint embedding_chunk_id_fkey foreign key (chunk_id) references chunk on delete cascade;
"""

_POSTINGS = """
insert into posting (term, owner, chunk_id, tf, len)
select term, owner, id, tf, sum(tf) over (partition by id)
from (
    select c.id, c.owner, t.term, count(*) as tf
    from chunk c cross join lateral rem_terms(c.heading || ' ' || c.text) as t (term)
    group by c.id, c.owner, t.term
) counted
order by term, owner, id;
"""

_STATISTICS = """
analyze;
insert into term_stat select term, count(*) from posting group by term;
update corpus_stat set (chunks, mean_len) = (
    select count(*), avg(len) from (select max(len) as len from posting group by chunk_id) lengths);
"""
