"""Log lines: JSON, whatever is in them, whoever logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from rem_runtime.logging import JsonFormatter, configure_logging


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_a_line_is_json_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    logging.getLogger("a.b").info("something happened", extra={"tenant": "acme", "count": 3, "odd": "\ud800 \n ü"})
    logging.getLogger("a.b").debug("not shown")
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry["message"] == "something happened"
    assert entry["level"] == "info"
    assert (entry["tenant"], entry["count"]) == ("acme", 3)
    assert entry["time"].endswith("+00:00")


def test_an_exception_carries_its_stack_in_the_line() -> None:
    error = ValueError("wrong")
    record = logging.getLogger().makeRecord(
        "x", logging.ERROR, "f", 1, "failed %s", ("here",), (ValueError, error, None)
    )
    entry = json.loads(JsonFormatter().format(record))
    assert entry["message"] == "failed here"
    assert entry["error"] == "ValueError"
    assert "wrong" in entry["stack"]


def test_uvicorn_logs_like_everybody_and_less(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG")
    logging.getLogger("uvicorn.error").info("Application startup complete.")
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("uvicorn.error").warning("ASGI callable returned without completing response.")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["message"] for line in lines] == ["ASGI callable returned without completing response."]
