"""The neighbours: stand-ins for the operators that a tenant needs beside ours, speaking their real kinds.

Each is a handful of level-triggered loops against the real API server. They say what they are in their logs, in events
and with the label rem.dev/stand-in on what they make; nothing that ships knows of them.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from rem_local.addresses import AddressBlock
from rem_local.kube import Kube
from rem_local.neighbours.cnpg import run_cnpg
from rem_local.neighbours.external_secrets import run_external_secrets
from rem_local.neighbours.keda import run_keda

__all__ = ["run_neighbours"]


async def run_neighbours(kube: Kube, *, block: AddressBlock, state_dir: Path, log_dir: Path) -> None:
    """Stand in for CloudNativePG, External Secrets and KEDA until cancelled. moto is started by who wants queues."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_cnpg(kube, block=block, state_dir=state_dir, log_dir=log_dir), name="cnpg")
        tasks.create_task(run_external_secrets(kube), name="external-secrets")
        tasks.create_task(run_keda(kube), name="keda")
