"""`rem dev DIR` on the command line: arguments in, exit code out; the work is `laptop.dev`'s."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from rem_runtime.client.errors import ClientError, UsageError
from rem_runtime.client.settings import ClientSettings

_LAST_PORT = 65535

_DESCRIPTION = """\
Serve the tenant that the YAML in a directory declares, without any cluster: one command is PostgreSQL and the API. It
is the same YAML that a cluster is given; what means nothing on a laptop is named and left alone. What is stored stays
in DIR/.rem/ and is there again next time.

Nobody is asked for a key, and X-User-Id is believed: it is for this machine alone.
"""
_EPILOG = """\
examples:
  rem dev examples/acme
  rem ingest examples/acme/corpus       (in another terminal)
  rem ask 'who is behind Mercury?'
"""


def add_dev_command(commands: Any) -> None:
    """Register `dev` among the subcommands."""
    parser = commands.add_parser(
        "dev",
        help="serve a directory's tenant on this machine, without a cluster",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", type=Path, nargs="?", default=Path(), metavar="DIR", help="holds the YAML (.)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on, 0 for a free one (8000)")
    parser.add_argument("--tenant", help="which RemTenant, where the directory declares several")
    parser.set_defaults(command=_dev)


def _port(text: str) -> int:
    """Raises what argparse turns into a line of its own."""
    if not text.isascii() or not text.isdigit() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(
            f"{text} is no port: write a number from 1 to {_LAST_PORT}, or 0 for a free one"
        )
    return int(text)


async def _dev(arguments: argparse.Namespace, settings: ClientSettings) -> int:
    del settings  # of the client: this is the server
    try:
        from rem_runtime.errors import StartError  # noqa: PLC0415 - the server's packages are not the client's
        from rem_runtime.laptop.dev import DevOptions, run_dev  # noqa: PLC0415 - as above
        from rem_runtime.laptop.errors import LaptopError  # noqa: PLC0415 - as above
        from rem_runtime.memory.errors import MemoryFault  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{error.name} is not installed; `rem dev` needs the extras: pip install 'rem[runtime,laptop]'"
        ) from error
    options = DevOptions(arguments.directory, host=arguments.host, port=arguments.port, tenant=arguments.tenant)
    try:
        await run_dev(options, Console(file=sys.stderr, highlight=False))
    except (LaptopError, StartError, MemoryFault) as error:
        raise ClientError(str(error)) from error
    return 0
