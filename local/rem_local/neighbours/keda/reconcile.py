"""Reconciles a ScaledObject: asks its triggers, scales its target, says so in its status."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from logging import Logger
from typing import Any

from rem_local.kube import DEPLOYMENTS, SECRETS, STATEFUL_SETS, Kube, Object, Resource
from rem_local.neighbours.keda.resources import (
    FINALIZER,
    NAME_LABEL,
    PAUSED,
    PAUSED_REPLICAS,
    SCALED_OBJECTS,
    TRIGGER_AUTHENTICATIONS,
)
from rem_local.neighbours.keda.scaling import Bounds, InvalidScaledObjectError, Reading, bounds_of, desired_replicas
from rem_local.neighbours.keda.sqs import SqsTrigger, TriggerError, parse_trigger, queue_length
from rem_local.neighbours.objects import Recorder, condition, now, parse_time, set_finalizer, write_status

_TARGETS = {"Deployment": DEPLOYMENTS, "StatefulSet": STATEFUL_SETS}
_CHECK_SECONDS = 2.0  # for a target that is not there
_READY = condition("Ready", "True", "ScaledObjectReady", "ScaledObject is defined correctly and is ready for scaling")
_NO_FALLBACK = condition("Fallback", "False", "NoFallbackFound", "No fallbacks are active on this scaled object")
_ACTIVE = condition("Active", "True", "ScalerActive", "Scaling is performed because triggers are active")
_NOT_ACTIVE = condition(
    "Active", "False", "ScalerNotActive", "Scaling is not performed because triggers are not active"
)
_TRIGGER_ERROR = condition(
    "Ready", "False", "TriggerError", "Triggers defined in ScaledObject are not working correctly"
)
_PAUSED = condition("Paused", "True", "ScaledObjectPaused", "ScaledObject is paused")
_NOT_PAUSED = condition("Paused", "False", "ScaledObjectUnpaused", "pause annotation removed for ScaledObject")


class TargetError(Exception):
    """The scale target cannot be found."""


class ScaledObjectReconciler:
    """`reconcile` is the whole interface."""

    def __init__(self, kube: Kube, recorder: Recorder, log: Logger) -> None:
        self._kube = kube
        self._recorder = recorder
        self._log = log

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Scale one target, once; asks for the next time after the polling interval."""
        scaled = await self._kube.get(SCALED_OBJECTS, namespace, name)
        if scaled is None:
            return None
        if scaled["metadata"].get("deletionTimestamp"):
            await self._finalize(scaled)
            return None
        if (scaled["metadata"].get("labels") or {}).get(NAME_LABEL) != name:
            await self._kube.merge(SCALED_OBJECTS, namespace, name, {"metadata": {"labels": {NAME_LABEL: name}}})
            return 0.0
        await set_finalizer(self._kube, SCALED_OBJECTS, scaled, FINALIZER, present=True)
        try:
            bounds = bounds_of(scaled["spec"])
            resource, target = await self._target(scaled)
        except (InvalidScaledObjectError, TargetError) as error:
            return await self._refuse(scaled, str(error))
        if (pause := _pause_of(scaled)) is not None:
            return await self._pause(scaled, resource, target, pause)
        return await self._poll(scaled, bounds, resource, target)

    async def _poll(self, scaled: Object, bounds: Bounds, resource: Resource, target: Object) -> float:
        try:
            readings = [await self._read(scaled, trigger) for trigger in scaled["spec"]["triggers"]]
        except TriggerError as error:
            await self._recorder.record(scaled, "Warning", "KEDAScalerFailed", str(error))
            await self._write(scaled, [_TRIGGER_ERROR, _NOT_ACTIVE, _NO_FALLBACK, _NOT_PAUSED], _seen(scaled, target))
            return bounds.polling_seconds
        active = any(reading.active for reading in readings)
        status = scaled.get("status") or {}
        last_active = parse_time(status["lastActiveTime"]) if status.get("lastActiveTime") else None
        wanted = desired_replicas(
            bounds, readings, current=_replicas(target), last_active=last_active, now=datetime.now(UTC)
        )
        await self._scale(scaled, resource, target, wanted)
        fields = _seen(scaled, target) | ({"lastActiveTime": now()} if active else {})
        await self._write(scaled, [_READY, _ACTIVE if active else _NOT_ACTIVE, _NO_FALLBACK, _NOT_PAUSED], fields)
        return bounds.polling_seconds

    async def _target(self, scaled: Object) -> tuple[Resource, Object]:
        ref = scaled["spec"]["scaleTargetRef"]
        resource = _TARGETS.get(ref.get("kind") or "Deployment")
        if resource is None:
            raise TargetError(f"the stand-in scales Deployments and StatefulSets, not {ref['kind']}")
        target = await self._kube.get(resource, scaled["metadata"]["namespace"], ref["name"])
        if target is None:
            raise TargetError(
                "ScaledObject doesn't have correct scaleTargetRef specification: "
                f'{resource.plural}.{resource.group} "{ref["name"]}" not found'
            )
        return resource, target

    async def _refuse(self, scaled: Object, message: str) -> float:
        await self._recorder.record(scaled, "Warning", "ScaledObjectCheckFailed", message)
        failed = condition("Ready", "False", "ScaledObjectCheckFailed", message)
        # The real one spells it like this.
        unknown = condition("Active", "Unknown", "UnkownState", "ScaledObject check failed")
        await self._write(scaled, [failed, unknown, _NO_FALLBACK, _NOT_PAUSED], {})
        return _CHECK_SECONDS

    async def _pause(self, scaled: Object, resource: Resource, target: Object, replicas: int) -> float:
        fields = _seen(scaled, target)
        if replicas >= 0:
            await self._scale(scaled, resource, target, replicas)
            fields["pausedReplicaCount"] = replicas
        await self._write(scaled, [_READY, _NOT_ACTIVE, _NO_FALLBACK, _PAUSED], fields)
        return _CHECK_SECONDS

    async def _read(self, scaled: Object, trigger: Object) -> Reading:
        parsed = parse_trigger(trigger)
        length = await queue_length(parsed, await self._credentials(scaled, trigger))
        return Reading(length=length, target=parsed.target, activation=parsed.activation)

    async def _credentials(self, scaled: Object, trigger: Object) -> tuple[str, str] | None:
        """The access key of the TriggerAuthentication; None when KEDA's own identity is to be used."""
        ref = trigger.get("authenticationRef")
        if not ref:
            return None
        namespace = scaled["metadata"]["namespace"]
        if ref.get("kind", TRIGGER_AUTHENTICATIONS.kind) != TRIGGER_AUTHENTICATIONS.kind:
            raise TriggerError(f"the stand-in does not know {ref['kind']}")
        found = await self._kube.get(TRIGGER_AUTHENTICATIONS, namespace, ref["name"])
        if found is None:
            raise TriggerError(f'error getting triggerAuth: triggerauthentications.keda.sh "{ref["name"]}" not found')
        values = {}
        for item in found["spec"].get("secretTargetRef") or ():
            secret = await self._kube.get(SECRETS, namespace, item["name"])
            encoded = ((secret or {}).get("data") or {}).get(item["key"])
            if encoded is None:
                raise TriggerError(f"error getting {item['parameter']}: no key {item['key']} in Secret {item['name']}")
            values[item["parameter"]] = base64.b64decode(encoded).decode()
        if not values:
            return None
        if missing := {"awsAccessKeyID", "awsSecretAccessKey"} - set(values):
            raise TriggerError(f"error parsing SQS queue metadata: {sorted(missing)[0]} not found")
        return values["awsAccessKeyID"], values["awsSecretAccessKey"]

    async def _scale(self, scaled: Object, resource: Resource, target: Object, replicas: int) -> None:
        if _replicas(target) == replicas:
            return
        metadata = target["metadata"]
        patch = {"spec": {"replicas": replicas}}
        await self._kube.merge(resource, metadata["namespace"], metadata["name"], patch, subresource="scale")
        change = f"{resource.kind} {metadata['name']} from {_replicas(target)} to {replicas}"
        await self._recorder.record(scaled, "Normal", "KEDAScaleTargetScaled", f"Scaled {change} (stand-in: no HPA)")
        self._log.info(
            "scaled: target=%s/%s from=%d to=%d", metadata["namespace"], metadata["name"], _replicas(target), replicas
        )

    async def _finalize(self, scaled: Object) -> None:
        advanced = scaled["spec"].get("advanced") or {}
        original = (scaled.get("status") or {}).get("originalReplicaCount")
        if advanced.get("restoreToOriginalReplicaCount") and original is not None:
            try:
                await self._scale(scaled, *await self._target(scaled), original)
            except TargetError as error:
                self._log.info("nothing to restore: scaledobject=%s error=%s", scaled["metadata"]["name"], error)
        await set_finalizer(self._kube, SCALED_OBJECTS, scaled, FINALIZER, present=False)

    async def _write(self, scaled: Object, conditions: list[Object], fields: dict[str, Any]) -> None:
        desired = {"conditions": conditions, "pausedReplicaCount": None, **fields}
        await write_status(self._kube, SCALED_OBJECTS, scaled, desired)


def _pause_of(scaled: Object) -> int | None:
    """How many replicas a pause asks for: -1 for as many as there are, None for no pause."""
    annotations = scaled["metadata"].get("annotations") or {}
    replicas = annotations.get(PAUSED_REPLICAS)
    if replicas is not None and replicas.isdigit():
        return int(replicas)
    return -1 if annotations.get(PAUSED) == "true" else None


def _replicas(target: Object) -> int:
    return int(target["spec"].get("replicas", 1))


def _seen(scaled: Object, target: Object) -> dict[str, Any]:
    """What KEDA notes about the object once its target is found."""
    kind = target["kind"]
    triggers = scaled["spec"]["triggers"]
    status = scaled.get("status") or {}
    return {
        "hpaName": f"keda-hpa-{scaled['metadata']['name']}",
        "scaleTargetKind": f"apps/v1.{kind}",
        "scaleTargetGVKR": {"group": "apps", "version": "v1", "kind": kind, "resource": _TARGETS[kind].plural},
        "originalReplicaCount": status.get("originalReplicaCount", _replicas(target)),
        "externalMetricNames": [f"s{index}-aws-sqs-{name}" for index, name in enumerate(_queue_names(triggers))],
        "triggersTypes": ",".join(sorted({trigger["type"] for trigger in triggers})),
    }


def _queue_names(triggers: list[Object]) -> list[str]:
    names = []
    for trigger in triggers:
        try:
            parsed: SqsTrigger = parse_trigger(trigger)
        except TriggerError:
            continue  # it is reported where it is read
        names.append(parsed.queue_name)
    return names
