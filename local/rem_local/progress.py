"""What the person in front of the terminal sees: steps with their elapsed time, and lines.

On a terminal the running steps spin at the bottom and become one line each when they are done. In a pipe every step is
one line when it is done, and a long one says now and then that it is still at work. Must not be in it: decisions.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Spinners
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

# In a pipe: how often a step that takes long repeats itself.
_STILL_SECONDS = 15.0


class Step:
    """One running step; `update` says where it is, `result` replaces its text when it is done."""

    def __init__(self, progress: Progress, text: str) -> None:
        self._progress = progress
        self.text = text
        self.result: str | None = None
        self._started = self._said = time.monotonic()
        self._task = progress._add(text)

    @property
    def elapsed_seconds(self) -> float:
        return time.monotonic() - self._started

    def update(self, detail: str) -> None:
        """Show `detail` beside the step; call it as often as you like."""
        self._progress._show(self._task, f"{self.text}: {detail}")
        if not self._progress.is_terminal and time.monotonic() - self._said >= _STILL_SECONDS:
            self._said = time.monotonic()
            self._progress.say(f"          … {self.text}: {detail} ({self.elapsed_seconds:.0f} s so far)")

    def _finish(self, *, failed: bool) -> None:
        self._progress._remove(self._task)
        text = escape(self.result or self.text)
        if failed:
            self._progress.mark(f"[red]✗[/] {text}", seconds=self.elapsed_seconds)
        else:
            self._progress.mark(f"[green]✓[/] {text}", seconds=self.elapsed_seconds)


class Progress:
    """Prints to standard output unless told otherwise; steps may run side by side."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._spinners = Spinners(
            TextColumn("         "),
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        self._running = 0

    @classmethod
    def silent(cls) -> Self:
        """For tests: nothing is printed."""
        return cls(Console(file=StringIO()))

    @property
    def is_terminal(self) -> bool:
        return self.console.is_terminal

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        """`with progress.step("Start etcd") as step:` one line with its time when it is done or has failed."""
        step = Step(self, text)
        try:
            yield step
        except BaseException:
            step._finish(failed=True)
            raise
        step._finish(failed=False)

    def mark(self, markup: str, *, seconds: float) -> None:
        """A finished thing and the time it took."""
        self.console.print(f"[dim]{seconds:6.1f} s[/]  {markup}", soft_wrap=True)

    def say(self, text: str = "") -> None:
        """A plain line, printed as it is."""
        self.console.print(text, markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Something that a person should know, though it goes on."""
        self.console.print(f"[yellow]note[/]      {escape(text)}", soft_wrap=True)

    def heading(self, text: str) -> None:
        """The title of what follows."""
        self.console.print(f"\n[bold]{escape(text)}[/]", soft_wrap=True)

    def _add(self, text: str) -> TaskID | None:
        if not self.is_terminal:
            return None
        if self._running == 0:
            self._spinners.start()
        self._running += 1
        return self._spinners.add_task(escape(text), total=None)

    def _show(self, task: TaskID | None, text: str) -> None:
        if task is not None:
            self._spinners.update(task, description=escape(text))

    def _remove(self, task: TaskID | None) -> None:
        if task is None:
            return
        self._spinners.remove_task(task)
        self._running -= 1
        if self._running == 0:
            self._spinners.stop()
