"""`make demo`: from an empty machine to an answered question, on a real control plane.

Owns the story: what is started, applied, asked and shown, in order. Every part that it shows is the real one or a
stand-in that says so; nothing is answered here. Must not be in it: how any part works.
"""

from __future__ import annotations

import asyncio
import copy
import os
import shlex
import signal
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rem_local.cluster import KubectlError, LocalCluster
from rem_local.kube import NAMESPACES, PODS, SECRETS, Object, Resource
from rem_local.neighbours.moto import Moto, start_moto
from rem_local.progress import Progress

_ROOT = Path(__file__).parents[2]
_ACME = _ROOT / "examples" / "acme"
_INSTALL = _ROOT / "manifests" / "operator"
_TENANT = _NAMESPACE = "acme"
_MANAGER = "rem-demo"
_READY_SECONDS = 90
_PLAIN_KEY = "-o go-template='{{index .data \"api-key\" | base64decode}}'"
_CLUSTER_SECRET_STORES = Resource(
    "external-secrets.io", "v1", "clustersecretstores", "ClusterSecretStore", namespaced=False
)


class DemoError(Exception):
    """The demo did not come to its end; the message says where to look."""


@dataclass(frozen=True, slots=True)
class Question:
    """One of `examples/acme/questions.yaml`: in plain words, in the dialect, and the labels that must be answered."""

    ask: str
    query: str
    expect: tuple[str, ...]


def demo_questions() -> list[Question]:
    """The three questions that are marked for the demo."""
    listed = yaml.safe_load((_ACME / "questions.yaml").read_text())["questions"]
    return [Question(q["ask"], q["query"], tuple(q["expect"])) for q in listed if q.get("demo")]


async def run_demo(progress: Progress) -> None:
    """Run it; on a terminal it stays until Ctrl-C, in a script it ends after the last answer."""
    started = time.monotonic()
    progress.heading("REM: a memory for AI agents, on Kubernetes")
    progress.say("Real: etcd, API server, controller-manager, scheduler, operator, runtime,")
    progress.say("PostgreSQL 18 with pgvector. Stand-ins, for this machine only: the node,")
    progress.say("CloudNativePG, External Secrets, KEDA, and moto for AWS.")
    progress.say()
    with progress.step("Embedding model: all-MiniLM-L6-v2") as step:
        await _program("python", "-m", "rem_runtime.memory.embedding.convert")
        step.result = "Embedding model ready: all-MiniLM-L6-v2, int8, in process"
    async with (
        LocalCluster.start(node=True, neighbours=True, progress=progress) as cluster,
        start_moto(cluster.block, log_dir=cluster.log_dir, queues=("acme-files",), buckets=("acme-files",)) as moto,
    ):
        await _install(cluster, progress)
        await _apply_acme(cluster, moto, progress)
        with _shown_waiting(progress) as step:
            await _wait_until_ready(cluster, step)
        progress.say()
        progress.say((await cluster.kubectl("get", "rt,ra,dc", "-n", _NAMESPACE)).rstrip())
        progress.say()
        client = await _client_environment(cluster)
        await _fill(client, progress)
        await _ask(client, progress)
        progress.heading(f"Three questions answered, {time.monotonic() - started:.0f} s after the start.")
        if sys.stdin.isatty() and progress.is_terminal:
            _show_how_to_go_on(cluster, client, progress)
            await _until_interrupted()
            progress.say("Stopping.")


async def _install(cluster: LocalCluster, progress: Progress) -> None:
    with progress.step("Operator") as step:
        await cluster.kubectl("apply", "--server-side", "-k", _INSTALL)
        step.update("waiting for its Deployment")
        await cluster.kubectl(
            "wait", "deployment/rem-operator", "-n", "rem-system", "--for=condition=Available", "--timeout=60s"
        )
        step.result = "Operator installed from manifests/operator, with the roles that it ships"


async def _apply_acme(cluster: LocalCluster, moto: Moto, progress: Progress) -> None:
    with progress.step("examples/acme") as step:
        await cluster.kube.apply(
            NAMESPACES,
            None,
            _NAMESPACE,
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": _NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
            },
            manager=_MANAGER,
        )
        await cluster.kube.apply(_CLUSTER_SECRET_STORES, None, "aws", _secret_store(), manager=_MANAGER)
        text = yaml.safe_dump_all(with_endpoints(_documents(), moto), sort_keys=False)
        await cluster.kubectl("apply", "--server-side", "-f", "-", stdin=text)
        step.result = "examples/acme applied: one RemTenant, two RemAgents, one DreamCycle"


def with_endpoints(documents: list[Object], moto: Moto) -> list[Object]:
    """The example with moto's addresses in place of AWS'; everything else is as it is in Git."""
    changed = copy.deepcopy(documents)
    for document in changed:
        if document["kind"] == "RemTenant":
            spec = document["spec"]
            queue = spec["fileProcessor"]["queue"]
            queue |= {"url": moto.queue_urls["acme-files"], "region": moto.region, "endpoint": moto.endpoint}
            spec["objectStorage"] |= {"region": moto.region, "endpoint": moto.endpoint}
    return changed


def _documents() -> list[Object]:
    files = sorted(_ACME.glob("*.yaml"))
    loaded = [document for path in files for document in yaml.safe_load_all(path.read_text())]
    return [document for document in loaded if document and "apiVersion" in document]


def _secret_store() -> Object:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ClusterSecretStore",
        "metadata": {"name": "aws"},
        # External Secrets' own provider for tests. The value is no key: no model is asked in this demo.
        "spec": {"provider": {"fake": {"data": [{"key": "acme/acme/openai", "value": "not-a-key"}]}}},
    }


@contextmanager
def _shown_waiting(progress: Progress) -> Iterator[Any]:
    with progress.step("kubectl wait rt/acme --for=condition=Ready") as step:
        yield step


async def _wait_until_ready(cluster: LocalCluster, step: Any) -> None:
    """`kubectl wait`, and meanwhile what the tenant says that it waits for."""
    waiting = asyncio.create_task(
        cluster.kubectl(
            "wait", f"rt/{_TENANT}", "-n", _NAMESPACE, "--for=condition=Ready", f"--timeout={_READY_SECONDS}s"
        )
    )
    reason = "jsonpath={.status.conditions[?(@.type=='Ready')].message}"
    try:
        while not waiting.done():
            said = await cluster.kubectl("get", f"rt/{_TENANT}", "-n", _NAMESPACE, "-o", reason)
            step.update(said or "the operator has not seen it yet")
            await asyncio.wait([waiting], timeout=0.5)
        await waiting
    except KubectlError as error:
        described = await cluster.kubectl("describe", f"rt/{_TENANT}", "-n", _NAMESPACE)
        raise DemoError(f"the tenant did not become Ready: {error}\n{described}") from error
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    step.result = "Tenant is Ready (kubectl wait rt/acme --for=condition=Ready)"


async def _client_environment(cluster: LocalCluster) -> dict[str, str]:
    """Address and key of the tenant's own API, as a person would find them with kubectl."""
    pods = await cluster.kube.list(PODS, _NAMESPACE, label_selector=f"rem.dev/tenant={_TENANT},rem.dev/component=api")
    ready = [pod for pod in pods if _is_ready(pod)]
    if not ready:
        raise DemoError(f"no API pod is ready; see the logs in {cluster.log_dir}")
    secret = await cluster.kube.get(SECRETS, _NAMESPACE, f"{_TENANT}-api-key")
    if secret is None:
        raise DemoError(f"Secret {_TENANT}-api-key is gone")
    key = await cluster.kubectl(
        "get",
        "secret",
        f"{_TENANT}-api-key",
        "-n",
        _NAMESPACE,
        "-o",
        'go-template={{index .data "api-key" | base64decode}}',
    )
    return {"REM_URL": f"http://{ready[0]['status']['podIP']}:8000", "REM_API_KEY": key}


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


async def _fill(client: dict[str, str], progress: Progress) -> None:
    corpus = _ACME / "corpus"
    with progress.step("rem ingest examples/acme/corpus") as step:
        said = await _program("rem", "ingest", str(corpus), environment=client)
        step.result = f"rem ingest examples/acme/corpus: {said.strip().splitlines()[-1].strip()}"


async def _ask(client: dict[str, str], progress: Progress) -> None:
    for question in demo_questions():
        progress.heading(question.ask)
        progress.say(f"$ rem ask {_quoted(question.query)}")
        width = {"COLUMNS": str(min(progress.console.width, 100))}
        said = await _program("rem", "ask", question.query, environment=client | width)
        progress.say(said.rstrip())
        missing = [label for label in question.expect if label not in said]
        if missing:
            raise DemoError(f"the answer does not have {', '.join(missing)}")


def _quoted(text: str) -> str:
    """As a person would type it: double quotes around an apostrophe where nothing else in it means anything there."""
    return f'"{text}"' if "'" in text and not set(text) & set('"$`\\!') else shlex.quote(text)


def _show_how_to_go_on(cluster: LocalCluster, client: dict[str, str], progress: Progress) -> None:
    progress.say("It runs until Ctrl-C. Go on in another terminal:")
    progress.say()
    progress.say(f"  export KUBECONFIG={cluster.kubeconfig}")
    progress.say(f"  export PATH={cluster.kubectl_path.parent}:{sysconfig.get_path('scripts')}:$PATH")
    progress.say(f"  export REM_URL={client['REM_URL']}")
    progress.say(f"  export REM_API_KEY=$(kubectl get secret acme-api-key -n acme {_PLAIN_KEY})")
    progress.say()
    progress.say("  kubectl get rt,ra,dc -A -o wide")
    progress.say("  kubectl describe rt/acme -n acme")
    progress.say("  rem ask 'who decided on the new queue?'")
    progress.say('  curl -H "Authorization: Bearer $REM_API_KEY" $REM_URL/api/v1/openapi.json')
    progress.say(f"  ls {cluster.log_dir}    # what every pod and program says")
    progress.say()


async def _program(name: str, *args: str, environment: dict[str, str] | None = None) -> str:
    """What one of this project's programs prints; DemoError with its error output when it fails."""
    process = await asyncio.create_subprocess_exec(
        Path(sysconfig.get_path("scripts")) / name,
        *args,
        env={**os.environ, **(environment or {})},
        start_new_session=True,  # Ctrl-C is for us alone; we end what we have started
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise DemoError(f"`{name} {' '.join(args)}` failed:\n{errors.decode() or output.decode()}")
    return output.decode()


async def _until_interrupted() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def main() -> None:
    """The demo's exit code: 0 when every question was answered, 1 when not, 130 after Ctrl-C."""
    progress = Progress()
    # A supervisor's SIGTERM ends it as Ctrl-C does: everything is stopped, the terminal is as it was.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        asyncio.run(run_demo(progress))
    except KeyboardInterrupt:
        progress.say("Stopped.")
        sys.exit(130)
    except DemoError as error:
        progress.say(f"\nThe demo failed: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
