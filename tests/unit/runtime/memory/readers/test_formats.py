"""What each format becomes: text, headings, label, edges, metadata, time."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import docx
import openpyxl
import pptx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from rem_runtime.memory.errors import InvalidInput
from rem_runtime.memory.ingest.chunks import Window
from rem_runtime.memory.ingest.prepared import Prepared, Source, prepare_reading
from rem_runtime.memory.ingest.readers import formats, read_bytes, read_stored
from rem_runtime.memory.ingest.structure import Reading

from .making import (
    WRITTEN,
    make_docx,
    make_long_pdf,
    make_mail,
    make_pdf,
    make_pptx,
    make_xlsx,
    make_zip,
    saved_docx,
)

WINDOW = Window(lambda text: [match + 1 for match, letter in enumerate(text) if letter == " "], 256)


def read(uri: str, data: bytes | str, **known: Any) -> Reading:
    return read_bytes(data.encode() if isinstance(data, str) else data, uri=uri, **known)


def blocks(reading: Reading) -> list[tuple[tuple[str, ...], str]]:
    return [(block.headings, reading.text[block.start : block.end].strip()) for block in reading.structure.blocks]


def prepared(uri: str, data: bytes | str) -> Prepared:
    return prepare_reading(read(uri, data), Source(uri), window=WINDOW, rules=1)


def test_every_format_has_its_reader_and_no_name_means_two() -> None:
    for one in formats.FORMATS:
        reader = one.load()
        assert hasattr(reader, "read_bytes" if one.binary else "read_text")
    names = [name for one in formats.FORMATS for name in (one.media_type, *one.also, *one.extensions)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("uri", "declared", "data", "expected"),
    [
        ("a.html", None, b"<p>x", "text/html"),
        ("a.html", "text/plain", b"<p>x", "text/plain"),
        ("a.html", "application/octet-stream", b"<p>x", "text/html"),
        ("a.html", "application/x-unheard-of", b"<p>x", "text/html"),
        ("https://acme.example/a.csv?version=2", None, b"a,b", "text/csv"),
        ("page", None, b"\n<!DOCTYPE html><p>x", "text/html"),
        ("page", "TEXT/HTML; charset=utf-8", b"<p>x", "text/html"),
        ("message", None, b"From: a@b.example\r\nDate: x\r\n\r\nhello", "message/rfc822"),
        ("LICENSE", None, b"From: here to there", "text/plain"),
        ("report", None, make_pdf([["x"]]), "application/pdf"),
        ("plan", None, make_docx(headings=[("", ["x"])]), formats.DOCX.media_type),
        ("slides", None, make_pptx([("x", [], "")]), formats.PPTX.media_type),
        ("sheet", "application/octet-stream", make_xlsx({"x": [["y"]]}), formats.XLSX.media_type),
    ],
)
def test_the_type_is_as_declared_else_by_extension_else_by_content(
    uri: str, declared: str | None, data: bytes, expected: str
) -> None:
    assert read(uri, data, media_type=declared).media_type == expected


@pytest.mark.parametrize(
    ("uri", "declared", "data"),
    [
        ("a.png", None, b"\x89PNG\r\n\x1a\n\x00\x00"),
        ("a", "image/png", b"text after all"),
        ("a.zip", None, make_zip({"a.txt": b"x"})),
        ("a", None, bytes(range(256)) * 4),
    ],
)
def test_what_is_not_read_is_refused_with_what_is(uri: str, declared: str | None, data: bytes) -> None:
    with pytest.raises(
        InvalidInput, match=r"is not read; what is read: Markdown, text, HTML, PDF, Word, .*source code"
    ):
        read(uri, data, media_type=declared)


def test_html() -> None:
    reading = read(
        "a/page.html",
        """<!doctype html><html lang=en><head><title>The &amp; title</title><meta name=author content="Ann Lee">
        <meta property="article:published_time" content="2026-03-04T10:30:00Z"><meta name=keywords content="a, b">
        <style>.x{}</style></head><body><nav><a href="../b.html">Next</a></nav><h1>First<br>part</h1>
        <p>One <b>bo</b>ld<br>line &lt;i&gt; <img alt="a chart" src=x></p><script>no()</script>
        <h2>Second</h2><ul><li>a<li>b<ol><li>b1<li>b2</ol></ul><div>loose <p>block</div><pre>  keep
   this</pre><p hidden>not</p><h1>Third</h1>
        <table><caption>Cap</caption><tr><th>N<th>M<tr><td>1<td><a href=c>2</a></table>
        <table><tr><td><h3>Layout</h3><td>cell</table></body></html>""",
    )
    assert blocks(reading) == [
        ((), "Next"),
        ((), "# First part"),
        (("First part",), "One bold\nline <i> a chart"),
        (("First part",), "## Second"),
        (("First part", "Second"), "- a"),
        (("First part", "Second"), "- b"),
        (("First part", "Second"), "1. b1"),
        (("First part", "Second"), "2. b2"),
        (("First part", "Second"), "loose"),
        (("First part", "Second"), "block"),
        (("First part", "Second"), "```\n  keep\n   this\n```"),
        ((), "# Third"),
        (("Third",), "Cap"),
        (("Third",), "| N | M |\n| --- | --- |\n| 1 | 2 |"),
        (("Third",), "### Layout"),
        (("Third", "Layout"), "cell"),
    ]
    found = reading.structure
    assert (found.title, found.tags, found.links) == ("The & title", ("a", "b"), ("../b.html", "c"))
    assert found.metadata == {"author": "Ann Lee", "language": "en"}
    assert found.timestamp == WRITTEN
    edges = {
        (edge.rel_type, edge.dst)
        for edge in prepared("a/page.html", b"<meta name=author content=Ann><a href=../b>x").edges
    }
    assert edges == {("author", "Ann"), ("links_to", "b")}


def test_docx_has_everything_that_is_shown() -> None:
    document = docx.Document()
    document.core_properties.comments = ""
    document.add_heading("The plan", 0)
    document.add_heading("Scope", 1)
    paragraph = document.add_paragraph("Be")
    paragraph.add_run("fore").bold = True
    _add(paragraph._p, "w:ins", "w:r", "w:t", text=" inserted")
    _add(paragraph._p, "w:del", "w:r", "w:delText", text=" deleted")
    _add(paragraph._p, "w:sdt", "w:sdtContent", "w:r", "w:t", text=" controlled")
    _add(document.element.body, "w:sdt", "w:sdtContent", "w:p", "w:r", "w:t", text="A block of a control")
    _add(
        document.add_paragraph("With a box")._p,
        "w:r",
        "w:pict",
        "w:txbxContent",
        "w:p",
        "w:r",
        "w:t",
        text="In the box",
    )
    document.add_heading("Deeper", 2)
    document.add_paragraph("point", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, (first, second) in enumerate([("Name", "Due"), ("Ann", "May\nor June")]):
        table.cell(row, 0).text, table.cell(row, 1).text = first, second
    document.sections[0].header.paragraphs[0].text = "Confidential"
    document.sections[0].footer.paragraphs[0].text = "Acme Ltd"
    reading = read("plan.docx", saved_docx(document))
    assert [block for block in blocks(reading) if block[1] != "A block of a control"] == [
        ((), "Confidential"),
        ((), "# The plan"),
        ((), "# Scope"),
        (("Scope",), "Before inserted controlled"),
        (("Scope",), "With a box"),
        (("Scope",), "In the box"),
        (("Scope",), "## Deeper"),
        (("Scope", "Deeper"), "point"),
        (("Scope", "Deeper"), "| Name | Due |\n| --- | --- |\n| Ann | May / or June |"),
        (("Scope", "Deeper"), "Acme Ltd"),
    ]
    assert "A block of a control" in reading.text
    assert reading.structure.title == "The plan"


def _add(parent: Any, *names: str, text: str) -> None:
    """One element inside of another, the last with text."""
    for name in names:
        child = OxmlElement(name)
        parent.append(child)
        parent = child
    parent.text = text
    parent.set(qn("xml:space"), "preserve")


def test_docx_properties() -> None:
    one = prepared("plan.docx", make_docx(title="Building plan", author="Ann Lee", headings=[("A", ["b"])]))
    assert (one.label, one.starts_at, one.metadata) == ("Building plan", WRITTEN, {"author": "Ann Lee"})
    assert [(edge.rel_type, edge.dst) for edge in one.edges] == [("author", "Ann Lee")]


def test_pptx_is_its_slides() -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Figures"
    table = slide.shapes.add_table(2, 2, 0, 0, 100, 100).table
    for place, text in (((0, 0), "Name"), ((0, 1), "Cost"), ((1, 0), "Rent"), ((1, 1), "9")):
        table.cell(*place).text = text
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 10, 10).text_frame.text = "grouped"
    file = saved_docx(presentation)  # type: ignore[arg-type] # it saves in the same way
    assert blocks(read("a.pptx", file)) == [
        ((), "# Slide 1: Figures"),
        (("Slide 1: Figures",), "| Name | Cost |\n| --- | --- |\n| Rent | 9 |"),
        (("Slide 1: Figures",), "grouped"),
    ]
    two = read("a.pptx", make_pptx([("One", ["a", "b"], "say this"), ("", ["c"], "")]))
    assert blocks(two) == [
        ((), "# Slide 1: One"),
        (("Slide 1: One",), "a"),
        (("Slide 1: One",), "b"),
        (("Slide 1: One",), "## Notes"),
        (("Slide 1: One", "Notes"), "say this"),
        ((), "# Slide 2"),
        (("Slide 2",), "c"),
    ]
    assert (two.structure.title, two.structure.timestamp) == ("One", WRITTEN)


def test_xlsx_rows_say_their_columns() -> None:
    day = datetime(2026, 3, 4)  # noqa: DTZ001 - a sheet knows no zone
    rows = [["Costs 2026"], [], ["Team", "Amount", "Paid", "When"], *[[f"T{n}", n / 2, n > 3, day] for n in range(50)]]
    found = blocks(read("a.xlsx", make_xlsx({"First": rows, "Empty": [], "Small": [["a", "b"], [1, 2.5]]})))
    assert found[:5] == [
        ((), "## First"),
        (("First",), "Costs 2026"),
        (("First",), "Columns: Team, Amount, Paid, When"),
        (("First",), "- Team: T0; Amount: 0; Paid: FALSE; When: 2026-03-04"),
        (("First",), "- Team: T1; Amount: 0.5; Paid: FALSE; When: 2026-03-04"),
    ]
    assert found[-3:] == [((), "## Empty"), ((), "## Small"), (("Small",), "| a | b |\n| --- | --- |\n| 1 | 2.5 |")]


def test_formulas_are_read_as_they_were_computed() -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append(["=1+1", "text"])  # openpyxl computes nothing: an empty value
    assert "text" in read("a.xlsx", saved_docx(workbook)).text  # type: ignore[arg-type] # it saves in the same way


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("a,b\n" + "1,2\n" * 40, "- a: 1; b: 2"),
        ("a;b\n" + '"x;y";"1,5"\n' * 40, "- a: x;y; b: 1,5"),
        ("a\tb\n" + "1\t2\n" * 40, "- a: 1; b: 2"),
        ("1,2\n" * 140, "- 1; 2"),
        ("name,note\n" + 'x,"two\nlines"\n' * 40, "- name: x; note: two / lines"),
        ("name,note\n" + "x\n" * 140, "- name: x"),
        ("name,note\n" + "x,y,more\n" * 40, "- name: x; note: y; more"),
    ],
)
def test_csv_rows(text: str, row: str) -> None:
    assert blocks(read("a.csv", text))[-1] == ((), row)


def test_a_small_table_stays_a_table() -> None:
    assert read("a.csv", "Name,Due\nAnn,May\n").text.strip() == "| Name | Due |\n| --- | --- |\n| Ann | May |"


def test_pdf_pages_outline_and_properties() -> None:
    data = make_pdf(
        [["Chapter one", "Text of one."], ["Text of two."], ["Chapter two"]], title="A book", author="Ann", outline=True
    )
    reading = read("a.pdf", data)
    assert blocks(reading) == [
        (("Chapter one", "page 1"), "Chapter one"),
        (("Chapter one", "page 1"), "Text of one."),
        (("Text of two.", "page 2"), "Text of two."),
        (("Chapter two", "page 3"), "Chapter two"),
    ]
    assert (reading.structure.title, reading.structure.metadata) == ("A book", {"author": "Ann", "pages": 3})
    assert reading.structure.timestamp is not None
    sentence = "The quick brown fox jumps over the lazy dog near the river bank. "
    assert sentence.strip() in read("b.pdf", make_long_pdf([sentence * 30])).text


def test_pdf_lines_of_one_character_stay_lines() -> None:
    assert read("a.pdf", make_pdf([["5", "12", "7", 'with y_1, "quotes".']])).text.split("\n\n")[:-1] == [
        "5",
        "12",
        "7",
        'with y_1, "quotes".',
    ]


@pytest.mark.parametrize("title", ["(anonymous)", "untitled", "Microsoft Word - plan.docx", "plan.doc", ""])
def test_a_title_that_a_program_made_up_is_none(title: str) -> None:
    assert prepared("reports/q3.pdf", make_pdf([["text"]], title=title)).label == "q3"


def test_json_keeps_every_name_and_digit() -> None:
    reading = read(
        "a.json",
        '{"name": "The thing", "date": "2026-03-04", "n": 1.500, "big": 123456789012345678901234567890, "n": null,'
        '"list": [1, "two"], "empty": {}, "inner": {"deep": {"x": true}}, "people": [{"name": "Ann", "age": 3},'
        '{"name": "Bob", "pets": [{"kind": "cat"}]}]}',
    )
    assert blocks(reading) == [
        ((), "name: The thing"),
        ((), "date: 2026-03-04"),
        ((), "n: 1.500"),
        ((), "big: 123456789012345678901234567890"),
        ((), "n: null"),
        ((), "list: 1, two"),
        ((), "empty: {}"),
        ((), "# inner"),
        (("inner",), "## deep"),
        (("inner", "deep"), "x: true"),
        ((), "# people"),
        (("people",), "- name: Ann; age: 3"),
        (("people",), "## Bob"),
        (("people", "Bob"), "name: Bob"),
        (("people", "Bob"), "### pets"),
        (("people", "Bob", "pets"), "- kind: cat"),
    ]
    assert (reading.structure.title, reading.structure.timestamp) == ("The thing", datetime(2026, 3, 4, tzinfo=UTC))


def test_json_lines() -> None:
    assert blocks(read("a.jsonl", '{"a": 1}\n\n{"a": 2}\n[3]\n')) == [((), "- a: 1"), ((), "- a: 2"), ((), "- 3")]
    with pytest.raises(InvalidInput, match="broken as JSON: line 2: "):
        read("a.jsonl", '{"a": 1}\n{"a": \n')


def test_yaml_is_kept_as_it_is() -> None:
    text = (
        "# what it is\nname: crawler\nspec:\n  image: x # pinned\n  env:\n    - name: LEVEL\n      value: &v debug\n"
        "    - name: COPY\n      value: *v\n---\nother: {a: 1}\n"
    )
    reading = read("a.yaml", text)
    assert reading.text == text
    assert blocks(reading) == [
        ((), "# what it is"),
        ((), "name: crawler"),
        ((), "spec:"),
        (("spec",), "image: x # pinned"),
        (("spec",), "env:"),
        (("spec", "env", "LEVEL"), "- name: LEVEL"),
        (("spec", "env", "LEVEL"), "value: &v debug"),
        (("spec", "env", "COPY"), "- name: COPY"),
        (("spec", "env", "COPY"), "value: *v\n---"),
        ((), "other: {a: 1}"),
    ]
    assert reading.structure.title == "crawler"


def test_what_an_alias_repeats_stands_where_it_was_written() -> None:
    reading = read("a.yaml", "a: &a\n  x: 1\nb: *a\nc: &c\n  d: *c\n")
    assert blocks(reading) == [((), "a: &a"), (("a",), "x: 1"), ((), "b: *a"), ((), "c: &c"), (("c",), "d: *c")]


def test_mail() -> None:
    message = make_mail(
        "Hello Bob,\n\nsee below.",
        html="<p>Hello Bob",
        Subject="Re: =?utf-8?q?B=C3=BCdget?=",
        Message_ID="<2@acme.example>",
        In_Reply_To="<1@acme.example>",
        Cc="cid@acme.example, Dana Diaz <dana@acme.example>",
    )
    message.add_attachment("name,cost\nrent,9\n", subtype="csv", filename="costs.csv")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="logo.png")
    message.add_attachment(
        make_docx(headings=[("In Word", ["attached words"])]),
        maintype="application",
        subtype="octet-stream",
        filename="a.docx",
    )
    inner = make_mail("inner words", Subject="Forwarded")
    message.add_attachment(inner)
    one = prepared("m.eml", bytes(message))
    reading = read("m.eml", bytes(message))
    assert blocks(reading)[:6] == [
        ((), "From: Ann Lee <ann@acme.example>"),
        ((), "To: Bob Roe <bob@acme.example>"),
        ((), "Cc: cid@acme.example, Dana Diaz <dana@acme.example>"),
        ((), "Date: Wed, 04 Mar 2026 10:30:00 +0000"),
        ((), "Subject: Re: Büdget"),
        ((), "Hello Bob,"),
    ]
    assert (("Attachment: costs.csv",), "| name | cost |\n| --- | --- |\n| rent | 9 |") in blocks(reading)
    assert (("Attachment: a.docx", "In Word"), "attached words") in blocks(reading)
    assert (("Attachment: Forwarded",), "inner words") in blocks(reading)
    assert (("Attachment: logo.png",), "(image/png, not read)") in blocks(reading)
    assert reading.notes[0].startswith("attachment logo.png: media type image/png is not read")
    assert (one.label, one.starts_at) == ("Re: Büdget", WRITTEN)
    assert {(edge.rel_type, edge.dst) for edge in one.edges} == {
        ("from", "Ann Lee"),
        ("to", "Bob Roe"),
        ("cc", "cid@acme.example"),
        ("cc", "Dana Diaz"),
        ("replies_to", "1@acme.example"),
    }
    assert "2@acme.example" in one.names
    assert one.metadata["from"] == ["Ann Lee <ann@acme.example>"]
    assert one.metadata["attachments"] == ["costs.csv", "logo.png", "a.docx", "Forwarded"]


def test_a_mail_of_html_alone() -> None:
    message = EmailMessage()
    message["From"] = "a@b.example"
    message.set_content("<h1>Offer</h1><p>Ten <i>per</i> cent", subtype="html")
    assert blocks(read("m.eml", bytes(message)))[1:] == [((), "# Offer"), (("Offer",), "Ten per cent")]
    empty_plain = make_mail(" ", html="<p>the real text")
    assert "the real text" in read("m.eml", bytes(empty_plain)).text


def test_an_old_mail_in_latin_1() -> None:
    raw = b"From: a@b.example\r\nSubject: x\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nna\xefve\r\n"
    assert read("m.eml", raw).text.endswith("naïve\n\n")
    assert read("m.eml", raw.replace(b"iso-8859-1", b"no-such-set")).text.endswith("naïve\n\n")


@pytest.mark.parametrize(
    ("name", "source", "paths"),
    [
        (
            "a.py",
            "import x\n\n@deco\nclass A:\n    y = 1\n\n    async def b(self):\n        pass\n\n\ndef c():\n    pass\n",
            [(), ("A",), ("A", "b"), ("c",)],
        ),
        ("a.py", "def broken(:\n  pass\n\ndef fine():\n    pass\n", [("broken",), ("fine",)]),
        (
            "a.js",
            "// one\nexport const f = (x) => {\n  return x;\n};\nclass B {\n  m() {}\n}\n",
            [("f",), ("B",), ("B", "m"), ("B",)],
        ),
        ("a.ts", "export interface I { a: string }\nfunction q<T>(a: T): T { return a }\n", [("I",), ("q",)]),
        ("a.tsx", "export function App() {\n  return <p>x</p>;\n}\n", [("App",)]),
        (
            "a.go",
            "package x\n\n// Add adds.\nfunc Add() {}\n\ntype (\n\tA struct{}\n\tB struct{}\n)\n\nfunc (a *A) M() {}\n",
            [(), ("Add",), (), ("A",), ("B",), (), ("M",)],
        ),
        (
            "a.rs",
            "/// doc\npub fn add() {}\nimpl Shape for Circle {\n    fn area(&self) {}\n}\n",
            [("add",), ("Circle",), ("Circle", "area"), ("Circle",)],
        ),
        (
            "A.java",
            "package x;\npublic class A {\n  int x;\n  public int foo() { return 1; }\n}\n",
            [(), ("A",), ("A", "foo"), ("A",)],
        ),
        ("a.c", "#include <x.h>\nstatic int *add(int a)\n{\n  return 0;\n}\n", [(), ("add",)]),
        (
            "a.cpp",
            "namespace n {\nclass F {\n  int b() { return 1; }\n};\nint F::c() { return 2; }\n}\n",
            [("n",), ("n", "F"), ("n", "F", "b"), ("n", "F"), ("n", "F::c"), ("n",)],
        ),
        (
            "a.cs",
            "namespace N {\n  class A {\n    int F() { return 1; }\n  }\n}\n",
            [("N",), ("N", "A"), ("N", "A", "F"), ("N", "A"), ("N",)],
        ),
        (
            "a.rb",
            "module M\n  class A\n    def b\n      1\n    end\n  end\nend\n",
            [("M",), ("M", "A"), ("M", "A", "b"), ("M", "A"), ("M",)],
        ),
        ("a.php", "<?php\nclass A {\n  function b() {}\n}\n", [(), ("A",), ("A", "b"), ("A",)]),
        ("a.sh", "#!/bin/sh\nset -e\nf() {\n  echo\n}\nf\n", [(), ("f",), ()]),
        ("a.sql", "create table a (\n  x int\n);\nselect 1;\n", [(), ()]),
    ],
)
def test_source_is_cut_at_its_definitions(name: str, source: str, paths: list[tuple[str, ...]]) -> None:
    reading = read("src/" + name, source)
    assert reading.text == source
    assert [block.headings for block in reading.structure.blocks] == paths
    assert reading.structure.title == name


def test_a_stored_text_is_cut_again_under_the_same_headings() -> None:
    for uri, data in {
        "a.html": b"<h1>A</h1><p>one</p><h2>B</h2><p>two",
        "a.docx": make_docx(headings=[("A", ["one"]), ("B", ["two"])]),
        "a.py": b"def a():\n    pass\n\n\ndef b():\n    pass\n",
        "a.yaml": b"a:\n  b: 1\n",
        "a.md": b"# A\n\none\n",
    }.items():
        reading = read(uri, data)
        again = read_stored(reading.text, reading.media_type)
        assert "".join(reading.text[block.start : block.end] for block in again.blocks) == reading.text
        assert {block.headings for block in again.blocks} == {block.headings for block in reading.structure.blocks}
