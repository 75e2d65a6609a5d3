"""`rem ingest` and `rem ask` over the wire: what is sent, what is shown, how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest


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
    assert (first.code, first.err) == (0, "")
    assert sorted(server.memory.documents) == [
        ("", uri)
        for uri in sorted(
            [*(f"notes/{n}.md" for n in range(5)), "notes/deep/Ünï & co.markdown", "plain.TXT", "readme.txt"]
        )
    ]
    assert server.memory.documents["", "plain.TXT"].content == "with a byte order mark"
    assert server.memory.documents["", "plain.TXT"].media_type == "text/plain"
    assert server.memory.documents["", "notes/0.md"].media_type == "text/markdown"
    assert "8 documents in" in first.out
    assert "8 stored, 0 unchanged; 16 chunks, 8 edges" in first.out
    assert 1 < server.memory.most_at_once <= 4
    again = await rem("ingest", corpus)
    assert "0 stored, 8 unchanged" in again.out


async def test_a_bad_document_does_not_stop_the_others(rem, server, corpus: Path) -> None:
    (corpus / "latin.txt").write_bytes(b"na\xefve")
    (corpus / "odd.md").write_text("refuse me")
    ran = await rem("ingest", corpus)
    assert ran.code == 1
    assert "not stored latin.txt: not UTF-8 at byte 2; convert it first" in ran.out
    assert "not stored odd.md: this document asks to be refused" in ran.out
    assert "8 stored, 0 unchanged, 2 failed" in ran.out


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
    ran = await rem("ask", "--json", "LOOKUP x")
    assert json.loads(ran.out)["query"] == "LOOKUP x"


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
    no_key = await rem("ingest", tmp_path, REM_API_KEY="")
    assert no_key.code == 2  # an empty directory is noticed before anything is sent
    odd_url = await rem("ask", "x", REM_URL="localhost:8000")
    assert (odd_url.code, "REM_URL: " in odd_url.err) == (2, True)
    missing = await rem("ingest", tmp_path / "nowhere")
    assert (missing.code, "is not a directory" in missing.err) == (2, True)
    blank = await rem("ask", " ")
    assert (blank.code, "ask something" in blank.err) == (2, True)
    assert server.memory.queries == []


async def test_a_wrong_key_stops_an_ingest_at_once(rem, server, corpus: Path) -> None:
    ran = await rem("ingest", corpus, REM_API_KEY="other")
    assert ran.code == 4
    assert server.memory.documents == {}


async def test_another_server_is_not_taken_for_ours(rem, unused_http_server: str) -> None:
    ran = await rem("ask", "x", REM_URL=unused_http_server)
    assert ran.code == 1
    assert "not as REM does; check REM_URL" in ran.err


async def test_the_address_may_end_as_people_write_it(rem, server) -> None:
    for end in ("/", "/api/v1", "/api/v1/"):
        assert (await rem("ask", "LOOKUP x", REM_URL=server.url + end)).code == 0


def test_there_is_no_server_in_the_client() -> None:
    code = "import rem_runtime.client.cli, sys; print({'fastapi', 'asyncpg', 'onnxruntime'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "set()"
