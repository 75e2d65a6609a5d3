"""The life of pods on the node, against a real API server, scheduler and controller-manager."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Any

import pytest

from rem_local.kube import CONFIGMAPS, DEPLOYMENTS, EVENTS, JOBS, LEASES, NODES, PODS, SECRETS
from rem_local.node import NODE_NAME

pytestmark = pytest.mark.cluster


def _condition(status: dict[str, Any], kind: str) -> str | None:
    return next((each["status"] for each in status.get("conditions", []) if each["type"] == kind), None)


def _ready(status: dict[str, Any]) -> bool:
    return _condition(status, "Ready") == "True"


def _container(status: dict[str, Any], kind: str = "containerStatuses") -> dict[str, Any]:
    return (status.get(kind) or [{"state": {}, "restartCount": 0, "lastState": {}}])[0]


def _waiting(status: dict[str, Any]) -> str:
    return _container(status)["state"].get("waiting", {}).get("reason", "")


def _http_probe(path: str, **more: Any) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": 1, **more}


PORTS = [{"name": "http", "containerPort": 8080}]


async def test_the_node_is_ready_and_its_lease_is_held(node):
    found = await node.kube.get(NODES, None, NODE_NAME)
    assert _condition(found["status"], "Ready") == "True"
    assert "taints" not in found["spec"]
    assert found["metadata"]["labels"]["kubernetes.io/os"] == "linux"

    async def held() -> bool:
        lease = await node.kube.get(LEASES, "kube-node-lease", NODE_NAME)
        return lease is not None and lease["spec"]["holderIdentity"] == NODE_NAME

    await node.eventually(held)


async def test_a_deployment_turns_available_with_an_address_for_each_pod(node):
    labels = {"app": "web"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [node.container(ports=PORTS, readinessProbe=_http_probe("/env"))]},
    }
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }
    began = time.monotonic()
    await node.kube.create(DEPLOYMENTS, node.namespace, body)
    await node.until(DEPLOYMENTS, "web", lambda each: each.get("status", {}).get("availableReplicas") == 2)
    assert time.monotonic() - began < 15
    pods = await node.kube.list(PODS, node.namespace, label_selector="app=web")
    assert len({pod["status"]["podIP"] for pod in pods}) == 2
    assert _condition(pods[0]["status"], "PodScheduled") == "True", "the scheduler's condition was lost"
    await node.kube.delete(DEPLOYMENTS, node.namespace, "web")
    for pod in pods:
        await node.until_gone(pod["metadata"]["name"])


async def test_the_environment_is_clean_and_speaks_of_paths_of_this_host(node):
    mounts = [{"name": "data", "mountPath": "/var/data"}, {"name": "tmp", "mountPath": "/tmp"}]
    env = [
        {"name": "FILE", "value": "/var/data/$(POD_NAME).txt"},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "AGAIN", "value": "$(POD_NAME):$$(POD_NAME):file:///var/data/x:/var/database"},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}},
    ]
    pod = await node.create_pod(
        "env",
        node.container(
            "serve",
            "--data=/var/data/$(POD_NAME)",
            env=env,
            ports=PORTS,
            volumeMounts=mounts,
            resources={"requests": {"cpu": "250m"}},
            readinessProbe={"tcpSocket": {"port": "http"}, "periodSeconds": 1},
        ),
        volumes=[{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
    )
    pod = await node.until_pod("env", _ready)
    seen = json.loads(await node.ask(pod, "/env"))
    volumes = node.state_dir / "pods" / f"env_{pod['metadata']['uid'][:8]}" / "volumes"
    assert seen["FILE"] == f"{volumes}/data/$(POD_NAME).txt", "a variable that is defined later is not expanded"
    assert seen["AGAIN"] == f"env:$(POD_NAME):file://{volumes}/data/x:/var/database"
    assert seen["CPU"] == "250"
    assert seen["TMPDIR"] == f"{volumes}/tmp"
    assert seen["POD_IP"] == pod["status"]["podIP"]
    assert (seen["FROM_IMAGE"], seen["LANG"]) == ("yes", "C.UTF-8")
    assert seen["KUBERNETES_SERVICE_PORT"] == "6443"
    inherited = set(os.environ) - {"PATH", "HOME", "LANG", "TMPDIR", "LC_CTYPE"}
    assert not inherited & set(seen), "the node's own environment leaked into the pod"
    argv = json.loads(await node.ask(pod, "/argv"))
    assert argv[2] == f"--data={volumes}/data/env"


async def test_a_changed_secret_reaches_the_mounted_file(node):
    await node.kube.create(SECRETS, node.namespace, {"metadata": {"name": "keys"}, "stringData": {"keys.json": "old"}})
    await node.create_pod(
        "reader",
        node.container(
            ports=PORTS,
            env=[{"name": "KEYS", "value": "/etc/rem/keys.json"}],
            volumeMounts=[{"name": "keys", "mountPath": "/etc/rem", "readOnly": True}],
            readinessProbe=_http_probe("/env"),
        ),
        volumes=[{"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o400}}],
    )
    pod = await node.until_pod("reader", _ready)
    path = json.loads(await node.ask(pod, "/env"))["KEYS"]
    assert await node.ask(pod, f"/file?path={path}") == "old"
    assert os.stat(path).st_mode & 0o777 == 0o400
    await node.kube.merge(SECRETS, node.namespace, "keys", {"stringData": {"keys.json": "new"}})

    async def is_new() -> bool:
        return await node.ask(pod, f"/file?path={path}") == "new"

    await node.eventually(is_new, within_seconds=5)


async def test_a_changed_label_reaches_the_downward_api_file(node):
    item = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    await node.create_pod(
        "labels",
        node.container(
            ports=PORTS,
            env=[{"name": "LABELS", "value": "/info/labels"}],
            volumeMounts=[{"name": "info", "mountPath": "/info"}],
            readinessProbe=_http_probe("/env"),
        ),
        volumes=[{"name": "info", "downwardAPI": {"items": [item]}}],
        metadata={"labels": {"a": "1"}},
    )
    pod = await node.until_pod("labels", _ready)
    path = json.loads(await node.ask(pod, "/env"))["LABELS"]
    assert await node.ask(pod, f"/file?path={path}") == 'a="1"'
    await node.kube.merge(PODS, node.namespace, "labels", {"metadata": {"labels": {"b": "2"}}})

    async def is_new() -> bool:
        return await node.ask(pod, f"/file?path={path}") == 'a="1"\nb="2"'

    await node.eventually(is_new, within_seconds=5)


async def test_a_container_waits_for_the_secret_that_its_environment_names(node):
    reference = {"secretKeyRef": {"name": "late", "key": "password"}}
    await node.create_pod("late", node.container(env=[{"name": "PASSWORD", "valueFrom": reference}]))
    status = (await node.until_pod("late", lambda s: _waiting(s) == "CreateContainerConfigError"))["status"]
    assert _container(status)["state"]["waiting"]["message"] == 'secret "late" not found'
    secret = {"metadata": {"name": "late"}, "stringData": {"other": "x"}}
    await node.kube.create(SECRETS, node.namespace, secret)
    await node.until_pod("late", lambda s: "couldn't find key password" in json.dumps(s))
    await node.kube.merge(SECRETS, node.namespace, "late", {"stringData": {"password": "x"}})
    await node.until_pod("late", _ready)


async def test_a_volume_waits_for_its_config_map(node):
    await node.create_pod(
        "mount",
        node.container(volumeMounts=[{"name": "conf", "mountPath": "/conf"}]),
        volumes=[{"name": "conf", "configMap": {"name": "conf"}}],
    )
    status = (await node.until_pod("mount", lambda s: "not found" in json.dumps(_container(s))))["status"]
    assert _waiting(status) == "ContainerCreating"
    assert _condition(status, "PodReadyToStartContainers") == "False"
    await node.kube.create(CONFIGMAPS, node.namespace, {"metadata": {"name": "conf"}, "data": {"a": "b"}})
    await node.until_pod("mount", _ready)


async def test_an_unknown_image_is_reported_as_a_kubelet_would(node):
    await node.create_pod("unknown", {"name": "main", "image": "registry.example/other:1"})
    await node.until_pod("unknown", lambda s: _waiting(s) == "ErrImagePull")
    status = (await node.until_pod("unknown", lambda s: _waiting(s) == "ImagePullBackOff"))["status"]
    assert status["phase"] == "Pending"
    assert "registry.example/tests/program" in _container(status)["state"]["waiting"]["message"]


async def test_init_containers_run_in_order_before_the_others(node):
    mounts = {"volumeMounts": [{"name": "work", "mountPath": "/scratch"}]}
    await node.create_pod(
        "inits",
        node.container("print", "$(cat)", **mounts),
        initContainers=[
            node.container("append", "/scratch/list", "first", name="one", **mounts),
            node.container("append", "/scratch/list", "second", name="two", **mounts),
        ],
        volumes=[{"name": "work", "emptyDir": {}}],
        restartPolicy="Never",
        metadata={"finalizers": ["rem.dev/test"]},
    )
    pod = await node.until_pod("inits", lambda s: s.get("phase") == "Succeeded")
    assert _condition(pod["status"], "Initialized") == "True"
    work = node.state_dir / "pods" / f"inits_{pod['metadata']['uid'][:8]}" / "volumes" / "work"
    assert (work / "list").read_text() == "first\nsecond\n"
    assert [each["ready"] for each in pod["status"]["initContainerStatuses"]] == [True, True]
    await node.kube.merge(PODS, node.namespace, "inits", {"metadata": {"finalizers": None}})


async def test_a_failed_init_container_fails_the_pod(node):
    await node.create_pod(
        "broken",
        node.container(),
        initContainers=[node.container("exit", "4", "no schema", name="init")],
        restartPolicy="Never",
    )
    status = (await node.until_pod("broken", lambda s: s.get("phase") == "Failed"))["status"]
    ended = _container(status, "initContainerStatuses")["state"]["terminated"]
    assert (ended["exitCode"], ended["message"]) == (4, "no schema")
    assert _waiting(status) == "PodInitializing"


async def test_a_sidecar_runs_beside_the_others_and_does_not_keep_the_pod(node):
    await node.create_pod(
        "sidecar",
        node.container("sleep", "1"),
        initContainers=[node.container("serve", name="side", restartPolicy="Always", ports=PORTS)],
        restartPolicy="Never",
    )
    await node.until_pod("sidecar", lambda s: _container(s)["state"].get("running"))
    status = (await node.until_pod("sidecar", lambda s: s.get("phase") == "Succeeded"))["status"]
    assert _container(status, "initContainerStatuses")["state"]["terminated"]["exitCode"] == 0


async def test_a_service_account_token_opens_the_api_server(node):
    directory = "/var/run/secrets/kubernetes.io/serviceaccount"
    await node.create_pod(
        "whoami",
        node.container("whoami", env=[{"name": "TOKEN_DIRECTORY", "value": directory}]),
        restartPolicy="Never",
    )
    status = (await node.until_pod("whoami", lambda s: s.get("phase") in ("Succeeded", "Failed")))["status"]
    account = f"system:serviceaccount:{node.namespace}:default in {node.namespace}"
    assert _container(status)["state"]["terminated"].get("message") == account, node.log("whoami")


async def test_a_liveness_failure_restarts_the_container(node):
    await node.create_pod(
        "sick",
        node.container(
            ports=PORTS,
            livenessProbe={
                "exec": {"command": ["/bin/sh", "-c", "test ! -e /scratch/sick"]},
                "periodSeconds": 1,
                "failureThreshold": 1,
            },
            startupProbe=_http_probe("/env", failureThreshold=30),
            env=[{"name": "SICK", "value": "/scratch/sick"}],
            volumeMounts=[{"name": "work", "mountPath": "/scratch"}],
        ),
        volumes=[{"name": "work", "emptyDir": {}}],
    )
    pod = await node.until_pod("sick", _ready)
    await node.ask(pod, f"/touch?path={json.loads(await node.ask(pod, '/env'))['SICK']}")
    await node.until_pod("sick", lambda s: _container(s)["restartCount"] >= 1)
    status = (await node.until_pod("sick", lambda s: _waiting(s) == "CrashLoopBackOff"))["status"]
    assert _container(status)["lastState"]["terminated"]["exitCode"] == 0


async def test_readiness_comes_and_goes_without_a_restart(node):
    await node.create_pod(
        "mood",
        node.container(
            ports=PORTS,
            startupProbe=_http_probe("/env", failureThreshold=30),
            readinessProbe={
                "exec": {"command": ["test", "!", "-e", "/scratch/busy"]},
                "periodSeconds": 1,
                "failureThreshold": 2,
            },
            env=[{"name": "BUSY", "value": "/scratch/busy"}],
            volumeMounts=[{"name": "work", "mountPath": "/scratch"}],
        ),
        volumes=[{"name": "work", "emptyDir": {}}],
    )
    pod = await node.until_pod("mood", _ready)
    path = json.loads(await node.ask(pod, "/env"))["BUSY"]
    await node.ask(pod, f"/touch?path={path}")
    await node.until_pod("mood", lambda s: not _ready(s))
    os.unlink(path)
    status = (await node.until_pod("mood", _ready))["status"]
    assert _container(status)["restartCount"] == 0


async def test_a_crash_loop_backs_off_and_keeps_the_last_state(node):
    await node.create_pod("crash", node.container("exit", "7"))
    check = lambda s: _waiting(s) == "CrashLoopBackOff" and _container(s)["restartCount"] >= 2  # noqa: E731
    status = (await node.until_pod("crash", check))["status"]
    container = _container(status)
    assert container["lastState"]["terminated"]["exitCode"] == 7
    assert container["state"]["waiting"]["message"].startswith("back-off 2s restarting failed container=main")
    assert status["phase"] == "Running"
    assert _condition(status, "Ready") == "False"


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
async def test_a_job_succeeds(node, policy):
    await _create_job(node, "good", node.container("exit", "0", "done: 3 tables"), policy)
    await node.until(JOBS, "good", lambda job: _condition(job.get("status", {}), "Complete") == "True")
    pod = (await node.kube.list(PODS, node.namespace, label_selector="job-name=good"))[0]
    ended = _container(pod["status"])["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (0, "Completed", "done: 3 tables")


async def test_a_job_that_fails_says_why(node):
    container = node.container("exit", "9", "destructive: column x")
    await _create_job(node, "bad", container, "Never")
    await node.until(JOBS, "bad", lambda job: _condition(job.get("status", {}), "Failed") == "True")
    pod = (await node.kube.list(PODS, node.namespace, label_selector="job-name=bad"))[0]
    ended = _container(pod["status"])["state"]["terminated"]
    assert (pod["status"]["phase"], ended["exitCode"], ended["message"]) == ("Failed", 9, "destructive: column x")


async def test_on_failure_starts_the_container_of_a_job_again(node):
    mounts = {"volumeMounts": [{"name": "work", "mountPath": "/scratch"}]}
    container = node.container("fail-once", "/scratch/marker", **mounts)
    await _create_job(node, "retry", container, "OnFailure", volumes=[{"name": "work", "emptyDir": {}}])
    await node.until(JOBS, "retry", lambda job: _condition(job.get("status", {}), "Complete") == "True")
    pod = (await node.kube.list(PODS, node.namespace, label_selector="job-name=retry"))[0]
    container_status = _container(pod["status"])
    assert container_status["restartCount"] == 1
    assert container_status["lastState"]["terminated"]["exitCode"] == 3


async def test_the_log_is_the_message_when_the_pod_wants_that(node):
    await node.create_pod(
        "fallback",
        node.container(
            "print",
            "it is broken",
            env=[{"name": "EXIT_CODE", "value": "2"}],
            terminationMessagePolicy="FallbackToLogsOnError",
        ),
        restartPolicy="Never",
    )
    status = (await node.until_pod("fallback", lambda s: s.get("phase") == "Failed"))["status"]
    assert _container(status)["state"]["terminated"]["message"] == "it is broken\n"


async def test_termination_runs_the_hook_then_sigterm_and_waits(node):
    hook = {"exec": {"command": ["/bin/sh", "-c", "echo hook > /scratch/hook; sleep 1"]}}
    await node.create_pod(
        "polite",
        node.container(
            ports=PORTS,
            readinessProbe=_http_probe("/env"),
            lifecycle={"preStop": hook},
            env=[{"name": "LAST_WORDS_SECONDS", "value": "1"}],
            volumeMounts=[{"name": "work", "mountPath": "/scratch"}],
        ),
        volumes=[{"name": "work", "emptyDir": {}}],
        terminationGracePeriodSeconds=10,
    )
    await node.until_pod("polite", _ready)
    began = time.monotonic()
    await node.kube.delete(PODS, node.namespace, "polite")
    await node.until_gone("polite")
    assert 2.0 <= time.monotonic() - began < 8
    assert node.log("polite") == "serving\nSIGTERM received\ngood-bye\n"


async def test_a_stubborn_container_is_killed_after_its_grace(node):
    await node.create_pod("stubborn", node.container("stubborn"), terminationGracePeriodSeconds=2)
    await node.until_pod("stubborn", _ready)

    async def prints() -> bool:
        return "running" in node.log("stubborn")

    await node.eventually(prints)
    began = time.monotonic()
    await node.kube.delete(PODS, node.namespace, "stubborn")
    await node.until_gone("stubborn")
    assert 1.5 <= time.monotonic() - began < 6
    assert node.log("stubborn") == "running\nnot yet\n"


async def test_a_pod_past_its_deadline_fails(node):
    await node.create_pod("slow", node.container("sleep", "600"), restartPolicy="Never", activeDeadlineSeconds=1)
    status = (await node.until_pod("slow", lambda s: s.get("phase") == "Failed"))["status"]
    assert status["reason"] == "DeadlineExceeded"


async def test_a_status_is_written_only_when_it_changes(node):
    await node.create_pod("quiet", node.container(ports=PORTS, readinessProbe=_http_probe("/env")))
    pod = await node.until_pod("quiet", _ready)
    await asyncio.sleep(3)
    again = await node.kube.get(PODS, node.namespace, "quiet")
    assert again["metadata"]["resourceVersion"] == pod["metadata"]["resourceVersion"]


async def test_events_tell_what_happened(node):
    await node.create_pod("told", {"name": "main", "image": "registry.example/other:1"})
    await node.until_pod("told", lambda s: _waiting(s) == "ImagePullBackOff")

    async def told() -> bool:
        events = await node.kube.list(EVENTS, node.namespace)
        return {"Failed", "BackOff"} <= {each["reason"] for each in events}

    await node.eventually(told)


async def _create_job(node, name: str, container: dict[str, Any], policy: str, **spec: Any) -> None:
    template = {"spec": {"containers": [container], "restartPolicy": policy, **spec}}
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0 if policy == "Never" else 3, "template": template},
    }
    await node.kube.create(JOBS, node.namespace, body)
