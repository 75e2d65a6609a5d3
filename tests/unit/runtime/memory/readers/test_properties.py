"""For every format: what the source shows is in the text, and the chunks are the text, each within the window."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from html import escape
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rem_runtime.memory.embedding import MiniLM
from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.chunks import MAX_CHARACTERS, Window
from rem_runtime.memory.ingest.prepared import Source, prepare_reading
from rem_runtime.memory.ingest.readers import read_bytes
from rem_runtime.memory.ingest.structure import Reading

from .making import make_docx, make_mail, make_pdf, make_pptx, make_xlsx

# Words that look like markup, like structure and like nothing in particular. No word is a part of another one's markup.
ODD = [
    "#",
    "*",
    "-",
    "|",
    "1.",
    "a|b",
    "**x**",
    "<b>",
    "&amp;",
    "=1+1",
    "O'Brien",
    "snake_case",
    "C++",
    "naïve",
    "東京",
    "x" * 90,
    "--",
]
WORD = st.one_of(
    st.sampled_from(ODD),
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12),
    st.text(st.characters(categories=["L", "Nd"], max_codepoint=0x24F), min_size=1, max_size=8),
)
LATIN = st.text("abcdefghijklmnopqrstuvwxyzäöüéñß0123456789", min_size=1, max_size=10)


def passages(word: st.SearchStrategy[str] = WORD) -> st.SearchStrategy[str]:
    return st.lists(word, min_size=1, max_size=60).map(" ".join)


Section = tuple[str, list[str]]
SECTIONS = st.lists(
    st.tuples(st.lists(LATIN, min_size=1, max_size=5).map(" ".join), st.lists(passages(), max_size=4)),
    min_size=1,
    max_size=6,
)
PLAIN_SECTIONS = st.lists(
    st.tuples(st.lists(LATIN, min_size=1, max_size=5).map(" ".join), st.lists(passages(LATIN), max_size=3)),
    min_size=1,
    max_size=4,
)
ROWS = st.integers(1, 6).flatmap(
    lambda width: st.lists(
        st.lists(st.lists(WORD, max_size=4).map(" ".join), min_size=width, max_size=width), min_size=1, max_size=60
    )
)
JSON_VALUE: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), passages(LATIN)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(LATIN, inner, max_size=5)),
    max_leaves=40,
)


@pytest.fixture(scope="module")
def check(embedder: MiniLM) -> Callable[[Reading, list[str]], None]:
    window = Window(embedder.token_ends, embedder.max_tokens)

    def check(reading: Reading, shown: list[str]) -> None:
        text, found = reading.text, reading.structure.blocks
        assert "".join(text[block.start : block.end] for block in found) == text
        # As often as the source shows it; a column's name stands in every row.
        missing = sum((words_of(part) for part in shown), Counter[str]()) - words_of(text)
        assert missing == Counter()
        made = prepare_reading(reading, Source("a/some name.x"), window=window, rules=1)
        assert "".join(chunk.text for chunk in made.chunks) == text
        for chunk in made.chunks:
            assert len(chunk.text) <= MAX_CHARACTERS
            assert len(embedder.token_ends(chunk.full_text)) + 2 <= embedder.max_tokens

    return check


def words_of(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text))


def shown_in(sections: list[Section]) -> list[str]:
    return [part for heading, paragraphs in sections for part in (heading, *paragraphs)]


def read(uri: str, data: bytes) -> Reading:
    """What is read; a document that shows nothing is refused, which is another test's."""
    try:
        return read_bytes(data, uri=uri)
    except InvalidInput as error:
        assume("no text in it" not in str(error) and "is empty" not in str(error))
        raise


settings.register_profile(
    "readers", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
FEW = settings(settings.get_profile("readers"), max_examples=15)
MANY = settings.get_profile("readers")


@MANY
@given(sections=SECTIONS)
def test_html(sections: list[Section], check) -> None:
    page = "".join(f"<h2>{escape(h)}</h2>" + "".join(f"<p>{escape(p)}" for p in parts) for h, parts in sections)
    check(read("a.html", page.encode()), shown_in(sections))


@MANY
@given(rows=ROWS)
def test_html_tables(rows: list[list[str]], check) -> None:
    assume(any(re.search(r"\w", cell) for row in rows for cell in row))
    page = (
        "<table>" + "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows) + "</table>"
    )
    check(read("a.html", page.encode()), [cell for row in rows for cell in row])


@MANY
@given(sections=SECTIONS)
def test_markdown_and_text(sections: list[Section], check) -> None:
    text = "".join(f"# {heading}\n\n" + "\n\n".join(paragraphs) + "\n\n" for heading, paragraphs in sections)
    for uri in ("a.md", "a.txt"):
        assert read(uri, text.encode()).text == text
        check(read(uri, text.encode()), shown_in(sections))


@FEW
@given(sections=SECTIONS)
def test_docx(sections: list[Section], check) -> None:
    check(read("a.docx", make_docx(headings=sections)), shown_in(sections))


@FEW
@given(sections=SECTIONS)
def test_pptx(sections: list[Section], check) -> None:
    slides = [(heading, parts, " ".join(parts[:1])) for heading, parts in sections]
    check(read("a.pptx", make_pptx(slides)), shown_in(sections))


@FEW
@given(rows=ROWS)
def test_xlsx(rows: list[list[str]], check) -> None:
    assume(any(re.search(r"\w", cell) for row in rows for cell in row))
    # A cell that begins with = is a formula, which nobody has computed.
    told = [[cell if not cell.startswith("=") else f"x{cell}" for cell in row] for row in rows]
    check(read("a.xlsx", make_xlsx({"A sheet": told})), ["A sheet", *(cell for row in told for cell in row)])


@FEW
@given(sections=PLAIN_SECTIONS)
def test_pdf(sections: list[Section], check) -> None:
    # What the font has and one line can hold; long words are broken by whoever sets the page.
    check(read("a.pdf", make_pdf([[heading, *parts] for heading, parts in sections])), shown_in(sections))


@MANY
@given(rows=ROWS, delimiter=st.sampled_from([",", ";", "\t"]))
def test_csv(rows: list[list[str]], delimiter: str, check) -> None:
    assume(any(re.search(r"\w", cell) for row in rows for cell in row))
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(rows)
    check(read("a.csv", file.getvalue().encode()), [cell for row in rows for cell in row])


@MANY
@given(value=JSON_VALUE, pretty=st.booleans())
def test_json(value: Any, pretty: bool, check) -> None:
    data = json.dumps(value, indent=2 if pretty else None, ensure_ascii=not pretty)
    assume(re.search(r"\w", data))
    check(read("a.json", data.encode()), [json.dumps(value, ensure_ascii=False).replace("\\n", " ")])
    check(read("a.jsonl", json.dumps(value).encode()), [json.dumps(value, ensure_ascii=False)])


@MANY
@given(value=st.dictionaries(LATIN, JSON_VALUE, min_size=1, max_size=5))
def test_yaml(value: Any, check) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
    reading = read("a.yaml", text.encode())
    assert reading.text == text
    check(reading, [text])


@MANY
@given(paragraphs=st.lists(passages(), min_size=1, max_size=6), rows=ROWS, html=st.booleans())
def test_mail(paragraphs: list[str], rows: list[list[str]], html: bool, check) -> None:
    body = "\n\n".join(paragraphs)
    message = make_mail(
        body if not html else " ", html="".join(f"<p>{escape(p)}" for p in paragraphs) if html else None
    )
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    message.add_attachment(file.getvalue(), subtype="csv", filename="rows.csv")
    check(
        read("a.eml", bytes(message)),
        [*paragraphs, "Ann Lee bob acme example A subject rows csv", *(c for row in rows for c in row)],
    )


@MANY
@given(
    names=st.lists(st.text("abcdefgh_", min_size=1, max_size=12), min_size=1, max_size=12),
    noise=st.lists(passages(), max_size=5),
    extension=st.sampled_from(
        ["py", "js", "ts", "go", "rs", "java", "c", "cpp", "cs", "rb", "php", "sh", "sql", "xml"]
    ),
)
def test_source_code(names: list[str], noise: list[str], extension: str, check) -> None:
    # Not a program of that language at all, mostly: then it is cut somewhere else, and still whole.
    text = "".join(
        f"def {name}(x):\n    return '{part}'\n\n" for name, part in zip(names, [*noise, *names], strict=False)
    )
    reading = read(f"a.{extension}", text.encode())
    assert reading.text == text
    check(reading, [text])


@settings(MANY, max_examples=200)
@given(
    data=st.binary(max_size=400),
    extension=st.sampled_from(
        ["txt", "md", "html", "pdf", "docx", "xlsx", "pptx", "csv", "json", "jsonl", "yaml", "eml", "py", "js", ""]
    ),
)
def test_any_bytes_are_text_or_refused(data: bytes, extension: str) -> None:
    try:
        reading = read_bytes(data, uri=f"a.{extension}")
    except InvalidInput:
        return
    assert "".join(reading.text[block.start : block.end] for block in reading.structure.blocks) == reading.text


def test_many_small_blocks_are_joined_and_stay_whole(check) -> None:
    rows = "".join(f"- name{number}, value{number}\n" for number in range(7_000))
    reading = read("a.csv", f"name,value\n{rows}".encode())
    found = reading.structure.blocks
    assert len(found) < 2_000
    assert max(block.end - block.start for block in found) <= 300
    assert all(reading.text[block.end - 1] == "\n" for block in found), "no row is cut"
    check(reading, [rows])


@pytest.mark.parametrize(
    ("uri", "data"),
    [
        ("a.html", b"<p>x"),
        ("a.csv", b"x"),
        ("a.json", b'"x"'),
        ("a.yaml", b"x"),
        ("a.eml", b"Subject: x\n\ny"),
        ("a.py", b"x"),
        ("a.docx", make_docx(headings=[("", ["x"])])),
        ("a.pptx", make_pptx([("x", [], "")])),
        ("a.xlsx", make_xlsx({"S": [["x"]]})),
        ("a.pdf", make_pdf([["x"]])),
    ],
)
def test_short_documents_are_kept(uri: str, data: bytes, check) -> None:
    check(read(uri, data), ["x"])
