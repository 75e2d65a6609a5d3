"""How far an ingest is: a bar on a terminal, now and then a line where there is none. Knows no HTTP."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from rem_runtime.client.documents import Document
from rem_runtime.client.excerpt import printable

# In a log a line every ten seconds; an ingest that is over before says nothing but its end.
LINE_SECONDS = 10.0
# What a document costs beside its bytes, in bytes: the request, the transaction, a model that is called at least once.
_COST_OF_ONE = 2_000


class IngestProgress:
    """`with IngestProgress(console, documents) as progress: … progress.advance(document)`."""

    def __init__(self, console: Console, documents: Sequence[Document]) -> None:
        self._console = console
        self._count = len(documents)
        self._work = sum(_work(document) for document in documents)
        self._done = self._done_work = 0
        self._started = self._said = time.monotonic()
        self._bar = Progress(
            TextColumn("storing"),
            BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=8, max_width=40)),
            TextColumn("{task.fields[counted]}"),
            TextColumn("{task.fields[rate]}", style="dim"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[name]}", markup=False, style="dim", table_column=Column(ratio=1, no_wrap=True)),
            console=console,
            transient=True,
            expand=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=self._work, counted=self._counted(), rate="", name="")

    def __enter__(self) -> IngestProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, document: Document) -> None:
        """One more is done, stored or not."""
        self._done += 1
        self._done_work += _work(document)
        self._bar.update(
            self._task,
            completed=self._done_work,
            counted=self._counted(),
            rate=f"{self._per_second():.1f}/s",
            # Its end says which it is; the folders are the same for many.
            name=printable(posixpath.basename(document.uri)),
        )
        now = time.monotonic()
        if not self._console.is_terminal and now - self._said >= LINE_SECONDS and self._done < self._count:
            self._said = now
            self._console.print(
                f"rem: {self._counted()} documents, {self._per_second():.1f}/s, about {self._left()} left",
                soft_wrap=True,
            )

    def _counted(self) -> str:
        return f"{self._done:,}/{self._count:,}"

    def _per_second(self) -> float:
        return self._done / max(time.monotonic() - self._started, 0.001)

    def _left(self) -> str:
        seconds = (time.monotonic() - self._started) * (self._work - self._done_work) / max(self._done_work, 1)
        return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _work(document: Document) -> int:
    return document.size_bytes + _COST_OF_ONE
