"""`rem-runtime`: how it fails, what it says, and where the operator finds the reason."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rem_crds.handoff import ARGS_SCHEMA
from rem_runtime import schema_job
from rem_runtime.cli import _leave_message, main
from rem_runtime.errors import DatabaseUnavailableError
from rem_runtime.settings import PostgresSettings, get_settings


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield int(sock.getsockname()[1])


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run_main(*argv: str, **variables: str) -> tuple[int, str]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return main(argv), capsys.readouterr().err

    return run_main


def test_a_wrong_setting_ends_with_2_and_its_name(run) -> None:
    code, said = run("api", POSTGRES__HSOT="db")
    assert (code, "POSTGRES__HSOT: there is no such setting" in said) == (2, True)


def test_what_is_not_there_yet_is_refused_by_name(run) -> None:
    code, said = run("api", AUTH__MODE="OIDC")
    assert (code, "AUTH__MODE: OIDC is not available yet" in said) == (2, True)


def test_traces_are_refused_rather_than_dropped(run) -> None:
    code, said = run("api", OTEL__ENDPOINT="http://collector:4318")
    assert (code, "OTEL__ENDPOINT: " in said) == (2, True)


def test_a_taken_port_is_an_error_that_names_the_setting(run, taken_port: int) -> None:
    code, said = run("files", METRICS__PORT=str(taken_port))
    assert code == 1
    assert f"cannot listen on 127.0.0.1 port {taken_port}: Address already in use" in said
    assert "METRICS__PORT" in said


def test_a_missing_embedder_says_how_to_make_it(run, tmp_path: Path) -> None:
    code, said = run("api", API__PORT="0", METRICS__PORT="0", EMBEDDING__DIRECTORY=str(tmp_path / "none"))
    assert code == 1
    assert "EMBEDDING__DIRECTORY: " in said
    assert "convert" in said


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_a_failing_schema_apply_leaves_its_reason(run, tmp_path: Path, free_port: int) -> None:
    file = tmp_path / "termination-log"
    code, said = run(
        *ARGS_SCHEMA,
        POSTGRES__PORT=str(free_port),
        POSTGRES__WAIT_SECONDS="0.5",
        TERMINATION__MESSAGE_FILE=str(file),
        TENANT__NAMESPACE="acme",
    )
    assert code == 1
    reason = file.read_text()
    assert f"127.0.0.1:{free_port}/rem was not ready within 0.5 s: ConnectionRefusedError" in reason
    assert "POSTGRES__" not in reason
    assert "waiting for the database" in said


@pytest.mark.parametrize("action", ["plan", "apply"])
def test_a_person_hears_within_seconds_where_no_database_is(run, free_port: int, action: str) -> None:
    started = time.monotonic()
    code, said = run("schema", action, POSTGRES__PORT=str(free_port))
    assert (code, time.monotonic() - started < 8) == (1, True)
    assert f"127.0.0.1:{free_port}/rem was not ready within 3 s: ConnectionRefusedError" in said
    assert "POSTGRES__HOST, POSTGRES__PORT, POSTGRES__DATABASE, POSTGRES__USER and POSTGRES__PASSWORD say" in said


def test_only_the_job_of_a_pod_waits_long(monkeypatch: pytest.MonkeyPatch, run, free_port: int) -> None:
    asked = []

    async def connect(_settings: PostgresSettings, *, wait_seconds: float) -> None:
        asked.append(wait_seconds)
        raise DatabaseUnavailableError("not there")

    monkeypatch.setattr(schema_job, "connect_for_schema", connect)
    for argv in (["schema", "plan"], ARGS_SCHEMA, [*ARGS_SCHEMA, "--wait", "7"]):
        assert run(*argv)[0] == 1
    get_settings.cache_clear()
    for argv in (["schema", "plan"], ARGS_SCHEMA, [*ARGS_SCHEMA, "--wait", "7"]):
        assert run(*argv, TENANT__NAMESPACE="acme")[0] == 1
    get_settings.cache_clear()
    for argv in (["schema", "plan"], ARGS_SCHEMA, [*ARGS_SCHEMA, "--wait", "0"]):
        assert run(*argv, POSTGRES__WAIT_SECONDS="20")[0] == 1
    assert asked == [3, 3, 7, 3, 300, 7, 20, 20, 0]


@pytest.mark.parametrize("action", ["plan", "apply"])
def test_help_on_the_schema_names_the_variables(capsys: pytest.CaptureFixture[str], action: str) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["schema", action, "--help"])
    said = capsys.readouterr().out
    for name in ("host", "port", "database", "user", "password", "sslmode"):
        assert f"POSTGRES__{name.upper()}" in said
        assert name in PostgresSettings.model_fields
    assert max(map(len, said.splitlines())) <= 120


def test_ctrl_c_leaves_no_stack(monkeypatch: pytest.MonkeyPatch, run) -> None:
    async def connect(_settings: PostgresSettings, *, wait_seconds: float) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(30)

    monkeypatch.setattr(schema_job, "connect_for_schema", connect)
    code, said = run("schema", "plan")
    assert (code, "Traceback" in said, "interrupted" in said) == (130, False, True)


def test_a_long_reason_fits_what_a_kubelet_keeps(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    _leave_message(file, "ü" * 4000)
    assert len(file.read_bytes()) == 4096
    assert file.read_text() == "ü" * 2048
    _leave_message(tmp_path / "no" / "directory", "does not raise")


def test_usage() -> None:
    for argv in ([], ["schema"], ["api", "extra"], ["nothing"], ["schema", "plan", "--wait", "-1"]):
        with pytest.raises(SystemExit) as caught:
            main(argv)
        assert caught.value.code == 2
