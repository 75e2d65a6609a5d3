"""What is answered of `examples/acme`'s benchmark before anything was dreamt, by kind of question.

A question counts as answered when everything it expects is among the results of its query as it stands there. The half
that is held out (by a hash of the question) is shown beside the other; nobody tunes on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.ingest import Document
from rem_runtime.memory.store import Memory
from tests.bench.harness import Context, Figure

_ACME = Path(__file__).parents[2] / "examples" / "acme"
_ADMIN = Caller.of("", {"read", "write", "admin"})
_FIRST = 5


async def measure(context: Context) -> list[Figure]:
    """Shares answered, from 0 to 1."""
    context.say("examples/acme: ingest, then the benchmark's questions")
    async with context.scratch() as bench:
        memory = context.memory(bench)
        for path in sorted(_ACME.glob("corpus/**/*.md")):
            uri = path.relative_to(_ACME / "corpus").as_posix()
            await memory.ingest(Document(uri=uri, content=path.read_text("utf-8"), owner=""), _ADMIN)
        await memory.refresh_statistics()
        figures = []
        for file in sorted(_ACME.glob("questions/*.yaml")):
            questions = yaml.safe_load(file.read_text("utf-8"))["questions"]
            for held_out in (False, True):
                half = [question for question in questions if _is_held_out(question) is held_out]
                share = await _answered(memory, half, first=_FIRST if file.stem == "find" else None)
                name = f"acme {file.stem}, {len(half)} {'held out' if held_out else 'open'}"
                if file.stem == "find":
                    figures.append(Figure.at_least(f"{name}: among the first {_FIRST}", share, 0.95, unit=""))
                else:
                    figures.append(Figure.shown(f"{name}: answered before dreaming", share, unit=""))
        return figures


def _is_held_out(question: dict[str, Any]) -> bool:
    return hashlib.sha256(question["ask"].encode()).digest()[0] % 2 == 0


async def _answered(memory: Memory, questions: Sequence[dict[str, Any]], *, first: int | None) -> float:
    count = 0
    for question in questions:
        answer = await memory.query(question["query"] + (f" LIMIT {first}" if first else ""), _ADMIN)
        labels = {result.label for result in answer.results}
        if "expect_any" in question:
            count += bool(labels & set(question["expect_any"]))
        else:
            count += labels >= set(question["expect"])
    return count / len(questions)
