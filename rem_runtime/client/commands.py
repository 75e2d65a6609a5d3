"""The commands of `rem`, the command line of a tenant's memory: arguments in, one command run, its exit code out.

Answers go to standard output, progress and errors to standard error. The exit codes are in `_EXIT_CODES`.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from rem_runtime.client.api import RemClient
from rem_runtime.client.dev import add_dev_command
from rem_runtime.client.documents import find_documents
from rem_runtime.client.errors import ClientError, UsageError
from rem_runtime.client.forget import add_forget_command
from rem_runtime.client.ingest import Summary, ingest
from rem_runtime.client.progress import IngestProgress
from rem_runtime.client.question import VERBS, as_query
from rem_runtime.client.render import show_answer
from rem_runtime.client.report import show_error, show_failures, show_notes, show_summary
from rem_runtime.client.settings import ClientSettings, load_client_settings

_Command = Callable[[argparse.Namespace, ClientSettings], Coroutine[Any, Any, int]]

_EXIT_CODES = """\
exit codes:
  0  answered (also with nothing found), or everything is stored
  1  failed: the server refused it, or a document was not stored
  2  usage: a wrong argument, variable or query
  3  failed: nobody answers at REM_URL
  4  failed: the key is unknown or may not do this
"""

_MAIN_EPILOG = f"""\
environment:
  REM_URL              where the tenant's API is (default http://127.0.0.1:8000)
  REM_API_KEY          proves who you are
  REM_TIMEOUT_SECONDS  how long one request may take (default 60)

examples:
  rem ingest docs/
  rem ask 'who is responsible for the launch?'
  rem ask 'LOOKUP Sarah Chen'
  rem ask 'TRAVERSE Project Mercury DEPTH 2'

{_EXIT_CODES}"""

_ASK = """\
Ask the memory. Plain words search in everything that is written; a query that begins with an upper-case verb is asked
as it is:

  SEARCH words      what is written about this      SEARCH billing outage SINCE 2026-03 LIMIT 5
  LOOKUP names      what has this name              LOOKUP Sarah Chen, "Smith, Jones & Co"
  FUZZY name        what has a name like this       FUZZY sara chan
  TRAVERSE name     what is connected with this     TRAVERSE Sarah Chen DEPTH 2 REL projects
  SQL SELECT …      one statement, read only        SQL SELECT label FROM resources
"""

_ASK_EPILOG = f"""\
Put the query in quotes, or the shell takes its apostrophes and brackets.

examples:
  rem ask 'why was Kafka not chosen?'
  rem ask "TRAVERSE Tom O'Brien DEPTH 2"
  rem ask --json 'LOOKUP Mercury' | jq '.results[].label'

{_EXIT_CODES}"""

_INGEST = """\
Store files, and every file of a known format below directories: text, Markdown, HTML, PDF, .docx, .pptx, .xlsx, CSV,
JSON, YAML, e-mail (.eml) and source code. Repeat it as you like: what has not changed is not stored again. Hidden
files, links, node_modules and __pycache__ are left out; a file that cannot be stored is named, and the others go on.
"""

_INGEST_EPILOG = f"""\
A file below DIR is stored under its path from there: notes/a.md of `rem ingest docs` is docs/notes/a.md on the disk.

examples:
  rem ingest docs/
  rem ingest report.pdf mails/

{_EXIT_CODES}"""


def run(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; KeyboardInterrupt is the caller's."""
    arguments = _parser().parse_args(argv)
    _print_what_is_possible()
    command: _Command = arguments.command
    try:
        settings = load_client_settings(url=arguments.url)
        return asyncio.run(command(arguments, settings))
    except ClientError as error:
        show_error(_errors(), error)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="rem",
        description="Put documents into REM, a memory for AI agents, and ask it questions.",
        epilog=_MAIN_EPILOG,
        formatter_class=raw,
    )
    parser.add_argument("--url", help="the tenant's API, instead of REM_URL")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    put = commands.add_parser(
        "ingest",
        help="store files and directories",
        description=_INGEST,
        epilog=_INGEST_EPILOG,
        formatter_class=raw,
    )
    put.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a file, or the folder that holds the documents"
    )
    put.set_defaults(command=_ingest)
    ask = commands.add_parser("ask", help="ask a question", description=_ASK, epilog=_ASK_EPILOG, formatter_class=raw)
    ask.add_argument("query", nargs="+", metavar="QUERY", help="a few words, or a query of the dialect")
    shown = ask.add_mutually_exclusive_group()
    shown.add_argument("--full", action="store_true", help="show whole passages, and all of them")
    shown.add_argument("--json", action="store_true", help="print the server's answer as JSON")
    ask.set_defaults(command=_ask)
    add_forget_command(commands)
    add_dev_command(commands)
    return parser


async def _ask(arguments: argparse.Namespace, settings: ClientSettings) -> int:
    text = " ".join(arguments.query)
    if not text.strip():
        raise UsageError(
            f"ask something: a few words, or a query that begins with {', '.join(VERBS[:-1])} or {VERBS[-1]}"
        )
    async with RemClient(settings) as client:
        answer = await client.query(as_query(text))
    if arguments.json:
        _output().out(json.dumps(answer, indent=2, ensure_ascii=False), highlight=False)
    else:
        show_answer(_output(), answer, full=arguments.full)
    return 0


async def _ingest(arguments: argparse.Namespace, settings: ClientSettings) -> int:
    found = find_documents(arguments.paths)
    if not found.documents and not found.failed:
        where = " ".join(str(path) for path in arguments.paths)
        raise UsageError(f"{where} holds no file of a format that is read")
    started = time.monotonic()
    summary = Summary()
    try:
        async with RemClient(settings) as client:
            with IngestProgress(_errors(), found.documents) as progress:
                await ingest(client, found, summary, done=progress.advance)
    except ClientError:
        if summary.kept:
            show_failures(_errors(), summary)
            sys.stderr.write(
                f"rem: stopped after {summary.kept} of {len(found.documents)} documents; run it again to go on\n"
            )
        raise
    show_notes(_errors(), summary)
    show_failures(_errors(), summary)
    show_summary(_output(), summary, seconds=time.monotonic() - started)
    return 1 if summary.failed else 0


def _output() -> Console:
    return Console(highlight=False)


def _errors() -> Console:
    return Console(stderr=True, highlight=False)


def _print_what_is_possible() -> None:
    """In a locale that has no arrow a question mark stands for it, rather than a stack."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
