"""`rem`: the command line of a tenant's memory. Parses arguments, runs one command, returns its exit code.

Answers go to standard output, progress and errors to standard error. Exit codes: 0 done, 1 refused or partly failed,
2 a wrong argument or query, 3 nobody answers, 4 not allowed, 130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rem_runtime.client.api import RemClient
from rem_runtime.client.documents import find_documents
from rem_runtime.client.errors import ClientError, UsageError
from rem_runtime.client.ingest import ingest
from rem_runtime.client.question import as_query
from rem_runtime.client.render import show_answer, show_error, show_summary
from rem_runtime.client.settings import ClientSettings, load_client_settings

_Command = Callable[[argparse.Namespace, ClientSettings], Coroutine[Any, Any, int]]

_EPILOG = """\
REM_URL says where the tenant's API is (default http://127.0.0.1:8000), REM_API_KEY proves who you are.

  rem ingest docs/
  rem ask who is responsible for the launch
  rem ask 'LOOKUP Sarah Chen'
  rem ask 'TRAVERSE Project Mercury DEPTH 2'
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = _parser().parse_args(argv)
    command: _Command = arguments.command
    try:
        settings = load_client_settings(url=arguments.url)
        return asyncio.run(command(arguments, settings))
    except ClientError as error:
        show_error(Console(stderr=True, highlight=False), error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rem",
        description="Put documents into REM and ask it questions.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--url", help="the tenant's API, instead of REM_URL")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    put = commands.add_parser("ingest", help="store every .md and .txt file of a directory; repeat it as you like")
    put.add_argument("directory", type=Path, metavar="DIR")
    put.set_defaults(command=_ingest)
    ask = commands.add_parser("ask", help="ask in the dialect; plain words mean SEARCH")
    ask.add_argument("query", nargs="+", metavar="QUERY")
    ask.add_argument("--json", action="store_true", help="print the server's answer as JSON")
    ask.set_defaults(command=_ask)
    return parser


async def _ask(arguments: argparse.Namespace, settings: ClientSettings) -> int:
    text = " ".join(arguments.query)
    if not text.strip():
        raise UsageError("ask something: a few words, or a query that begins with LOOKUP, SEARCH or TRAVERSE")
    async with RemClient(settings) as client:
        answer = await client.query(as_query(text))
    if arguments.json:
        sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    else:
        show_answer(Console(highlight=False), answer)
    return 0


async def _ingest(arguments: argparse.Namespace, settings: ClientSettings) -> int:
    documents = find_documents(arguments.directory)
    if not documents:
        raise UsageError(f"{arguments.directory} holds no .md, .markdown or .txt file")
    started = time.monotonic()
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:
        task = progress.add_task("ingesting", total=len(documents))
        async with RemClient(settings) as client:
            summary = await ingest(client, documents, done=lambda _: progress.advance(task))
    show_summary(Console(highlight=False), summary, seconds=time.monotonic() - started)
    return 1 if summary.failed else 0


if __name__ == "__main__":
    sys.exit(main())
