"""What a document becomes before the database sees it: label, names, edges, times."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest import Document, EntityInput
from rem_runtime.memory.ingest.chunks import Window
from rem_runtime.memory.ingest.clean import clean_json, clean_text
from rem_runtime.memory.ingest.frontmatter import FrontMatter, split_front_matter
from rem_runtime.memory.ingest.markdown import read_markdown
from rem_runtime.memory.ingest.prepared import (
    Prepared,
    Source,
    prepare_document,
    prepare_entity,
    prepare_reading,
    resolve_link,
)
from rem_runtime.memory.ingest.readers import read_stored, read_text
from rem_runtime.memory.models import InlineEdge

WINDOW = Window(lambda text: [index + 1 for index in range(len(text))], 256)


def prepare(content: str, *, uri: str = "notes/a_note.md", media_type: str = "text/markdown") -> Prepared:
    return prepare_document(Document(uri=uri, content=content, media_type=media_type), window=WINDOW, rules=1)


@pytest.mark.parametrize(
    ("content", "label"),
    [
        ("---\ntitle: From the front\n---\n# From the H1\n", "From the front"),
        ("## Not this\n\n# From *the* `H1`\n", "From the H1"),
        ("Setext\n======\n", "Setext"),
        ("no heading", "a_note"),
        ("# \n\ntext", "a_note"),
        ("---\ntitle: 3\n---\ntext", "a_note"),
        ("```\n# not a heading\n```\n", "a_note"),
    ],
)
def test_the_label(content: str, label: str) -> None:
    assert prepare(content).label == label


def test_plain_text_is_called_after_its_stem() -> None:
    assert (
        prepare("# not Markdown", media_type="text/plain; charset=utf-8", uri="x/Risk Register.v2.txt").label
        == "Risk Register.v2"
    )


def test_stem_uri_and_aliases_are_names() -> None:
    assert prepare("---\naliases: [The Note, a note]\n---\n# Title").names == (
        "a-note",
        "notes-a-note.md",
        "notes-a-note",
        "the-note",
    )


def test_lists_of_the_front_matter_are_edges_of_their_key() -> None:
    prepared = prepare(
        "---\nAttended by: [Ann Lee, {name: Bob, role: PM}, '', Ann Lee]\nproject: Mercury\ntags: [x, y]\n"
        "date: 2026-03-04\nsee: []\n---\ntext"
    )
    assert [(edge.rel_type, edge.dst) for edge in prepared.edges] == [
        ("attended_by", "Ann Lee"),
        ("attended_by", "Bob"),
    ]
    assert prepared.tags == ("x", "y")
    assert prepared.metadata["project"] == "Mercury"
    assert prepared.metadata["date"] == "2026-03-04"
    assert prepared.starts_at == datetime(2026, 3, 4, tzinfo=UTC)
    assert prepared.data["related_entities"] == ("Ann Lee", "Bob")


def test_links_are_edges() -> None:
    prepared = prepare(
        "[one](other.md#part) [two](../specs/b%20c.md) <https://acme.example/x#y> [me](a_note.md) [here](#top) "
        "[[Wiki Page|shown]] [mail](mailto:ann@acme.example) ![image](i.png) `[no](code.md)` [[Wiki Page]]\n\n"
        "| [in a table](t.md) |\n|---|\n| x |\n"
    )
    assert {edge.dst for edge in prepared.edges} == {
        "notes/other.md",
        "specs/b c.md",
        "https://acme.example/x",
        "ann@acme.example",
        "notes/t.md",
        "Wiki Page",
    }
    assert {edge.rel_type for edge in prepared.edges} == {"links_to"}


@pytest.mark.parametrize(
    ("target", "base", "expected"),
    [
        ("b.md", "a.md", "b.md"),
        ("./b.md", "x/a.md", "x/b.md"),
        ("../../b.md", "x/a.md", "../b.md"),
        ("/top.md", "x/a.md", "top.md"),
        ("/top.md", "/x/a.md", "/top.md"),
        ("?q=1", "a.md", None),
        ("http://[bad", "a.md", None),
    ],
)
def test_links_resolve_against_the_uri(target: str, base: str, expected: str | None) -> None:
    assert resolve_link(target, base) == expected


@pytest.mark.parametrize(
    "content",
    [
        "---\n- a list\n---\ntext",
        "---\nx: [unclosed\n---\ntext",
        "---\nx: &a [1]\ny: *a\n---\ntext",
        "---\n" + "[" * 5_000 + "\n---\ntext",
        "---\nno end",
        "text\n---\ntitle: x\n---\n",
        "---\nwhen: 2026-99-99T00:00:00\n---\ntext",
    ],
)
def test_what_is_no_front_matter_is_text(content: str) -> None:
    front, start = split_front_matter(content)
    assert front.title is None
    assert start in {0, content.find("text")}
    prepared = prepare(content)
    assert "".join(chunk.text for chunk in prepared.chunks) == content


def test_front_matter_is_json_whatever_yaml_makes_of_it() -> None:
    prepared = prepare('---\na: .nan\nb: "x\\0y"\nc: !!set {x}\nd: 2026-03-04 10:00:00\n1: {2: [on, null]}\n---\ntext')
    assert json.loads(json.dumps(prepared.metadata, allow_nan=False))
    assert "\x00" not in str(prepared.metadata)


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ("{b: ", "}"), ("!!pairs [b: ", "]")])
@pytest.mark.parametrize("levels", [100, 250, 325])
def test_front_matter_that_is_too_deep_is_text(begin: str, end: str, levels: int) -> None:
    content = f"---\ntitle: T\na: {begin * levels}1{end * levels}\n---\ntext"
    assert split_front_matter(content) == (FrontMatter(), 0)
    assert prepare(content).metadata == {}


@pytest.mark.parametrize("value", ["!!float ''", "!!bool x", "!!timestamp x", "0x" + "f" * 5_000])
def test_front_matter_with_a_value_that_is_not_of_its_type_is_text(value: str) -> None:
    assert split_front_matter(f"---\ntags: [x]\na: {value}\n---\ntext") == (FrontMatter(), 0)


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("2026-05-04", datetime(2026, 5, 4, tzinfo=UTC)),
        ("2026-05-04 09:00:00", datetime(2026, 5, 4, 9, tzinfo=UTC)),
        ("2026-05-04T09:00:00+02:00", datetime(2026, 5, 4, 7, tzinfo=UTC)),
        ("'2026-05-04T09:00:00'", datetime(2026, 5, 4, 9, tzinfo=UTC)),
    ],
)
def test_a_date_is_in_utc(date: str, moment: datetime) -> None:
    starts_at = prepare(f"---\ndate: {date}\n---\ntext").starts_at
    assert (starts_at, starts_at and starts_at.tzinfo) == (moment, UTC)


@pytest.mark.parametrize("field", ["date", "created_at"])
@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "'9999-12-31T23:00:00-14:00'"])
def test_a_date_outside_of_time_is_named(field: str, value: str) -> None:
    content = f"---\n{field}: {value}\n---\ntext"
    with pytest.raises(InvalidInput, match=f"front matter, {field}: is before the year 1 or after the year 9999"):
        prepare(content)
    # The sender's own time wins; and what is stored is cut anew whatever its front matter says.
    known = Document(uri="a.md", content=content, timestamp=datetime(2026, 5, 4, 9))  # noqa: DTZ001 - without an offset
    assert prepare_document(known, window=WINDOW, rules=1).starts_at == datetime(2026, 5, 4, 9, tzinfo=UTC)
    assert read_stored(content, "text/markdown").blocks


def test_the_senders_time_is_within_time() -> None:
    with pytest.raises(ValidationError, match=r"timestamp\n.*is before the year 1"):
        Document.model_validate({"uri": "a", "content": "b", "timestamp": "0001-01-01T00:00:00+14:00"})


def test_a_file_is_dated_in_utc_too() -> None:
    reading = read_text("text", uri="a.txt", media_type="text/plain")
    source = Source("a.txt", timestamp=datetime(2026, 5, 4, 9))  # noqa: DTZ001 - without an offset
    prepared = prepare_reading(reading, source, window=WINDOW, rules=1)
    assert prepared.starts_at == datetime(2026, 5, 4, 9, tzinfo=UTC)


def test_front_matter_may_be_as_deep_as_any_metadata() -> None:
    front, start = split_front_matter("---\na: " + "[" * 99 + "]" * 99 + "\n---\ntext")
    assert (start, json.dumps(front.other["a"]).count("[")) == (210, 99)


def test_metadata_that_is_too_deep_is_refused_wherever_it_comes_from() -> None:
    deep: object = 1
    for _ in range(100):
        deep = {"a": deep}
    reading = read_text("text", uri="a.txt", media_type="text/plain")
    for given, found in (({"x": deep}, {}), ({}, {"x": deep})):
        with pytest.raises(InvalidInput, match="metadata: is nested more than 100 levels deep"):
            prepare_reading(
                replace(reading, structure=replace(reading.structure, metadata=found)),
                Source("a.txt", metadata=given),
                window=WINDOW,
                rules=1,
            )


@pytest.mark.parametrize("content", [" ", "\n\n", "\t"])
def test_an_empty_document_is_refused(content: str) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        prepare(content)


def test_another_media_type_is_refused() -> None:
    with pytest.raises(InvalidInput, match="text/markdown, text/plain, text/html"):
        prepare("x", media_type="application/x-unheard-of")
    with pytest.raises(InvalidInput, match="send it as a file"):
        prepare("x", media_type="application/pdf")


def test_a_hash_changes_with_what_is_stored() -> None:
    one, same, other = prepare("a\r\nb"), prepare("a\nb"), prepare("a\nc")
    assert one.content_hash == same.content_hash != other.content_hash


def test_an_entity_is_normalised() -> None:
    entity = EntityInput(
        label=" Sarah Chen ",
        type="Team Lead",
        aliases=("Sarah", "sarah_chen"),
        properties={"x": float("nan"), "y": "a\x00b"},
        graph_edges=(
            InlineEdge(dst="Mercury", rel_type="Works on", weight=0.2),
            InlineEdge(dst="mercury", rel_type="works_on", weight=0.9),
        ),
    )
    prepared = prepare_entity(entity, window=WINDOW, rules=1)
    assert (prepared.label, prepared.key, prepared.type, prepared.names) == (
        "Sarah Chen",
        "sarah-chen",
        "team_lead",
        ("sarah",),
    )
    assert [(edge.rel_type, edge.weight) for edge in prepared.edges] == [("works_on", 0.9)]
    assert prepared.chunks == ()


@pytest.mark.parametrize("edge", [{"rel_type": "!!"}, {"rel_type": "x", "dst_kind": "person"}])
def test_an_edge_that_cannot_be_stored_is_refused(edge: dict[str, str]) -> None:
    entity = EntityInput(label="a", graph_edges=(InlineEdge.model_validate({"dst": "b", **edge}),))
    with pytest.raises(InvalidInput):
        prepare_entity(entity, window=WINDOW, rules=1)


def test_clean_text_keeps_places() -> None:
    assert clean_text("a\x00b\ud800c") == "a\ufffdb\ufffdc"
    assert clean_text("a\r\nb\rc") == "a\nb\nc"
    assert clean_json({"a\x00": [float("inf"), ("b",)]}) == {"a\ufffd": ["inf", ["b"]]}


def test_headings_know_what_is_above_them() -> None:
    blocks = read_markdown("# A\n## B\ntext\n# C\ntext\n", 0).blocks
    assert [(block.headings, block.is_heading) for block in blocks] == [
        ((), True), (("A",), True), (("A", "B"), False), ((), True), (("C",), False),
    ]  # fmt: skip
