"""A stand-in for KEDA: ScaledObject and TriggerAuthentication with the trigger aws-sqs-queue.

The real one makes a HorizontalPodAutoscaler `keda-hpa-<name>` and serves it metrics; this one scales the target
directly through its `scale` subresource, also above one replica (see `scaling` for what else differs). Not here: other
triggers, fallback, scaling modifiers, ScaledJob.
"""

from __future__ import annotations

import logging

from rem_local.kube import Kube
from rem_local.neighbours.keda.reconcile import ScaledObjectReconciler
from rem_local.neighbours.keda.resources import SCALED_OBJECTS
from rem_local.neighbours.loop import Loop
from rem_local.neighbours.objects import Recorder

__all__ = ["run_keda"]


async def run_keda(kube: Kube) -> None:
    """Stand in for KEDA until cancelled."""
    log = logging.getLogger(__name__)
    log.info("this is a stand-in for KEDA: it knows the trigger aws-sqs-queue and scales without an HPA")
    loop = Loop(kube, log)
    loop.own(SCALED_OBJECTS, ScaledObjectReconciler(kube, Recorder(kube, "keda-stand-in"), log).reconcile)
    await loop.run()
