"""`rem forget user/ID`: asks first, erases everything of one user, and says how much that was."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Coroutine
from typing import Any

from rich.console import Console
from rich.text import Text

from rem_runtime.client.api import RemClient
from rem_runtime.client.errors import UsageError
from rem_runtime.client.excerpt import printable
from rem_runtime.client.layout import show_lines
from rem_runtime.client.settings import ClientSettings

_DESCRIPTION = """\
Erase everything of one user: documents, entities, moments, files, sessions, messages, and what was derived from them
alone. Nothing brings it back. What others wrote about that user is theirs and stays. It takes a key with the scope
admin.
"""
_EPILOG = """\
examples:
  rem forget user/ann
  rem forget user/ann --yes             (in a script: nobody is asked)

exit codes:
  0  everything of that user is gone, also where nothing was there
  1  failed: the server refused it
  2  usage: a wrong argument, or nobody there to be asked
  3  failed: nobody answers at REM_URL
  4  failed: the key is unknown or may not do this
  5  not done: you said no
"""
_SAID_NO = 5
# In the order of the table; what else a server counts comes after them.
_THINGS = ("resources", "entities", "moments", "users", "files", "sessions", "messages")


def add_forget_command(commands: Any) -> None:
    """Register `forget` among the subcommands."""
    parser = commands.add_parser(
        "forget",
        help="erase everything of one user",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", metavar="user/ID", help="whom to forget, by the id that owns their things")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print the server's counts as JSON")
    parser.set_defaults(command=_forget)


def _forget(arguments: argparse.Namespace, settings: ClientSettings) -> Coroutine[Any, Any, int]:
    """Asks before there is an event loop, so that Ctrl-C ends the question at once."""
    user = _user_of(arguments.target)
    if not arguments.yes and not _confirmed(user, settings.url):
        return _not_done()
    return _erase(user, settings, as_json=arguments.json)


def _user_of(target: str) -> str:
    kind, _, user = target.partition("/")
    if kind != "user" or not user.strip():
        raise UsageError("say whom to forget as user/ID, with the id that owns their things: rem forget user/ann")
    return user


def _confirmed(user: str, url: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked; add --yes to erase without a question")
    sys.stderr.write(f"Erase everything of the user {printable(user)!r} at {url}? Nothing brings it back. [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


async def _not_done() -> int:
    sys.stderr.write("rem: nothing was erased\n")
    return _SAID_NO


async def _erase(user: str, settings: ClientSettings, *, as_json: bool) -> int:
    async with RemClient(settings) as client:
        report = await client.forget_user(user)
    console = Console(highlight=False)
    if as_json:
        console.out(json.dumps(report, indent=2, ensure_ascii=False), highlight=False)
    else:
        show_lines(console, _table(user, report))
    return 0


def _table(user: str, report: dict[str, Any]) -> list[Text]:
    """A line for each kind of which something went."""
    counts = {name: value for name, value in report.items() if isinstance(value, int) and not isinstance(value, bool)}
    ordered = [name for name in (*_THINGS, *counts) if counts.get(name)]
    rows = [(printable(name), f"{counts[name]:,}") for name in dict.fromkeys(ordered)]
    if not rows:
        return [Text(f"Nothing of the user {printable(user)!r} was there.")]
    names, numbers = max(len(name) for name, _ in rows), max(len(number) for _, number in rows)
    title = Text(f"Erased of the user {printable(user)!r}:", style="bold")
    return [title, *(Text(f"  {name:<{names}}  {number:>{numbers}}") for name, number in rows)]
