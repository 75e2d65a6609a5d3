"""`rem-operator`: settings → Deps → run.

The composition root: it names the reconciler of each kind. Nothing else belongs here.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from rem_operator import engine
from rem_operator.kube.access import AccessError
from rem_operator.kube.resources import DREAM_CYCLES, REM_AGENTS, REM_TENANTS
from rem_operator.logs import set_up_logs
from rem_operator.reconcile.pending import report_pending
from rem_operator.reconcile.tenant import reconcile_tenant
from rem_operator.settings import Settings

RECONCILERS: dict[str, engine.Reconcile] = {
    REM_TENANTS.kind: reconcile_tenant,
    REM_AGENTS.kind: report_pending,
    DREAM_CYCLES.kind: report_pending,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the operator; settings come from the environment."""
    parser = argparse.ArgumentParser(prog="rem-operator", description="The REM operator for Kubernetes.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="watch and reconcile until SIGTERM")
    parser.parse_args(argv)
    try:
        settings = Settings()
        settings.access()
    except (ValidationError, AccessError) as error:
        print(f"rem-operator: {error}", file=sys.stderr)  # noqa: T201 - before there is a logger
        return 2
    set_up_logs(settings.log.level)
    asyncio.run(engine.run(settings, RECONCILERS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
