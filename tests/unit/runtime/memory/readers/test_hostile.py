"""What is broken, hostile or too large: a reason in words, in time, and nothing of ours falls over."""

from __future__ import annotations

import asyncio
import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import openpyxl
import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from rem_runtime.memory.errors import Busy, InvalidInput
from rem_runtime.memory.ingest.readers import limits, read_bytes, read_text
from rem_runtime.memory.ingest.readers.process import ProcessLimits, ReaderPool, _Child
from rem_runtime.memory.ingest.readers.turns import Turns
from rem_runtime.memory.ingest.structure import Reading

from .making import make_docx, make_mail, make_pdf, make_pptx, make_xlsx, make_zip

MEGABYTE = 1024 * 1024
ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]><a>&a;</a>"""


@pytest.fixture(scope="module")
def readers() -> Iterator[ReaderPool]:
    pool = ReaderPool(ProcessLimits(seconds=20))
    yield pool
    pool.close()


async def refused(readers: ReaderPool, uri: str, data: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        await readers.read_file(data, uri=uri, media_type=None)


def with_part(data: bytes, name: str, content: bytes) -> bytes:
    """An Office file with one part replaced."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    return make_zip({**members, name: content})


def encrypted_pdf() -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, encrypt=StandardEncryption("a password", ownerPassword="another"))
    canvas.drawString(50, 50, "secret")
    canvas.save()
    return file.getvalue()


def picture_pdf() -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file)
    canvas.rect(10, 10, 100, 100)
    canvas.save()
    return file.getvalue()


def sparse_xlsx() -> bytes:
    workbook = openpyxl.Workbook()
    workbook.active["A1"] = "a"
    workbook.active["XFD1048576"] = "b"
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
WORD = make_docx(headings=[("A", ["b"])])
CASES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "empty": ("a.pdf", lambda: b"", "it is empty"),
    "blank": ("a.md", lambda: b" \n\t\n", "it is empty"),
    "broken pdf": ("a.pdf", lambda: b"%PDF-1.7\n garbage", "broken as a PDF"),
    "cut pdf": ("a.pdf", lambda: make_pdf([["x"]])[:300], "broken as a PDF"),
    "encrypted pdf": ("a.pdf", encrypted_pdf, "it is encrypted; remove its password"),
    "scanned pdf": ("a.pdf", picture_pdf, "no text in it: its pages are pictures"),
    "broken docx": ("a.docx", lambda: b"PK\x03\x04 garbage", "broken, or no Word file"),
    "cut docx": ("a.docx", lambda: WORD[: len(WORD) // 2], "broken, or no Word file"),
    "docx without a document": ("a.docx", lambda: make_zip({"x.xml": b"<a/>"}), "it has no word/document.xml"),
    "docx of broken xml": (
        "a.docx",
        lambda: with_part(WORD, "word/document.xml", b"<a><b></a>"),
        "broken as a Word file",
    ),
    "docx of entities": ("a.docx", lambda: with_part(WORD, "word/document.xml", ENTITIES), "declares entities"),
    "docx of entities outside": ("a.docx", lambda: with_part(WORD, "word/styles.xml", OUTSIDE), "declares entities"),
    "pptx of entities": (
        "a.pptx",
        lambda: with_part(make_pptx([("a", [], "")]), "ppt/slides/slide1.xml", ENTITIES),
        "declares entities",
    ),
    "pptx without slides": ("a.pptx", lambda: make_zip({"ppt/presentation.xml": b"<p/>"}), "no text in it"),
    "broken xlsx": (
        "a.xlsx",
        lambda: with_part(make_xlsx({"a": [["b"]]}), "xl/workbook.xml", b"<a"),
        "broken as an Excel file",
    ),
    "sparse xlsx": ("a.xlsx", sparse_xlsx, "its reader ended: it is broken, or takes more than"),
    "old office": ("a.docx", lambda: OLD_OFFICE, "encrypted, or of the format before 2007"),
    "old office by content": ("a", lambda: OLD_OFFICE, "encrypted, or of the format before 2007"),
    "encrypted zip": ("a.docx", lambda: _flagged(WORD), "it is encrypted"),
    "zip bomb": (
        "a.docx",
        lambda: make_zip({"word/document.xml": b"0" * (limits.MAX_UNPACKED_BYTES + 1)}),
        "would unpack to",
    ),
    "large part": (
        "a.docx",
        lambda: with_part(WORD, "word/document.xml", b"<a>" + b"0" * limits.MAX_XML_BYTES + b"</a>"),
        "is larger than",
    ),
    "many members": (
        "a.pptx",
        lambda: make_zip({f"{n}": b"" for n in range(limits.MAX_ARCHIVE_MEMBERS + 1)}),
        "would unpack to",
    ),
    "broken json": ("a.json", lambda: b'{"a": ', "broken as JSON"),
    "deep json": ("a.json", lambda: b"[" * 100_000 + b"]" * 100_000, "nested"),
    "less deep json": ("a.json", lambda: b'{"a":' * 300 + b"1" + b"}" * 300, "nested more than 100 deep"),
    "broken yaml": ("a.yaml", lambda: b"a: [1, 2", "broken as YAML"),
    "deep yaml": ("a.yaml", lambda: b"[" * 100_000, "nested more than 100 deep"),
    "deep html": ("a.html", lambda: b"<div>" * 100_000, "open in one another"),
    "binary text": ("a.txt", lambda: bytes(range(256)) * 10, "it is binary, not text"),
    "binary csv": ("a.csv", lambda: b"PK\x03\x04" + bytes(range(32)) * 10, "it is binary, not text"),
    "long csv": (
        "a.csv",
        lambda: b"name,text\n" + b"x,some words of a cell\n" * 500_000,
        "longer than 4,000,000 characters",
    ),
    "headless mail": ("a.eml", lambda: b"no headers at all\n\nbody", "broken as an e-mail"),
    "mail of many parts": ("a.eml", lambda: _many_parts(600), "more than 500 parts"),
    "large": ("a.pdf", lambda: b"x" * (limits.MAX_FILE_BYTES + 1), "at most 67,108,864 are read"),
}


def _flagged(data: bytes) -> bytes:
    """The first member of the directory is marked as encrypted."""
    place = data.index(b"PK\x01\x02")
    return data[: place + 8] + bytes([data[place + 8] | 1]) + data[place + 9 :]


def _many_parts(count: int) -> bytes:
    message = make_mail("x")
    message.make_mixed()
    body = bytes(message)
    mark = body.split(b'boundary="')[1].split(b'"')[0]
    return body.replace(b"--" + mark + b"--", (b"--" + mark + b"\r\n\r\nx\r\n") * count + b"--" + mark + b"--")


@pytest.mark.parametrize("case", CASES)
async def test_a_reason_in_words(case: str, readers: ReaderPool) -> None:
    uri, make, reason = CASES[case]
    data = make()
    started = time.monotonic()
    await refused(readers, uri, data, reason)
    assert time.monotonic() - started < 20
    # Whatever became of the reader, the next file is read.
    assert (await readers.read_file(WORD, uri="good.docx", media_type=None)).text == "# A\n\nb\n\n"


async def test_a_file_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = ReaderPool(ProcessLimits(seconds=1.0))
    try:
        await readers.read_file(WORD, uri="a.docx", media_type=None)  # its process has started
        rows = b'{"a": {"b": [1, {"c": 2}]}}\n' * 400_000
        started = time.monotonic()
        with pytest.raises(InvalidInput, match="took longer than 1 s"):
            await readers.read_file(rows, uri="a.jsonl", media_type=None)
        assert time.monotonic() - started < 10
    finally:
        readers.close()


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_the_reader_process_knows_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES__PASSWORD", "the password")
    readers = ReaderPool()
    try:
        await readers.read_file(WORD, uri="a.docx", media_type=None)
        [child] = readers._idle
        assert b"the password" not in environment_of(child._process.pid)
    finally:
        readers.close()
    assert child._process.poll() is not None


async def test_several_files_at_once_take_turns() -> None:
    readers = ReaderPool()
    try:
        data = make_pdf([["words"]] * 3)
        read = await asyncio.gather(*(readers.read_file(data, uri="a.pdf", media_type=None) for _ in range(6)))
        assert {reading.text for reading in read} == {"words\n\nwords\n\nwords\n\n"}
        assert len(readers._idle) == 1
    finally:
        readers.close()


def test_waiting_for_the_reader_costs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads of the event loop's executor are for everybody's work that takes milliseconds."""
    opened = threading.Event()
    monkeypatch.setattr(_Child, "ask", lambda *_: opened.wait(20) and {"reason": "it was only asked"})

    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        readers = ReaderPool()
        reads = [asyncio.create_task(readers.read_file(WORD, uri="a.docx", media_type=None)) for _ in range(6)]
        await asyncio.sleep(0.1)
        try:
            assert (await asyncio.wait_for(readers.read_file(b"text", uri="a.txt", media_type=None), 10)).text == "text"
        finally:
            opened.set()
            await asyncio.gather(*reads, return_exceptions=True)
            readers.close()

    asyncio.run(main())


async def test_owners_take_turns() -> None:
    turns, opened, order = Turns(), threading.Event(), []

    def work(name: str) -> str:
        opened.wait(20)
        order.append(name)
        return name

    first = asyncio.create_task(turns.take("zoe", partial(work, "zoe 1")))
    await asyncio.sleep(0.1)
    names = ["ann 1", "ann 2", "ann 3", "bob 1", "ann 4", "bob 2", "cid 1"]
    taken = [asyncio.create_task(turns.take(name.split()[0], partial(work, name))) for name in names]
    await asyncio.sleep(0.1)
    given_up = asyncio.create_task(turns.take("dan", partial(work, "dan 1")))
    await asyncio.sleep(0.1)
    given_up.cancel()
    await asyncio.wait([given_up])
    opened.set()
    assert await asyncio.gather(*taken) == names
    assert await first == order.pop(0)
    assert order == ["ann 1", "bob 1", "cid 1", "ann 2", "bob 2", "ann 3", "ann 4"]


async def test_too_many_that_wait_are_refused() -> None:
    turns, opened = Turns(), threading.Event()
    first = asyncio.create_task(turns.take("ann", partial(opened.wait, 20)))
    await asyncio.sleep(0.1)
    waiting = [asyncio.create_task(turns.take("ann", partial(int, 1))) for _ in range(16)]
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="16 documents of 'ann' wait"):
        await turns.take("ann", partial(int, 1))
    waiting += [asyncio.create_task(turns.take(f"user{number}", partial(int, 1))) for number in range(16)]
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="32 documents wait"):
        await turns.take("bob", partial(int, 1))
    opened.set()
    assert await first
    assert sum(await asyncio.gather(*waiting)) == 32
    with pytest.raises(ZeroDivisionError):
        await turns.take("ann", lambda: 1 // 0)


async def test_a_process_that_died_idle_is_replaced() -> None:
    readers = ReaderPool()
    try:
        await readers.read_file(WORD, uri="a.docx", media_type=None)
        readers._idle[0]._process.kill()
        readers._idle[0]._process.wait()
        assert (await readers.read_file(WORD, uri="a.docx", media_type=None)).text
    finally:
        readers.close()


async def test_an_attachment_that_cannot_be_read_does_not_lose_the_mail(readers: ReaderPool) -> None:
    message = make_mail("the body")
    message.add_attachment(b"%PDF-1.7 broken", maintype="application", subtype="pdf", filename="b.pdf")
    inner = make_mail("innermost")
    for _ in range(8):
        outer = make_mail("around")
        outer.add_attachment(inner)
        inner = outer
    message.add_attachment(inner)
    reading: Reading = await readers.read_file(bytes(message), uri="m.eml", media_type=None)
    assert "the body" in reading.text
    assert any("b.pdf: it is broken as a PDF" in note for note in reading.notes)
    assert any("e-mails deep" in note for note in reading.notes)


def test_yaml_aliases_do_not_grow() -> None:
    bomb = b"a: &a [x, x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 10)) for name in range(98, 110)
    )
    reading = read_bytes(bomb, uri="a.yaml")
    assert len(reading.text) == len(bomb)


def test_nul_characters_do_not_stop_a_text() -> None:
    text = b"A line with one \x00 in it, and more than enough of other characters around it. " * 3 + b"word " * 50
    assert read_bytes(text, uri="a.txt").text.count("\ufffd") == 3
    assert read_bytes(b'{"a": "x\\u0000y", "b": "\\ud800"}', uri="a.json").text == "a: x\ufffdy\nb: \ufffd\n\n"


async def test_a_csv_of_many_megabytes_is_refused_before_it_is_held(readers: ReaderPool) -> None:
    rows = b"name,amount\n" + b"somebody with a name,12345.67\n" * (50 * MEGABYTE // 30)
    started = time.monotonic()
    await refused(readers, "a.csv", rows, "longer than 4,000,000 characters")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("uri", ["a.txt", "a.md", "a.py", "a.yaml", "a.html", "a.json"])
async def test_a_text_that_is_too_long_is_refused_in_time(uri: str, readers: ReaderPool) -> None:
    text = {"a.json": b'"%s"', "a.html": b"<p>%s</p>"}.get(uri, b"%s") % (b"- word\n" * 600_000)
    started = time.monotonic()
    await refused(readers, uri, text.replace(b"\n", b" ") if uri == "a.json" else text, "longer than 4,000,000 char")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("media_type", ["text/plain", "text/markdown", "text/x-python", "application/yaml"])
def test_the_longest_text_is_read(media_type: str) -> None:
    longest = "a" * limits.MAX_TEXT_CHARACTERS
    assert len(read_text(longest, uri="a", media_type=media_type).text) == limits.MAX_TEXT_CHARACTERS
    with pytest.raises(InvalidInput, match="longer than 4,000,000 characters"):
        read_text(longest + "a", uri="a", media_type=media_type)
