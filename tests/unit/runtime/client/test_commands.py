"""`rem ingest` and `rem ask` over the wire: what is sent, what is shown, how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from rem_runtime.client import progress
from rem_runtime.client.cli import main
from rem_runtime.client.documents import UnreadableError, find_documents
from rem_runtime.client.question import VERBS
from rem_runtime.memory.answers import Hit, Hop, Passage
from rem_runtime.memory.ingest.readers.limits import MAX_FILE_BYTES


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Eight documents, and much that is none."""
    root = tmp_path / "corpus"
    (root / "notes" / "deep").mkdir(parents=True)
    for number in range(5):
        (root / "notes" / f"{number}.md").write_text(f"# Note {number}\n")
    (root / "notes" / "deep" / "Ünï & co.markdown").write_text("# Deep\n")
    (root / "plain.TXT").write_bytes(b"\xef\xbb\xbfwith a byte order mark")
    (root / "readme.txt").write_text("plain")
    (root / "image.png").write_bytes(b"\x89PNG")
    (root / ".hidden.md").write_text("not this")
    (root / ".git").mkdir()
    (root / ".git" / "x.md").write_text("nor this")
    (tmp_path / "outside.md").write_text("nor this")
    (root / "link.md").symlink_to(tmp_path / "outside.md")
    return root


async def test_a_directory_is_stored_for_the_whole_tenant_and_again_is_nothing(rem, server, corpus: Path) -> None:
    first = await rem("ingest", corpus)
    assert (first.code, first.err) == (0, "left out 1 file of formats that are not read: .png 1\n")
    assert sorted(server.memory.documents) == [
        ("", uri)
        for uri in sorted(
            [*(f"notes/{n}.md" for n in range(5)), "notes/deep/Ünï & co.markdown", "plain.TXT", "readme.txt"]
        )
    ]
    assert server.memory.documents["", "plain.TXT"].data == b"\xef\xbb\xbfwith a byte order mark"
    assert {file.owner for file in server.memory.documents.values()} == {""}
    assert len(first.lines) == 1
    assert first.out.startswith("8 documents in ")
    assert first.out.endswith(" s: 8 stored (16 chunks, 8 edges)\n")
    assert 1 < server.memory.most_at_once <= 4
    again = await rem("ingest", corpus)
    assert again.out.endswith(" s: 8 unchanged\n")


async def test_what_was_replaced_is_counted_apart_from_what_is_new(rem, server, corpus: Path, tmp_path: Path) -> None:
    await rem("ingest", corpus)
    other = tmp_path / "other"
    other.mkdir()
    (other / "readme.txt").write_text("another one of this name")
    assert (await rem("ingest", other)).out.endswith(" s: 1 replaced (2 chunks, 1 edge)\n")
    (corpus / "new.md").write_text("# New\n")
    mixed = await rem("ingest", corpus)
    assert mixed.out.startswith("9 documents in ")
    assert mixed.out.endswith(" s: 1 stored, 1 replaced (4 chunks, 2 edges), 7 unchanged\n")


async def test_a_bad_document_does_not_stop_the_others(rem, server, corpus: Path) -> None:
    (corpus / "empty.md").write_text(" \n")
    (corpus / "odd.md").write_text("refuse me")
    (corpus / "scan.pdf").write_text("with a picture")
    with (corpus / "huge.csv").open("wb") as huge:
        huge.truncate(MAX_FILE_BYTES + 1)
    ran = await rem("ingest", corpus)
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "left out 1 file of formats that are not read: .png 1",
        "note scan.pdf: its pictures are not read",
        "not stored empty.md: it is empty",
        "not stored huge.csv: it has 67 MB; at most 67 are read: split it",
        "not stored odd.md: this document asks to be refused",
    ]
    assert len(ran.lines) == 1
    assert ran.out.startswith("12 documents in ")
    assert ran.out.endswith(" s: 9 stored (18 chunks, 9 edges), 3 not stored\n")


async def test_a_file_or_folder_that_may_not_be_read_is_named(rem, server, corpus: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (corpus / "notes" / "0.md").chmod(0)
    ran = await rem("ingest", corpus)
    assert (ran.code, ran.err.splitlines()[1:]) == (1, ["not stored notes/0.md: it cannot be read: Permission denied"])
    (corpus / "notes").chmod(0)
    try:
        refused = await rem("ingest", corpus)
    finally:
        (corpus / "notes").chmod(0o700)
    assert refused.code == 1
    assert refused.err.splitlines()[1:] == ["not stored notes/: the folder cannot be read: Permission denied"]
    assert refused.out.endswith(" s: 2 unchanged, 1 not stored\n")


async def test_a_folder_that_cannot_be_walked_does_not_stop_the_others(
    rem, server, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    ran = await rem("ingest", corpus)
    assert (ran.code, len(server.memory.documents)) == (1, 7)
    assert "not stored notes/deep/: the folder cannot be read: Permission denied" in ran.err


async def test_files_and_several_directories(rem, server, corpus: Path, tmp_path: Path) -> None:
    (corpus / "node_modules").mkdir()
    (corpus / "node_modules" / "x.js").write_text("not this")
    (tmp_path / "no extension").write_text("sent, since it was named")
    ran = await rem("ingest", tmp_path / "no extension", corpus / "notes", corpus / "image.png")
    assert ran.code == 0
    assert [uri for _, uri in server.memory.documents if "/" not in uri and not uri.endswith(".md")] == [
        "no extension",
        "image.png",
    ]
    assert ("", "deep/Ünï & co.markdown") in server.memory.documents
    assert not any("node_modules" in uri for _, uri in server.memory.documents)
    twice = await rem("ingest", corpus / "notes" / "0.md", corpus / "notes")
    assert twice.code == 2
    assert "would both be stored as 0.md" in " ".join(twice.err.split())


async def test_without_a_terminal_a_line_now_and_then(
    rem, server, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    ran = await rem("ingest", corpus)
    assert re.match(r"rem: 1/8 documents, [\d.]+/s, about \d+ s left$", ran.err.splitlines()[0])
    assert len(ran.err.splitlines()) == 7 + 1
    assert "\x1b" not in ran.err


async def test_a_file_that_goes_away_meanwhile_is_named(corpus: Path) -> None:
    [document, *_] = find_documents([corpus]).documents
    document.path.unlink()
    with pytest.raises(UnreadableError, match="it cannot be read: No such file"):
        document.read()


async def test_progress_is_shown_on_a_terminal_only(rem, server, corpus: Path) -> None:
    ran = await rem("ingest", corpus, TTY_COMPATIBLE="1", FORCE_COLOR="1")
    assert "8/8" in ran.err
    assert len(ran.lines) == 1


async def test_a_server_that_goes_away_leaves_what_is_stored(rem, server, corpus: Path) -> None:
    server.memory.refuses_after = 3
    ran = await rem("ingest", corpus)
    assert ran.code == 4
    assert ran.out == ""
    assert "rem: stopped after 3 of 8 documents; run it again to go on" in ran.err


async def test_a_database_that_comes_back_is_waited_for(rem, server, corpus: Path) -> None:
    server.memory.fails = [asyncpg.CannotConnectNowError("starting up")]
    ran = await rem("ingest", corpus)
    assert ran.code == 0
    assert "8 stored" in ran.out


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (["who", "leads", "Mercury?"], 'SEARCH "who leads Mercury?"'),
        (['what is IN the "box"'], 'SEARCH "what is IN the ""box"""'),
        (["LOOKUP", "Sarah Chen"], "LOOKUP Sarah Chen"),
        (["SEARCH launch LIMIT 3"], "SEARCH launch LIMIT 3"),
        (["lookup the word"], 'SEARCH "lookup the word"'),
        (["LOOKUPS"], 'SEARCH "LOOKUPS"'),
    ],
)
async def test_plain_words_mean_search(rem, server, words: list[str], sent: str) -> None:
    assert (await rem("ask", *words)).code == 0
    assert server.memory.queries == [sent]


async def test_json_is_the_servers_answer(rem) -> None:
    ran = await rem("ask", "--json", "LOOKUP " + "x" * 300)
    assert json.loads(ran.out)["query"] == "LOOKUP " + "x" * 300


LABEL = "Post-mortem: the day on which orders were lost"


@pytest.mark.parametrize("columns", ["20", "48", "80", "140"])
async def test_in_a_pipe_labels_stand_whole_and_lines_end_with_words(rem, server, columns: str) -> None:
    passage = Passage(text=f"See {LABEL}. " * 20, heading="", ord=0, at=datetime.now(UTC), score=0.5)
    hop = Hop(src="Tom O'Brien, dispatcher", rel="reports to", dst=LABEL, weight=1, reverse=False)
    server.memory.results = (
        Hit(kind="resource", key="k", label=LABEL, score=0.5, passages=(passage, passage)),
        Hit(kind=None, key="k", label=LABEL, depth=1, path=(hop,)),
    )
    for flags in ((), ("--full",)):
        ran = await rem("ask", *flags, "TRAVERSE x", COLUMNS=columns)
        assert ran.code == 0
        assert [line for line in ran.lines if line != line.rstrip()] == []
        assert sum(LABEL in line for line in ran.lines) >= 3
        assert "\x1b" not in ran.out


async def test_the_full_answer_has_what_the_short_one_cuts(rem, server) -> None:
    passage = Passage(text="word " * 300 + "end", heading="", ord=0, at=datetime.now(UTC), score=0.5)
    server.memory.results = (Hit(kind="resource", key="k", label="L", passages=(passage,)),)
    short = await rem("ask", "SEARCH x")
    assert "end" not in short.out
    assert len(short.lines) == 1 + 3 + 1
    full = await rem("ask", "--full", "SEARCH x")
    assert "end" in full.out


def test_a_locale_without_arrows_gets_question_marks(free_port: int) -> None:
    code = (
        "import sys; from rem_runtime.client import commands; commands._print_what_is_possible();"
        "print('a → b'); print('ü', file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True, timeout=60)
    assert (ran.stdout, ran.stderr) == (b"a ? b\n", b"?\n")


@pytest.mark.parametrize("argv", [["--help"], ["ask", "--help"], ["ingest", "--help"]])
def test_help_names_the_exit_codes(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(argv)
    said = capsys.readouterr().out
    for line in ("0  answered", "1  failed", "2  usage"):
        assert line in said
    assert max(map(len, said.splitlines())) <= 120


def test_help_on_asking_shows_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["ask", "--help"])
    shown = re.findall(r"^  ([A-Z]+) \S+ ", capsys.readouterr().out, re.MULTILINE)
    assert sorted(shown) == sorted(VERBS)


async def test_a_query_outside_the_dialect_gets_a_caret(rem) -> None:
    ran = await rem("ask", "LOOKUP Ann BAD 5")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        "rem: BAD is no clause",
        "  LOOKUP Ann BAD 5",
        "             ^",
        "  try LIMIT 5",
    ]


async def test_errors_say_what_to_do(rem, server, tmp_path: Path, free_port: int) -> None:
    nobody = await rem("ask", "x", REM_URL=f"http://127.0.0.1:{free_port}")
    assert nobody.code == 3
    assert "nobody answers at" in nobody.err
    assert "REM_URL" in nobody.err
    wrong_key = await rem("ask", "x", REM_API_KEY="other")
    assert wrong_key.code == 4
    assert "set REM_API_KEY" in wrong_key.err
    (tmp_path / "empty").mkdir()
    no_key = await rem("ingest", tmp_path / "empty", REM_API_KEY="")
    assert no_key.code == 2  # an empty directory is noticed before anything is sent
    odd_url = await rem("ask", "x", REM_URL="localhost:8000")
    assert (odd_url.code, odd_url.err) == (
        2,
        "rem: REM_URL: localhost:8000 is no URL; it begins with http:// or https://, such as http://localhost:8000\n",
    )
    odd_option = await rem("--url", "ftp://here", "ask", "x")
    assert (odd_option.code, "rem: --url: ftp://here is no URL" in odd_option.err) == (2, True)
    assert "holds no file of a format that is read" in no_key.err
    missing = await rem("ingest", tmp_path / "nowhere")
    assert (missing.code, "there is no file or directory" in missing.err) == (2, True)
    blank = await rem("ask", " ")
    assert (blank.code, blank.err) == (
        2,
        "rem: ask something: a few words, or a query that begins with LOOKUP, FUZZY, SEARCH, TRAVERSE or SQL\n",
    )
    odd_number = await rem("ask", "x", REM_TIMEOUT_SECONDS="0")
    assert (odd_number.code, odd_number.err) == (2, "rem: REM_TIMEOUT_SECONDS: Input should be greater than 0\n")
    assert server.memory.queries == []


async def test_a_wrong_key_stops_an_ingest_at_once(rem, server, corpus: Path) -> None:
    ran = await rem("ingest", corpus, REM_API_KEY="other")
    assert ran.code == 4
    assert len(ran.err.splitlines()) == 1
    assert server.memory.documents == {}


async def test_another_server_is_not_taken_for_ours(rem, unused_http_server: str) -> None:
    ran = await rem("ask", "x", REM_URL=unused_http_server)
    assert ran.code == 1
    assert "not as REM does; check REM_URL" in ran.err


async def test_the_address_may_end_as_people_write_it(rem, server) -> None:
    for end in ("/", "/api/v1", "/api/v1/"):
        assert (await rem("ask", "LOOKUP x", REM_URL=server.url + end)).code == 0


@pytest.mark.parametrize("module", ["httpx", "rich/__init__", "pydantic_settings/__init__"])
def test_an_interrupt_while_it_is_imported_leaves_no_stack(tmp_path: Path, module: str) -> None:
    interrupting = tmp_path / f"{module}.py"
    interrupting.parent.mkdir(exist_ok=True)
    interrupting.write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(30)\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [Path(sys.executable).parent / "rem", "ask", "x"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "rem: interrupted\n")


def test_there_is_no_server_in_the_client() -> None:
    code = "import rem_runtime.client.commands, sys; print({'fastapi', 'asyncpg', 'onnxruntime'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "set()"
