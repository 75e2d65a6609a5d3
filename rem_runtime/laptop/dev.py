"""`rem dev DIR`: a tenant without a cluster. The same YAML, an embedded PostgreSQL, and the API, by one command.

What is stored stays under `DIR/.rem/`. Owns what the person at the terminal sees; serving is `app`'s, as in a pod.
"""

from __future__ import annotations

import errno
import logging
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rem_crds.handoff import DATABASE_NAME, PATH_PREFIX, ROLE_APP, ROLE_OWNER, ROLE_SQL
from rem_runtime.app import serve_api
from rem_runtime.errors import ListenError
from rem_runtime.laptop.claim import Claim
from rem_runtime.laptop.database import Credentials, prepare_database
from rem_runtime.laptop.declared import Declared, read_directory
from rem_runtime.laptop.errors import LaptopError
from rem_runtime.laptop.meaning import without_meaning
from rem_runtime.laptop.postgres import EmbeddedPostgres
from rem_runtime.logging import configure_logging
from rem_runtime.schema_job import run_schema_apply
from rem_runtime.serving import listen
from rem_runtime.settings import Settings, get_settings

log = logging.getLogger(__name__)

_STATE_DIRECTORY = ".rem"


@dataclass(frozen=True, slots=True)
class DevOptions:
    """What the command line says."""

    directory: Path
    host: str = "127.0.0.1"
    port: int = 8000
    tenant: str | None = None


async def run_dev(options: DevOptions, console: Console) -> None:
    """Serve the directory's tenant until SIGTERM or SIGINT; raises LaptopError, StartError or MemoryFault."""
    started = time.perf_counter()
    declared = read_directory(options.directory, tenant=options.tenant)
    settings = get_settings()
    state = options.directory / _STATE_DIRECTORY
    if state.is_dir():
        Claim(state).close()  # that this directory is served says more than that its port is taken
    _try_address(options)
    _make_state_directory(state)
    with Claim(state) as claim:
        try:
            _show_declared(console, declared, options.directory)
            configure_logging(settings.log.level, file=state / "api.log")
            await _serve(options, settings, declared, claim, console, started=started)
        except OSError as error:
            raise _explained(error, state) from error
    console.print("stopped; the data is kept", style="dim")


async def _serve(
    options: DevOptions, settings: Settings, declared: Declared, claim: Claim, console: Console, *, started: float
) -> None:
    state = options.directory / _STATE_DIRECTORY
    server = EmbeddedPostgres(state / "postgres", port=0)

    def ready(url: str) -> None:
        claim.tell(url=url, postgres_port=server.port)
        _show_ready(console, url, state, seconds=time.perf_counter() - started)

    async with server:
        credentials = await prepare_database(server, state)
        await run_schema_apply(_with_database(settings, server, credentials, declared=declared, as_owner=True))
        served = _with_database(settings, server, credentials, declared=declared, as_owner=False)
        served = served.model_copy(
            update={
                "api": settings.api.model_copy(update={"host": options.host, "port": options.port}),
                "metrics": settings.metrics.model_copy(update={"port": 0}),
            }
        )
        try:
            await serve_api(served, listening=ready)
        except ListenError as error:
            raise _not_listening(options, error) from error
        finally:
            claim.close()  # the next one may begin: it waits for this PostgreSQL by itself


def _try_address(options: DevOptions) -> None:
    """Before anything is made: what cannot be listened on leaves nothing behind."""
    try:
        listen(options.host, options.port, group="API").close()
    except ListenError as error:
        raise _not_listening(options, error) from error


def _not_listening(options: DevOptions, error: ListenError) -> LaptopError:
    cause = error.__cause__
    number = cause.errno if isinstance(cause, OSError) else None
    if number == errno.EADDRNOTAVAIL or isinstance(cause, socket.gaierror):
        return LaptopError(
            f"{options.host} is no address of this machine; --host takes one of its own: 127.0.0.1 (only from here) "
            "or 0.0.0.0 (from everywhere)"
        )
    if number == errno.EACCES:
        return LaptopError(f"port {options.port} is only for root; choose one from 1024 with --port")
    why = "is another `rem dev` running?" if number == errno.EADDRINUSE else f"{cause}."
    return LaptopError(f"{options.host}:{options.port} cannot be listened on; {why} Choose a port with --port")


def _explained(error: OSError, state: Path) -> Exception:
    """What to do about a file of ours that is not what it was; any other error stays what it is."""
    if error.filename is None or state.absolute() not in Path(error.filename).absolute().parents:
        return error
    return LaptopError(
        f"{error.filename}: {error.strerror}; `rem dev` keeps its data there: put that right, or remove {state} to "
        "begin anew, without what is stored"
    )


def _make_state_directory(state: Path) -> None:
    try:
        state.mkdir(exist_ok=True)
        (state / ".gitignore").write_text("*\n")
    except OSError as error:
        raise LaptopError(f"{state} cannot be written: {error.strerror}; the data is kept there") from error


def _with_database(
    settings: Settings, server: EmbeddedPostgres, credentials: Credentials, *, declared: Declared, as_owner: bool
) -> Settings:
    """The settings of one process of the tenant: of its schema Job, or of its API."""
    user, password = (ROLE_OWNER, credentials.owner) if as_owner else (ROLE_APP, credentials.app)
    llm = declared.tenant.spec.llm if declared.tenant else None
    groups: dict[str, dict[str, object]] = {
        "tenant": {"name": declared.name},
        "postgres": {
            "host": server.host,
            "port": server.port,
            "database": DATABASE_NAME,
            "user": user,
            "password": password,
            **({} if as_owner else {"sql_user": ROLE_SQL, "sql_password": credentials.sql}),
        },
        "embedding": _stated(llm.embedding.model_dump() if llm and llm.embedding else {}),
        "llm": _stated({"default_model": llm.default_model if llm else None}),
    }
    update = {
        name: type(getattr(settings, name)).model_validate({**getattr(settings, name).model_dump(), **values})
        for name, values in groups.items()
    }
    return settings.model_copy(update=update)


def _stated(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _show_declared(console: Console, declared: Declared, directory: Path) -> None:
    if declared.tenant is None:
        console.print(f"{directory} declares no RemTenant; serving an empty tenant named {declared.name}")
    parts = [f"tenant [bold]{declared.name}[/bold]"]
    parts += [_counted(len(declared.agents), "agent")] if declared.agents else []
    parts += [_counted(len(declared.dreams), "dream cycle")] if declared.dreams else []
    console.print(", ".join(parts))
    if declared.agents or declared.dreams:
        console.print("agents and dreams are checked, but not run by this version", style="dim")
    if declared.elsewhere:
        console.print(f"left out: {', '.join(declared.elsewhere)}", style="dim")
    for line in declared.doubtful:
        console.print(line, style="yellow", markup=False)
    if unused := without_meaning(declared.stated):
        console.print(f"no meaning on a laptop: {', '.join(unused)}", style="dim")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _show_ready(console: Console, url: str, state: Path, *, seconds: float) -> None:
    console.print()
    console.print(f"[green]ready[/green] after {seconds:.1f} s, until Ctrl-C", highlight=False)
    console.print(f"  API    {url}{PATH_PREFIX}", highlight=False)
    console.print(f"  docs   {url}{PATH_PREFIX}/docs", highlight=False)
    console.print(f"  data   {state}", highlight=False)
    console.print()
    console.print("in another terminal:  rem ingest FOLDER   and   rem ask 'a question'", style="dim")
    log.info("dev ready", extra={"url": url, "seconds": round(seconds, 2)})
