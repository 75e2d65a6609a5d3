"""`make bench`: runs the parts, prints one table, writes build/bench.json. `--quick` for trying, `--only` for one part.

A part is registered by one line in PARTS. It is imported only when it runs; one that fails is said and the others go
on, and the exit code is 1 then. A target that is missed is not a failure of the run: the table says it.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import platform
import sys
import traceback
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.databases import Databases
from tests.bench.harness import Context, Figure, interleaved

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "build" / "bench.json"

# Name for --only: module. In the order of the table.
PARTS = {
    "names": "tests.bench.names",
    "search": "tests.bench.search",
    "ingest": "tests.bench.ingest",
    "http": "tests.bench.http",
    "acme": "tests.bench.acme",
    "peer": "tests.bench.peer",
}


async def run(parts: list[str], *, quick: bool, directory: Path, console: Console) -> tuple[list[Figure], list[str]]:
    """The figures of these parts, and what is to be said about them."""
    figures: list[Figure] = []
    async with Databases(directory) as databases:
        context = Context(databases, quick=quick, say=lambda text: console.print(f"» {text}", highlight=False))
        async with context.scratch() as bench:
            version = await bench.pool.fetchval("show server_version")
            console.print(f"{machine()}; PostgreSQL {version}; {'quick' if quick else 'full'}", highlight=False)
            floor = await interleaved({"select": lambda _: bench.pool.fetchval("select 1")}, rounds=500)
            figures.append(Figure.shown("select 1, p50", floor["select"].p50))
        for name in parts:
            context.say(f"part {name}")
            try:
                figures += await importlib.import_module(PARTS[name]).measure(context)
            except Exception:  # noqa: BLE001 - one part's failure must not lose the figures of the others
                context.note(f"FAILED: part {name}\n{traceback.format_exc()}")
    return figures, context.notes


def machine() -> str:
    """What the figures depend on, without naming the machine."""
    load = os.getloadavg()[0]
    return f"{platform.machine()}, {os.cpu_count()} CPUs, load {load:.1f}, Python {platform.python_version()}"


def table_of(figures: list[Figure]) -> Table:
    """The figures for a person."""
    table = Table(show_lines=False)
    for title, justify in (("figure", "left"), ("value", "right"), ("floor", "right"), ("ratio", "right"),
                           ("target", "right"), ("met", "left")):  # fmt: skip
        table.add_column(title, justify=justify, no_wrap=title != "figure")  # type: ignore[arg-type]
    for figure in figures:
        met = {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[figure.met]
        table.add_row(
            figure.name,
            f"{figure.value:g} {figure.unit}",
            "" if figure.floor is None else f"{figure.floor:g}",
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.target or "",
            met,
        )
    return table


def write_json(figures: list[Figure], file: Path) -> None:
    """A list of {name, value, unit, floor, ratio, target, met}."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([figure.row() for figure in figures], indent=1, ensure_ascii=False) + "\n", "utf-8")


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10k only, few rounds")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="this part; may be repeated")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "bench", help="where the databases are kept")
    parser.add_argument("--json", type=Path, default=OUTPUT, help="where the figures go")
    chosen = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 130)
    figures, notes = asyncio.run(
        run(chosen.only or list(PARTS), quick=chosen.quick, directory=chosen.cache, console=console)
    )
    console.print(table_of(figures))
    for note in notes:
        console.print(note, markup=False, highlight=False)
    write_json(figures, chosen.json)
    console.print(f"written: {chosen.json}", highlight=False)
    return 1 if any(note.startswith("FAILED") for note in notes) else 0


if __name__ == "__main__":
    sys.exit(main())
