"""`rem-runtime`: what the pods run. Turns settings into a running process, and failures into a message and a code.

Exit codes: 0 done or stopped as asked, 1 failed, 2 a setting or an argument is wrong, 3 the schema cannot be applied to
this database (`errors.py` has the tree; `rem_crds.handoff` says which are final), 130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from rem_crds.handoff import TERMINATION_MESSAGE_BYTES
from rem_runtime import __version__
from rem_runtime.errors import SettingsError, StartError
from rem_runtime.logging import configure_logging
from rem_runtime.memory.errors import MemoryFault
from rem_runtime.settings import Settings, get_settings

log = logging.getLogger(__name__)

_Command = Callable[..., Coroutine[Any, Any, None]]

_INTERRUPTED = 130

_WAIT = "for a database that is not there yet (POSTGRES__WAIT_SECONDS, else 3; `apply` in a pod: 300)"
_SCHEMA_EPILOG = """\
environment:
  POSTGRES__HOST, POSTGRES__PORT    where the database is (127.0.0.1, 5432)
  POSTGRES__DATABASE                its name (rem)
  POSTGRES__USER                    its owner, rem_owner in a tenant's database
  POSTGRES__PASSWORD                the owner's password
  POSTGRES__SSLMODE                 libpq's words (prefer)
  EMBEDDING__MODEL, __DIMENSIONS    whose vectors are stored (all-MiniLM-L6-v2, 384)

exit codes: 0 done, 1 failed, 2 a setting or an argument is wrong, 3 the schema cannot be applied to this database

docs/schema.md has the lines for a cluster and for a directory of `rem dev`.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = vars(_parser().parse_args(argv))
    command: _Command = arguments.pop("command")
    configure_logging("INFO")
    try:
        settings = get_settings()
    except SettingsError as error:
        return _failed(error, message_file=None)
    configure_logging(settings.log.level)
    try:
        asyncio.run(command(settings, **arguments))
    except KeyboardInterrupt:
        log.warning("interrupted")
        return _INTERRUPTED
    except (StartError, MemoryFault) as error:
        return _failed(error, message_file=settings.termination.message_file)
    except Exception as error:
        log.critical("ended by a fault", exc_info=error)
        _leave_message(settings.termination.message_file, f"{type(error).__name__}: {error}")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rem-runtime", description="What REM's pods run. Settings come from GROUP__FIELD variables."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("api", help="serve the tenant's HTTP API").set_defaults(command=_api)
    commands.add_parser("files", help="run the file worker (idle in this version)").set_defaults(command=_files)
    _add_schema(commands)
    load = commands.add_parser("load", help="store lines of JSON in bulk; their vectors follow from the API's replicas")
    load.add_argument("file", type=Path, metavar="FILE", help='one thing a line: {"kind": "entity", "label": …}')
    load.add_argument("--owner", default="", help="the user it belongs to; the whole tenant unless said")
    load.set_defaults(command=_load)
    again = commands.add_parser("rebuild", help="redo keys, chunks and terms by this version's rules, where owed")
    again.add_argument("--all", action="store_true", dest="everything", help="all of them, owed or not")
    again.set_defaults(command=_rebuild)
    embed = commands.add_parser("embed", help="the vectors of the tenant's texts")
    actions = embed.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser(
        "migrate", help="make them anew with the model of the settings, beside the old ones; then switch"
    ).set_defaults(command=_embed_migrate)
    actions.add_parser("retry", help="queue again what was given up").set_defaults(command=_embed_retry)
    return parser


def _add_schema(commands: Any) -> None:
    schema = commands.add_parser("schema", help="the tables of the tenant's database")
    actions = schema.add_subparsers(required=True, metavar="ACTION")
    for name, said, command in (
        ("plan", "print what apply would do; writes nothing", _schema_plan),
        ("apply", "bring them to this version; twice is nothing", _schema_apply),
    ):
        action = actions.add_parser(
            name,
            help=said,
            description=f"{said[0].upper()}{said[1:]}. As the owner of the database.",
            epilog=_SCHEMA_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        action.add_argument("--wait", type=_seconds, dest="wait_seconds", metavar="SECONDS", help=_WAIT)
        action.set_defaults(command=command)


def _seconds(text: str) -> float:
    """Raises what argparse turns into a line of its own."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no time: write seconds, 0 or more")
    return seconds


async def _api(settings: Settings) -> None:
    from rem_runtime.app import serve_api  # noqa: PLC0415 - a worker does not pay for the web framework

    await serve_api(settings)


async def _files(settings: Settings) -> None:
    from rem_runtime.workers.files.worker import run_files_worker  # noqa: PLC0415 - as above

    await run_files_worker(settings)


async def _schema_apply(settings: Settings, *, wait_seconds: float | None) -> None:
    from rem_runtime.schema_job import run_schema_apply  # noqa: PLC0415 - as above

    await run_schema_apply(settings, wait_seconds=wait_seconds)


async def _schema_plan(settings: Settings, *, wait_seconds: float | None) -> None:
    from rem_runtime.schema_job import run_schema_plan  # noqa: PLC0415 - as above

    await run_schema_plan(settings, wait_seconds=wait_seconds)


async def _rebuild(settings: Settings, *, everything: bool) -> None:
    from rem_runtime.rebuild_job import run_rebuild  # noqa: PLC0415 - as above

    await run_rebuild(settings, everything=everything)


async def _load(settings: Settings, *, file: Path, owner: str) -> None:
    from rem_runtime.load_job import run_load  # noqa: PLC0415 - as above

    await run_load(settings, file, owner=owner)


async def _embed_migrate(settings: Settings) -> None:
    from rem_runtime.embed_job import run_embed_migrate  # noqa: PLC0415 - as above

    await run_embed_migrate(settings)


async def _embed_retry(settings: Settings) -> None:
    from rem_runtime.embed_job import run_embed_retry  # noqa: PLC0415 - as above

    await run_embed_retry(settings)


def _failed(error: Exception, *, message_file: Path | None) -> int:
    log.error("cannot go on", extra={"error": type(error).__name__, "reason": str(error)})
    _leave_message(message_file, str(error))
    return error.exit_code if isinstance(error, StartError) else 1


def _leave_message(file: Path | None, reason: str) -> None:
    """Writes the reason where a kubelet reads it; its end is cut, never a character."""
    if file is None:
        return
    text = reason.encode()[:TERMINATION_MESSAGE_BYTES].decode(errors="ignore")
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        log.warning("termination message not written", extra={"file": str(file), "reason": str(error)})


if __name__ == "__main__":
    sys.exit(main())
