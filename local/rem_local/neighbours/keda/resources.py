"""The kinds of KEDA, and the strings that it puts on things."""

from __future__ import annotations

from rem_local.kube import Resource

SCALED_OBJECTS = Resource("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject")
TRIGGER_AUTHENTICATIONS = Resource("keda.sh", "v1alpha1", "triggerauthentications", "TriggerAuthentication")

NAME_LABEL = "scaledobject.keda.sh/name"
FINALIZER = "finalizer.keda.sh"
PAUSED = "autoscaling.keda.sh/paused"
PAUSED_REPLICAS = "autoscaling.keda.sh/paused-replicas"
