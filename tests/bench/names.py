"""LOOKUP, TRAVERSE and FUZZY against a select by primary key and a sequential scan, at every size.

The probe is the floor of LOOKUP and TRAVERSE: a node's columns and its strongest edges by primary key, decoded into the
same Hit. The strict probe is the node's own columns alone, as the driver's row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rem_runtime.memory.answers import Hit, QueryAnswer
from rem_runtime.memory.caller import Caller
from rem_runtime.memory.dialect.ast import Traverse
from rem_runtime.memory.retrieval.bodies import node_of
from rem_runtime.memory.retrieval.lookup import hit_of
from rem_runtime.memory.retrieval.parts import Asking, Outcome
from rem_runtime.memory.retrieval.traverse import edge_filter, fetch_walk
from tests.bench.databases import Bench
from tests.bench.graph import HUB_IN, HUB_OUT, Sample, graph, samples
from tests.bench.harness import Context, Figure, Timing, interleaved, size_name

USER = "ann"
CALLER = Caller.of(USER)
_COLUMNS = """
    n.id, n.tenant_id, n.owner, n.kind, n.type, n.key, n.label, n.data::text as data,
    nullif(n.metadata, '{}')::text as metadata, n.tags, n.starts_at, n.ends_at, n.content_hash, n.version, n.created_at,
    n.updated_at"""
STRICT = f"select {_COLUMNS} from node n where n.id = $2 and n.owner in ('', $1)"
PROBE = f"""
select {_COLUMNS}, edges.*
from node n
cross join lateral (
    select array_agg(e.dst_label) as edge_dst, array_agg(e.rel) as edge_rel, array_agg(e.dst_kind) as edge_kind,
        array_agg(e.weight) as edge_weight,
        array_agg(case when e.properties <> '{{}}' or e.valid <> '(,)' then jsonb_build_object(
            'properties', e.properties, 'since', lower(e.valid), 'until', upper(e.valid))::text end) as edge_more
    from (
        (select id, dst_label, rel, dst_kind, weight, properties, valid from edge
            where src = n.id and owner = '' and closed_at is null order by weight desc, id limit 50)
        union all
        (select id, dst_label, rel, dst_kind, weight, properties, valid from edge
            where src = n.id and owner = $1 and $1 <> '' and closed_at is null order by weight desc, id limit 50)
        order by weight desc, id limit 50
    ) e
) edges
where n.id = $2 and n.owner in ('', $1) and n.deleted_at is null"""
SCAN = """
select id, similarity(fuzzy_text, $2) as similarity from node
where owner in ('', $1) and deleted_at is null and similarity(fuzzy_text, $2) >= 0.3
order by similarity desc, id limit 10"""
SCAN_SECONDS = 90.0

Ask = Callable[[str], Awaitable[QueryAnswer]]


async def measure(context: Context) -> list[Figure]:
    """All figures of the three verbs."""
    figures: list[Figure] = []
    lookups: dict[int, Timing] = {}
    for size in context.sizes:
        async with context.corpus(graph(size)) as bench:
            context.say(f"LOOKUP, {size:,}")
            found, lookups[size] = await _lookup(context, bench, size)
            figures += found
            if size == context.sizes[min(1, len(context.sizes) - 1)]:
                context.say(f"LOOKUP of 20 and TRAVERSE, {size:,}")
                figures += await _lookup_many(context, bench, size)
                figures += await _traverse(context, bench, size)
            if size <= 100_000:
                context.say(f"FUZZY, {size:,}")
                figures += await _fuzzy(context, bench, size)
    small, large = min(lookups), max(lookups)
    if small != large:
        name = f"LOOKUP {size_name(large)} over {size_name(small)}"
        figures.append(Figure.within(name, lookups[large].p50, lookups[small].p50, times=1.3))
    return figures


async def _lookup(context: Context, bench: Bench, size: int) -> tuple[list[Figure], Timing]:
    ask, things = _asking(context, bench), await samples(bench.pool, 500, user=USER)

    async def lookup(number: int) -> None:
        answer = await ask(f"LOOKUP {_of(things, number).label}")
        assert answer.results[0].label == _of(things, number).label

    async def strict(number: int) -> None:
        await bench.pool.fetchrow(STRICT, USER, _of(things, number).id)

    timed = await interleaved(
        {"lookup": lookup, "probe": lambda number: probe(bench, _of(things, number)), "strict": strict},
        rounds=context.rounds(2000),
    )
    name = f"LOOKUP {size_name(size)}"
    return [
        Figure.within(f"{name}, p50", timed["lookup"].p50, timed["probe"].p50, times=1.5),
        Figure.shown(f"{name}, p99", timed["lookup"].p99, floor=timed["probe"].p99),
        Figure.shown(f"{name}, p50, over the row alone", timed["lookup"].p50, floor=timed["strict"].p50),
    ], timed["lookup"]


async def _lookup_many(context: Context, bench: Bench, size: int) -> list[Figure]:
    ask, things = _asking(context, bench), await samples(bench.pool, 500, user=USER)

    async def twenty(number: int) -> None:
        answer = await ask("LOOKUP " + ", ".join(_of(things, number * 20 + n).label for n in range(20)))
        assert len(answer.results) == 20

    timed = await interleaved(
        {"twenty": twenty, "one": lambda number: ask(f"LOOKUP {_of(things, number).label}")}, rounds=context.rounds(500)
    )
    return [
        Figure.within(f"LOOKUP of 20 keys {size_name(size)}, p50", timed["twenty"].p50, timed["one"].p50, times=3),
        Figure.shown(f"LOOKUP of 20 keys {size_name(size)}, p99", timed["twenty"].p99),
    ]


async def _traverse(context: Context, bench: Bench, size: int) -> list[Figure]:
    ask, things = _asking(context, bench), await samples(bench.pool, 500, user=USER)
    # (question, the target as a ratio to the probe or None)
    asked: dict[str, tuple[Callable[[int], str], float | None]] = {
        "depth 1": (lambda n: f"TRAVERSE {_of(things, n).label} OUT", None),
        "depth 2": (lambda n: f"TRAVERSE {_of(things, n).label} OUT DEPTH 2", 6),
        "depth 2, both directions": (lambda n: f"TRAVERSE {_of(things, n).label} DEPTH 2", None),
        "depth 3, all bodies": (lambda n: f"TRAVERSE {_of(things, n).label} OUT DEPTH 3 LIMIT 1000", None),
        "a hub's edges out": (lambda _: f"TRAVERSE {HUB_OUT} OUT", 10),
        "a hub's edges in": (lambda _: f"TRAVERSE {HUB_IN} IN", 10),
    }
    timed = await interleaved(
        {"probe": lambda number: probe(bench, _of(things, number))}
        | {"keys": lambda number: _keys(context, bench, _of(things, number))}
        | {name: (lambda number, text=text: ask(text(number))) for name, (text, _) in asked.items()},
        rounds=context.rounds(500),
    )
    floor = timed["probe"]
    reached = len(await _keys(context, bench, things[1]))
    name = f"TRAVERSE {size_name(size)}, depth 3, keys only ({reached} reached), p50"
    figures = [Figure.within(name, timed["keys"].p50, floor.p50, times=6)]
    for name, (text, times) in asked.items():
        shown = len((await ask(text(1))).results)
        title = f"TRAVERSE {size_name(size)}, {name} ({shown} shown), p50"
        figures.append(
            Figure.shown(title, timed[name].p50, floor=floor.p50)
            if times is None
            else Figure.within(title, timed[name].p50, floor.p50, times=times)
        )
    return figures


async def _keys(context: Context, bench: Bench, start: Sample) -> list[str]:
    """What TRAVERSE OUT DEPTH 3 does below the bodies, up to the keys. The dialect has no clause for it."""
    asking = Asking(bench.pool, context.embedder, 1, USER)
    edges = edge_filter(Traverse(start.label, direction="OUT"), Outcome())
    rows = await fetch_walk(start.label, edges, asking, depth=3, bodies=0)
    return [key for row in rows if row["depth"] for key in row["keys"]]


async def _fuzzy(context: Context, bench: Bench, size: int) -> list[Figure]:
    ask, things = _asking(context, bench), await samples(bench.pool, 200, user=USER)
    typed = [misspelt(thing.label, number) for number, thing in enumerate(things)]
    words = [text.split()[1] for text in typed]

    async def scan(texts: list[str], number: int) -> None:
        await bench.pool.fetch(SCAN, USER, texts[number % len(texts)])

    timed = await interleaved(
        {
            "fuzzy": lambda number: ask(f"FUZZY {typed[number % len(typed)]} LIMIT 10"),
            "word": lambda number: ask(f"FUZZY {words[number % len(words)]} LIMIT 10"),
            "scan": lambda number: scan(typed, number),
        },
        rounds=context.rounds(100), warmup=3, seconds=SCAN_SECONDS,
    )  # fmt: skip
    name = f"FUZZY {size_name(size)}"
    return [
        Figure.within(f"{name}, p50", timed["fuzzy"].p50, timed["scan"].p50, times=0.3),
        Figure.shown(f"{name}, p99", timed["fuzzy"].p99, floor=timed["scan"].p99),
        Figure.within(f"{name}, one word, p50", timed["word"].p50, timed["scan"].p50, times=0.3),
        Figure.shown(f"{name}, finds what was meant among ten", await _found(ask, typed, things), unit=""),
    ]


async def _found(ask: Ask, typed: list[str], things: list[Sample]) -> float:
    hits = 0
    for text, thing in zip(typed, things, strict=True):
        hits += thing.label in {hit.label for hit in (await ask(f"FUZZY {text} LIMIT 10")).results}
    return hits / len(things)


async def probe(bench: Bench, thing: Sample) -> Hit:
    """The floor: by primary key, decoded."""
    row = await bench.pool.fetchrow(PROBE, USER, thing.id)
    return hit_of(node_of(row), ref=thing.label)


def misspelt(label: str, number: int) -> str:
    """The label with one letter left out, doubled or exchanged, the way it happens to people."""
    place = 1 + number * 7 % (len(label) - 2)
    if label[place] == " " or label[place - 1] == " ":
        place += 2 if place + 2 < len(label) else -2
    before, letter, after = label[:place], label[place], label[place + 1 :]
    return (before + after, before + letter * 2 + after, before + ("o" if letter == "e" else "e") + after)[number % 3]


def _of(things: list[Sample], number: int) -> Sample:
    return things[number % len(things)]


def _asking(context: Context, bench: Bench) -> Ask:
    memory = context.memory(bench)
    return lambda text: memory.query(text, CALLER)
