"""`rem dev` as a person runs it: ready, filled and asked through the same commands, and all there again next time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.postgres

REM = Path(sys.executable).parent / "rem"
EXAMPLE = Path(__file__).parents[4] / "examples" / "acme"
WIDE = {**os.environ, "COLUMNS": "300"}
MOST_SECONDS = 60  # on a busy machine; on a quiet one it is one


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The example's YAML alone."""
    for file in EXAMPLE.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    return tmp_path


@contextmanager
def running(directory: Path) -> Iterator[tuple[str, list[str]]]:
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
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=30)[1]
        assert process.returncode == 0, rest


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


def test_a_fault_in_the_yaml_is_said_before_anything_starts(directory: Path) -> None:
    (directory / "broken.yaml").write_text(
        "apiVersion: rem.dev/v1alpha1\nkind: RemAgent\nmetadata: {name: x}\nspec: {}\n"
    )
    done = subprocess.run([REM, "dev", directory], capture_output=True, text=True, check=False, timeout=60, env=WIDE)
    assert done.returncode == 1
    assert "broken.yaml:4: spec.tenantRef: Field required" in " ".join(done.stderr.split())
    assert not (directory / ".rem").exists()
