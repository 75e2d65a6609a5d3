"""`rem dev` as a person runs it: ready, filled and asked through the same commands, and all there again next time."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rem_runtime.memory.schema import SCHEMA_VERSION

pytestmark = pytest.mark.postgres

REM = Path(sys.executable).parent / "rem"
ROOT = Path(__file__).parents[4]
EXAMPLE = ROOT / "examples" / "acme"
WIDE = {**os.environ, "COLUMNS": "300"}
MOST_SECONDS = 60  # on a busy machine; on a quiet one it is one


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The example's YAML alone."""
    for file in EXAMPLE.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    return tmp_path


@contextmanager
def running(directory: Path, *, end: signal.Signals = signal.SIGTERM) -> Iterator[tuple[str, list[str]]]:
    """`rem dev` until the block ends; gives its URL, and its lines up to there."""
    process = subprocess.Popen(
        [REM, "dev", directory.name, "--port", "0"],
        cwd=directory.parent,
        stderr=subprocess.PIPE,
        text=True,
        env=WIDE,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        lines, deadline = [], time.monotonic() + MOST_SECONDS
        for line in process.stderr:
            lines.append(line.rstrip())
            if match := re.search(r"API +(http\S+)/api/v1", line):
                yield match[1], lines
                break
            assert time.monotonic() < deadline, lines
        else:
            pytest.fail("\n".join(lines))
    finally:
        process.send_signal(end)
        rest = process.communicate(timeout=30)[1]
        assert process.returncode == (-end if end == signal.SIGKILL else 0), rest


def rem(url: str, *arguments: str | Path) -> str:
    done = subprocess.run([REM, "--url", url, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_stored_is_there_next_time(directory: Path) -> None:
    notes = directory / "notes"
    notes.mkdir()
    (notes / "lunch.md").write_text("# Lunch\n\nThe canteen serves dumplings on Thursdays.\n")
    with running(directory) as (url, lines):
        assert "tenant acme, 2 agents, 1 dream cycle" in lines
        unused = [line for line in lines if line.startswith("no meaning on a laptop: spec.database")]
        assert len(unused) == 1
        assert "Nothing found" in rem(url, "ask", "LOOKUP Lunch")
        rem(url, "ingest", notes)
        assert "dumplings" in rem(url, "ask", "who serves dumplings?")
        assert '"Lunch"' in rem(url, "ask", "--json", "SQL SELECT label FROM resources")
    assert (directory / ".rem" / ".gitignore").read_text() == "*\n"
    with running(directory) as (url, _):
        assert "dumplings" in rem(url, "ask", "LOOKUP Lunch")


def test_a_second_one_is_refused_with_the_reason(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(directory) as (url, _):
        port = url.rpartition(":")[2]
        other = tmp_path_factory.mktemp("other")
        done = subprocess.run(
            [REM, "dev", other, "--port", port], capture_output=True, text=True, check=False, timeout=90, env=WIDE
        )
    assert done.returncode == 1
    assert "another `rem dev` running? Choose a port with --port" in " ".join(done.stderr.split())


def refused(directory: Path, *arguments: str, code: int = 1) -> str:
    """What `rem dev` says when it does not start, on one line and without a stack."""
    done = subprocess.run(
        [REM, "dev", directory, *arguments], capture_output=True, text=True, check=False, timeout=60, env=WIDE
    )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    return " ".join(done.stderr.split())


def test_a_directory_is_served_once_and_the_second_one_hears_by_whom_at_once(directory: Path) -> None:
    with running(directory) as (url, _):
        told = json.loads((directory / ".rem" / "dev.json").read_text())
        for arguments in (["--port", "0"], ["--port", url.rpartition(":")[2]]):
            started = time.monotonic()
            said = refused(directory, *arguments)
            assert f"`rem dev` already serves this directory at {url} (pid {told['pid']})" in said
            assert "tenant acme" not in said
            assert time.monotonic() - started < 10  # most of it imports
        os.kill(told["pid"], 0)
        assert told["url"] == url
        socket.create_connection(("127.0.0.1", told["postgres_port"])).close()
    assert (directory / ".rem" / "dev.json").read_text() == ""


def test_what_docs_schema_md_says_of_a_served_directory(directory: Path) -> None:
    with running(directory):
        state = directory / ".rem"
        variables = {
            "POSTGRES__PORT": str(json.loads((state / "dev.json").read_text())["postgres_port"]),
            "POSTGRES__USER": "rem_owner",
            "POSTGRES__PASSWORD": json.loads((state / "credentials.json").read_text())["owner"],
        }
        plan = [REM.with_name("rem-runtime"), "schema", "plan"]
        said = subprocess.run(plan, capture_output=True, text=True, check=True, timeout=60, env=WIDE | variables)
        assert said.stdout == f"schema version {SCHEMA_VERSION} -> {SCHEMA_VERSION}\nnothing to do\n"
        assert f"$ rem-runtime schema plan\n{said.stdout}" in (ROOT / "docs" / "schema.md").read_text()


def test_a_killed_one_leaves_nothing_that_keeps_the_next_one_out(directory: Path) -> None:
    (directory / "twice.yaml").write_text(
        "apiVersion: rem.dev/v1alpha1\nkind: RemTenant\nmetadata: {name: other}\n"
        "spec:\n  database: {storage: {size: 1Gi}}\n  database: {storage: {size: 2Gi}}\n"
    )
    (directory / "tenant.yaml").unlink()
    with running(directory, end=signal.SIGKILL) as (url, lines):
        assert f"{directory.name}/twice.yaml:6: database is already in line 5; the last one counts" in lines
    assert url in (directory / ".rem" / "dev.json").read_text()
    with running(directory) as (url, _):
        assert "Nothing found" in rem(url, "ask", "LOOKUP Lunch")


def test_an_address_that_cannot_be_listened_on_leaves_nothing_behind(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port} cannot be listened on; is another" in refused(directory, "--port", port)
    for host in ("203.0.113.7", "no-such-host.invalid"):  # of RFC 5737 and RFC 2606: nobody's
        said = refused(directory, "--host", host, "--port", "0")
        assert f"{host} is no address of this machine" in said
        assert "another `rem dev`" not in said
    assert not (directory / ".rem").exists()


@pytest.mark.parametrize("port", ["99999", "65536", "-1", "http", "8e3"])
def test_a_port_that_is_none_is_refused_with_the_arguments(directory: Path, port: str) -> None:
    assert f"{port} is no port: write a number from 1 to 65535" in refused(directory, f"--port={port}", code=2)


def test_a_damaged_file_is_named_with_what_to_do(directory: Path) -> None:
    state = directory / ".rem"
    with running(directory) as (url, _):
        rem(url, "ask", "LOOKUP Lunch")
    kept = (state / "credentials.json").read_text()
    for damaged in ("{", "[]", '{"owner": "x"}', kept.replace('"app": "', '"app": "\''), ""):
        (state / "credentials.json").write_text(damaged)
        assert "credentials.json is damaged: remove it and start again" in refused(directory, "--port", "0")
    (state / "credentials.json").unlink()
    with running(directory) as (url, _):
        assert "Nothing found" in rem(url, "ask", "LOOKUP Lunch")
        assert json.loads((state / "dev.json").read_text())["url"] == url
    (state / "api.log").unlink()
    (state / "api.log").mkdir()
    said = refused(directory, "--port", "0")
    assert f"{state}/api.log: Is a directory; `rem dev` keeps its data there" in said
    (state / "api.log").rmdir()
    (state / "dev.json").unlink()
    (state / "dev.json").mkdir()
    assert "dev.json cannot be written: Is a directory" in refused(directory, "--port", "0")


def test_a_fault_in_the_yaml_is_said_before_anything_starts(directory: Path) -> None:
    (directory / "broken.yaml").write_text(
        "apiVersion: rem.dev/v1alpha1\nkind: RemAgent\nmetadata: {name: x}\nspec: {}\n"
    )
    done = subprocess.run([REM, "dev", directory], capture_output=True, text=True, check=False, timeout=60, env=WIDE)
    assert done.returncode == 1
    assert "broken.yaml:4: spec.tenantRef: Field required" in " ".join(done.stderr.split())
    assert not (directory / ".rem").exists()
