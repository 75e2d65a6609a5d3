"""`rem-runtime`: how it fails, what it says, and where the operator finds the reason."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rem_runtime.cli import _leave_message, main
from rem_runtime.settings import get_settings


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


def test_a_failing_schema_apply_leaves_its_reason(run, tmp_path: Path, taken_port: int) -> None:
    file = tmp_path / "termination-log"
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    code, said = run(
        "schema", "apply", POSTGRES__PORT=str(port), POSTGRES__WAIT_SECONDS="0.5", TERMINATION__MESSAGE_FILE=str(file)
    )
    assert code == 1
    reason = file.read_text()
    assert f"127.0.0.1:{port}/rem was not ready within 0.5 s: ConnectionRefusedError" in reason
    assert "waiting for the database" in said


def test_a_long_reason_fits_what_a_kubelet_keeps(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    _leave_message(file, "ü" * 4000)
    assert len(file.read_bytes()) == 4096
    assert file.read_text() == "ü" * 2048
    _leave_message(tmp_path / "no" / "directory", "does not raise")


def test_usage() -> None:
    for argv in ([], ["schema"], ["api", "extra"], ["nothing"]):
        with pytest.raises(SystemExit) as caught:
            main(argv)
        assert caught.value.code == 2
