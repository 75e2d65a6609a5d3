"""What a person sees, in a pipe and on a terminal."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from rich.console import Console

from rem_local import progress as module
from rem_local.progress import Progress


def _pipe() -> tuple[Progress, StringIO]:
    out = StringIO()
    return Progress(Console(file=out, width=40)), out


def test_a_step_is_one_line_with_its_time_in_a_pipe() -> None:
    progress, out = _pipe()
    with progress.step("Start [all] of the programs that there are today") as step:
        step.update("etcd")
    assert re.fullmatch(r" +0\.\d s  ✓ Start \[all\] of the programs that there are today\n", out.getvalue())


def test_a_result_replaces_the_text() -> None:
    progress, out = _pipe()
    with progress.step("Start") as step:
        step.result = "Started on 127.0.0.1"
    assert out.getvalue().endswith("✓ Started on 127.0.0.1\n")


def test_a_failed_step_is_marked_and_its_error_goes_on() -> None:
    progress, out = _pipe()
    with pytest.raises(LookupError), progress.step("Start"):
        raise LookupError
    assert "✗ Start" in out.getvalue()


def test_a_long_step_says_that_it_lives_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STILL_SECONDS", 0.0)
    progress, out = _pipe()
    with progress.step("kube-apiserver") as step:
        step.update("building")
    assert "… kube-apiserver: building (0 s so far)" in out.getvalue()


def test_steps_run_side_by_side_on_a_terminal() -> None:
    out = StringIO()
    progress = Progress(Console(file=out, force_terminal=True, width=80))
    with progress.step("one") as one, progress.step("two"):
        one.update("half")
        progress.say("a line between")
    assert "a line between" in out.getvalue()
    assert out.getvalue().count("✓") == 2


def test_silence() -> None:
    with Progress.silent().step("nothing") as step:
        step.update("still nothing")
