"""The generated graph: things with names that read like names, aliases, private ones, five edges each, and two hubs.

The same for the same size: everything is made from a row's number. Labels are unique (`label_of` is a bijection), so
that a lookup has one answer. A tenth of the things are documents with an opening; a fifth have an alias; a tenth each
belong to ann and to bob. A hub has half as many edges as there are things, out of `hub out`, or into `hub in`.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from tests.bench.databases import Corpus, without_indexes

HUB_OUT = "hub out"
HUB_IN = "hub in"
DEGREE = 5

_FIRST = (  # noqa: SIM905 - a list of quotes reads worse
    "Sarah Ann Bob Mei Omar Lena Igor Priya Juan Aiko Noah Zoe Karl Fatima Hugo Ines Yusuf Elsa Tariq Nina "
    "icy solar amber silent rapid copper hidden northern velvet broken golden lunar quiet crimson hollow marble "
    "project team policy review planet anchor harbour lantern engine garden"
).split()
_SYLLABLES = (  # noqa: SIM905 - a list of quotes reads worse
    "ka ri mo va chen lo tes sa ber nik ol gar thi men do ra wel fa ston lin qu bar mi jan pe trov hal der um zo "
    "vir tan gel os kir ban nu res fel wi"
).split()
_STEP = 7_368_787  # a prime, so that neighbours by number are strangers by name

_FUNCTIONS = """
create function pg_temp.bench_id(n bigint) returns uuid language sql immutable as $$
    select (lpad(to_hex(1760000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
        || substr(md5(n::text), 4, 15))::uuid $$;
create function pg_temp.bench_label(n bigint, first text[], parts text[]) returns text language sql immutable as $$
    select first[1 + m % f] || ' ' || parts[1 + m / f % s] || parts[1 + m / f / s % s] || parts[1 + m / f / s / s % s]
    from (select n * $step$ % (f * s * s * s) as m, f, s
          from (select cardinality(first)::bigint as f, cardinality(parts)::bigint as s) as sizes) as mixed $$;
create function pg_temp.bench_pick(n bigint, salt int, size bigint) returns bigint language sql immutable as $$
    select 1 + (hashint8extended(n, salt) & 9007199254740991) % size $$;
"""

_STAGE = """
create temp table staged as
select n, pg_temp.bench_id(n) as id, pg_temp.bench_label(n, $2, $3) as label,
    case when n % 10 = 1 then 'ann' when n % 10 = 2 then 'bob' else '' end as owner,
    case when n % 10 = 3 then 'resource' else 'entity' end as kind
from generate_series(1, $1::bigint) n
"""

_NODES = """
insert into node (id, tenant_id, owner, kind, type, key, label, data, metadata, tags, starts_at, fuzzy_text,
    content_hash, created_at, updated_at)
select id, 'bench', owner, kind,
    case when kind = 'entity' then (array['person', 'project', 'technology', 'concept', 'place'])[1 + n % 5] end,
    replace(lower(label), ' ', '-'), label,
    case when kind = 'resource'
        then jsonb_build_object('uri', 'notes/' || n || '.md', 'media_type', 'text/markdown',
            'related_entities', jsonb_build_array(label))
        else jsonb_build_object(
            'description', label || ' has to do with ' || md5(n::text) || ' and what came of it in week ' || n % 52,
            'properties', jsonb_build_object('rank', n % 100)) end,
    jsonb_build_object('source', 'bench'), array['t' || n % 7],
    timestamptz '2025-01-01Z' + n % 500 * interval '1 day',
    lower(label), decode(md5(n::text), 'hex'), timestamptz '2026-01-01Z', timestamptz '2026-01-01Z'
from staged order by n
"""

_NAMES = """
insert into name (key, owner, kind, node_id, canonical)
select replace(lower(label), ' ', '-'), owner, kind, id, true from staged
union all
select 'aka-' || split_part(lower(label), ' ', 2) || '-' || split_part(lower(label), ' ', 1), owner, kind, id, false
from staged where n % 5 = 0
"""

_EDGES = """
insert into edge (id, src, rel, dst_key, dst_label, weight, properties, owner, recorded_at)
select pg_temp.bench_id(1000000000 + s.n * 10 + e), s.id,
    (array['knows', 'works_on', 'mentions', 'follows', 'uses'])[e], replace(lower(t.label), ' ', '-'), t.label,
    (pg_temp.bench_pick(s.n, 100 + e, 1000) / 1000.0)::real, '{}', s.owner, timestamptz '2026-01-01Z'
from staged s cross join generate_series(1, $1::integer) e
join staged t on t.n = pg_temp.bench_pick(s.n, e, $2::bigint)
order by s.n, e
"""

_HUBS = """
insert into node (id, owner, kind, type, key, label, fuzzy_text, created_at, updated_at)
select pg_temp.bench_id(900000000 + n), '', 'entity', 'hub', replace(label, ' ', '-'), label, label,
    timestamptz '2026-01-01Z', timestamptz '2026-01-01Z'
from unnest(array['hub out', 'hub in']) with ordinality as h (label, n);
insert into name (key, owner, kind, node_id, canonical) select key, owner, kind, id, true from node where type = 'hub';
insert into edge (src, rel, dst_key, dst_label, weight, owner)
select pg_temp.bench_id(900000001), 'hub', replace(lower(label), ' ', '-'), label, (n % 997 / 997.0)::real, ''
from staged where n % 2 = 0;
insert into edge (src, rel, dst_key, dst_label, weight, owner)
select id, 'hub', 'hub-in', 'hub in', (n % 997 / 997.0)::real, '' from staged where n % 2 = 1;
"""

_CHUNKS = """
insert into chunk (node_id, ord, heading, text, at, owner, kind)
select id, 0, label, 'What ' || label || ' says first: ' || repeat(md5(n::text) || ' ', 12),
    timestamptz '2025-01-01Z', owner, kind
from staged where kind = 'resource' order by n
"""


async def fill(conn: asyncpg.Connection, size: int) -> None:
    """Writes the graph."""
    await conn.execute(_FUNCTIONS.replace("$step$", str(_STEP)))
    await conn.execute(_STAGE, size, list(_FIRST), list(_SYLLABLES))
    await conn.execute("alter table staged add primary key (n)")
    await conn.execute("analyze staged")
    async with without_indexes(conn, "node", "name", "edge", "chunk"):
        await conn.execute(_NODES)
        await conn.execute(_NAMES)
        await conn.execute(_EDGES, DEGREE, size)
        await conn.execute(_HUBS)
        await conn.execute(_CHUNKS)


def graph(size: int) -> Corpus:
    """The graph of so many things."""
    return Corpus("graph", size, fill)


@dataclass(frozen=True, slots=True)
class Sample:
    """A thing to ask for."""

    id: UUID
    label: str


async def samples(pool: asyncpg.Pool, count: int, *, user: str) -> list[Sample]:
    """Things that the user may see, spread over all, the same each time."""
    rows = await pool.fetch(
        "select id, label from node where owner in ('', $1) and type is distinct from 'hub' "
        "order by hashtextextended(label, 7) limit $2",
        user,
        count,
    )
    return [Sample(row["id"], row["label"]) for row in rows]
