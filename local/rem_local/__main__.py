"""`rem-local`: the cluster without containers from the command line."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rem_local.addresses import NoAddressesError
from rem_local.binaries import BinariesError, ensure_binaries
from rem_local.cluster import KubectlError, LocalCluster
from rem_local.control_plane import ControlPlaneError
from rem_local.crds import CrdsError
from rem_local.kube import KubeError
from rem_local.progress import Progress
from rem_local.state import StateError

EXPECTED_ERRORS = (
    BinariesError,
    ControlPlaneError,
    CrdsError,
    KubeError,
    KubectlError,
    NoAddressesError,
    StateError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0 also when `up` was stopped after it had come up."""
    options = _parser().parse_args(arguments)
    progress = Progress()
    try:
        asyncio.run(_run(options, progress))
    except (KeyboardInterrupt, asyncio.CancelledError):
        progress.say("Interrupted; everything is stopped.")
        return 130
    except EXPECTED_ERRORS as error:
        print(f"\nrem-local: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rem-local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start a cluster and keep it until Ctrl-C")
    up.add_argument("--state-dir", type=Path, help="keep logs and data here (default: a temporary directory)")
    up.add_argument("--bare", action="store_true", help="the control plane alone: no node, no neighbours")
    commands.add_parser("binaries", help="fetch or build the programs of the control plane")
    return parser


async def _run(options: argparse.Namespace, progress: Progress) -> None:
    task = asyncio.current_task()
    assert task is not None
    # A closed terminal and a polite kill clean up as Ctrl-C does.
    _on_signals(task.cancel)
    if options.command == "binaries":
        await _binaries(progress)
    else:
        await _up(options, progress)


def _on_signals(act: Callable[[], object]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, act)


async def _binaries(progress: Progress) -> None:
    binaries = await ensure_binaries(progress)
    progress.say(f"etcd               {binaries.etcd}")
    progress.say(f"Kubernetes         {binaries.kube_apiserver.parent}")


async def _up(options: argparse.Namespace, progress: Progress) -> None:
    parts = not options.bare
    async with LocalCluster.start(
        state_dir=options.state_dir, progress=progress, node=parts, neighbours=parts
    ) as cluster:
        if not options.bare:
            await cluster.install_own_crds()
        progress.heading("The cluster is up")
        progress.say(f"  export KUBECONFIG={cluster.kubeconfig}")
        progress.say(f"  kubectl            {cluster.kubectl_path}")
        progress.say(f"  logs               {cluster.log_dir}")
        progress.say("\nCtrl-C stops it and removes everything.")
        stopped = asyncio.Event()
        _on_signals(stopped.set)
        await stopped.wait()


if __name__ == "__main__":
    sys.exit(main())
