"""One file of each format through the real memory: found by what it says and by what it is called."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.errors import InvalidInput, NotPermitted, UnreadableFile
from rem_runtime.memory.ingest import Document, FileInput
from rem_runtime.memory.store import Memory

from .making import WRITTEN, make_docx, make_mail, make_pdf, make_pptx, make_xlsx

ADMIN = Caller.of("", {"read", "write", "admin"})
ANN = Caller.of("ann", {"read", "write"})
BOB = Caller.of("bob", {"read", "write"})
# Something to be told from.
NOISE = {
    "n/one.md": "# Canteen\n\nThe menu of next week has soup on Monday and fish on Friday.",
    "n/two.txt": "The parking lot is closed while the trees are cut. Take the bus.",
    "n/three.csv": "room,seats\nOak,12\nElm,4\nAsh,8\n",
}


def spreadsheet() -> bytes:
    teams = [[f"Team {number}", number * 100, WRITTEN.replace(tzinfo=None)] for number in range(60)]
    return make_xlsx({"Costs": [["Travel costs 2026"], ["Team", "Amount", "Approved"], *teams, ["Narwhal", 4711]]})


def python_source() -> bytes:
    method = '    def step_{number}(self) -> float:\n        """Burn {word}."""\n        return math.pi * {number}\n\n'
    fuels = enumerate(["hydrazine", "kerosene", "methane", "xenon"] * 10)
    methods = "".join(method.format(number=number, word=word) for number, word in fuels)
    return f"import math\n\n\nclass Orbit:\n{methods}".encode()


CASES: dict[str, tuple[str, Callable[[], bytes], str, str, str]] = {
    # uri: what is asked, bytes, label, alias that it has beside the label, a word of the passage
    "docs/Guide.txt": (
        "ladder in the hall",
        lambda: b"Leave the ladder in the hall.\n",
        "Guide",
        "docs/Guide.txt",
        "ladder",
    ),
    "docs/note.md": ("glacier trip", lambda: b"# Glacier trip\n\nWe walk at dawn.", "Glacier trip", "note", "dawn"),
    "web/page.html": (
        "how are invoices paid",
        lambda: b"<title>Paying invoices</title><h1>Invoices</h1><p>They are paid by <b>wire</b>.",
        "Paying invoices",
        "page",
        "wire",
    ),
    "pdf/report.pdf": (
        "turbine inspection",
        lambda: make_pdf([["Summary"], ["The turbine inspection found a crack in a blade."]], title="Annual report"),
        "Annual report",
        "report",
        "blade",
    ),
    "word/plan.docx": (
        "where is the greenhouse built",
        lambda: make_docx(title="Building plan", headings=[("Site", ["The greenhouse is built behind the mill."])]),
        "Building plan",
        "plan",
        "mill",
    ),
    "slides/kickoff.pptx": (
        "who brings the projector",
        lambda: make_pptx([("Kick-off", ["Agenda"], ""), ("Roles", ["Dana brings the projector"], "Ask Dana twice")]),
        "Kick-off",
        "kickoff",
        "projector",
    ),
    "sheets/travel.xlsx": ("Narwhal amount", spreadsheet, "travel", "sheets/travel", "Amount: 4711"),
    "tables/people.csv": (
        "phone of Priscilla",
        lambda: (
            b"Name;Phone;Office\n"
            + b"".join(f"Person {n};555-{n};Floor {n}\n".encode() for n in range(80))
            + b"Priscilla;555-9999;Attic\n"
        ),
        "people",
        "tables/people.csv",
        "Phone: 555-9999",
    ),
    "data/config.json": (
        "retry limit of the gateway",
        lambda: b'{"title": "Gateway settings", "gateway": {"retry": {"limit": 7, "mode": "backoff"}}}',
        "Gateway settings",
        "config",
        "limit: 7",
    ),
    "data/events.jsonl": (
        "volcano event",
        lambda: b'{"event": "rain", "at": 1}\n{"event": "volcano", "at": 2}\n',
        "events",
        "data/events",
        "volcano",
    ),
    "data/values.yaml": (
        "which image does the crawler use",
        lambda: b"# deployment\nname: crawler-values\nimage: registry.example/crawler:4\nlimits:\n  memory: 1Gi\n",
        "crawler-values",
        "values",
        "crawler:4",
    ),
    "mail/moved.eml": (
        "when is the rehearsal",
        lambda: bytes(
            make_mail("The rehearsal moved to Thursday.", Subject="Rehearsal moved", Message_ID="<77@acme.example>")
        ),
        "Rehearsal moved",
        "77@acme.example",
        "Thursday",
    ),
    "src/orbit.py": ("Orbit burn xenon", python_source, "orbit.py", "orbit", "xenon"),
}


@pytest.fixture
def put(memory: Memory) -> Callable[..., Any]:
    async def ingest(uri: str, data: bytes, *, caller: Caller = ADMIN, **fields: Any) -> Any:
        return await memory.ingest_file(FileInput(uri, data, **fields), caller)

    return ingest


@pytest.mark.parametrize("uri", CASES)
async def test_found_by_what_it_says_and_by_its_names(uri: str, put, memory: Memory, pool: asyncpg.Pool) -> None:
    asked, make, label, alias, said = CASES[uri]
    for name, content in NOISE.items():
        await put(name, content.encode())
    stored = await put(uri, make())
    await memory.refresh_statistics()
    assert (stored.label, stored.created, stored.unchanged) == (label, True, False)
    found = (await memory.query(f'SEARCH "{asked}"', ADMIN)).results
    assert found[0].label == label
    assert said in found[0].passages[0].text
    for name in (label, alias):
        hits = (await memory.query(f'LOOKUP "{name}"', ADMIN)).results
        assert [(hit.kind, hit.label) for hit in hits] == [("resource", label)]
    assert (await memory.get_resource(stored.resource_id, ADMIN)).media_type == stored.media_type
    row = await pool.fetchrow("select data from node where kind = 'file' and data ->> 'uri' = $1", uri)
    assert (row["data"]["state"], row["data"]["media_type"]) == ("stored", stored.media_type)
    again = await put(uri, make()) if not uri.endswith(("docx", "pptx", "xlsx", "pdf")) else None
    assert again is None or (again.unchanged, again.id, again.resource_id) == (True, stored.id, stored.resource_id)


async def test_the_same_bytes_write_nothing(put, pool: asyncpg.Pool) -> None:
    data = make_docx(headings=[("A", ["text"])])
    first = await put("a.docx", data)
    before = await pool.fetch("select id, version, updated_at from node order by id")
    second = await put("a.docx", data)
    assert (second.unchanged, second.chunks, second.edges, second.label) == (
        True,
        first.chunks,
        first.edges,
        first.label,
    )
    assert await pool.fetch("select id, version, updated_at from node order by id") == before


async def test_a_document_that_was_changed_otherwise_is_written_again(put, memory: Memory) -> None:
    await put("a.html", b"<p>from the file")
    await memory.ingest(Document(uri="a.html", content="otherwise", media_type="text/plain"), ADMIN)
    again = await put("a.html", b"<p>from the file")
    assert not again.unchanged
    assert (await memory.get_resource(again.resource_id, ADMIN)).content.strip() == "from the file"


async def test_a_changed_file_replaces_its_document(put, memory: Memory, pool: asyncpg.Pool) -> None:
    first = await put("a.docx", make_docx(title="Old", headings=[("A", ["elephants"])]))
    second = await put("a.docx", make_docx(title="New", headings=[("A", ["giraffes"])]))
    assert (second.id, second.resource_id, second.created) == (first.id, first.resource_id, False)
    assert not (await memory.query("SEARCH elephants MODE lexical", ADMIN)).results
    assert await pool.fetchval("select count(*) from node") == 2


async def test_a_bad_file_says_why_and_a_good_one_replaces_it(put, memory: Memory, pool: asyncpg.Pool) -> None:
    with pytest.raises(UnreadableFile, match="broken as a PDF") as caught:
        await put("x/report.pdf", b"%PDF-1.7 nothing follows")
    [hit] = (await memory.query("LOOKUP file/report.pdf", ADMIN)).results
    assert hit.node is not None
    assert hit.node.id == caught.value.file_id
    assert (hit.node.state, hit.node.size_bytes) == ("failed", 24)  # type: ignore[union-attr]
    assert "broken as a PDF" in (hit.node.reason or "")  # type: ignore[union-attr]
    assert hit.node.media_type == "application/pdf"  # type: ignore[union-attr]
    good = await put("x/report.pdf", make_pdf([["It is fine now."]]))
    assert good.id == caught.value.file_id
    data = await pool.fetchval("select data from node where id = $1", good.id)
    assert (data["state"], "reason" in data) == ("stored", False)
    assert [hit.kind for hit in (await memory.query("LOOKUP report, report.pdf", ADMIN)).results] == ["resource"]


async def test_a_bad_version_leaves_the_good_document(put, memory: Memory, pool: asyncpg.Pool) -> None:
    good = await put("a.json", b'{"word": "kept"}')
    with pytest.raises(UnreadableFile, match="broken as JSON"):
        await put("a.json", b'{"word": ')
    assert (await memory.get_resource(good.resource_id, ADMIN)).content.strip() == "word: kept"
    assert (await pool.fetchval("select data ->> 'state' from node where id = $1", good.id)) == "failed"
    assert not (await put("a.json", b'{"word": "kept"}')).unchanged


async def test_a_file_belongs_to_who_sends_it(put, memory: Memory) -> None:
    mine = await put("a.csv", b"name,pet\nAnn,axolotl\n", caller=ANN)
    shared = await put("a.csv", b"name,pet\nAll,dog\n")
    assert mine.id != shared.id
    assert (mine.owner, shared.owner) == ("ann", "")
    assert [hit.node.user_id for hit in (await memory.query("SEARCH axolotl", ANN)).results][:1] == ["ann"]  # type: ignore[union-attr]
    assert not (await memory.query("SEARCH axolotl MODE lexical", BOB)).results
    with pytest.raises(NotPermitted):
        await put("b.csv", b"a,b\n", caller=ANN, owner="")
    with pytest.raises(UnreadableFile):
        await put("c.pdf", b"no", caller=ANN)
    assert not (await memory.query("LOOKUP c.pdf", BOB)).results
    assert (await memory.query("LOOKUP c.pdf", ANN)).results


async def test_what_the_sender_says_wins(put, memory: Memory) -> None:
    at = datetime(2025, 1, 2, tzinfo=UTC)
    stored = await put("a.eml", bytes(make_mail()), timestamp=at, metadata={"source": "archive"})
    document = await memory.get_resource(stored.resource_id, ADMIN)
    assert document.timestamp == at
    assert document.metadata["source"] == "archive"
    assert document.metadata["to"] == ["Bob Roe <bob@acme.example>"]
    changed = await put("a.eml", bytes(make_mail()), metadata={"source": "other"})
    assert not changed.unchanged


async def test_mail_is_connected_with_its_people_and_thread(put, memory: Memory) -> None:
    await put("1.eml", bytes(make_mail(Subject="Budget", Message_ID="<1@acme.example>")))
    await put(
        "2.eml",
        bytes(make_mail(Subject="Re: Budget", Message_ID="<2@acme.example>", In_Reply_To="<1@acme.example>")),
    )
    hits = (await memory.query('TRAVERSE "Re: Budget" DEPTH 1 REL replies_to, from', ADMIN)).results
    assert {(hit.label, hit.path[-1].rel) for hit in hits if hit.path} == {
        ("Budget", "replies_to"),
        ("Ann Lee", "from"),
    }


@pytest.mark.parametrize("uri", ["", " ", "x" * 1025])
async def test_a_file_needs_a_name(uri: str, put, pool: asyncpg.Pool) -> None:
    with pytest.raises(InvalidInput):
        await put(uri, b"text")
    assert await pool.fetchval("select count(*) from node") == 0


async def test_text_formats_come_as_documents_too(memory: Memory) -> None:
    for number, (media_type, content) in enumerate(
        {
            "text/html": "<h1>One</h1><p>walrus",
            "text/csv; charset=utf-8": "animal,count\nwalrus,2\n",
            "application/json": '{"animal": "walrus"}',
            "message/rfc822": "From: a@b.example\nSubject: walrus\n\nwalrus",
            "text/x-python": "def walrus():\n    pass\n",
        }.items()
    ):
        stored = await memory.ingest(Document(uri=f"d{number}", content=content, media_type=media_type), ADMIN)
        assert "walrus" in (await memory.get_resource(stored.id, ADMIN)).content
