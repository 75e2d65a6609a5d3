"""Version v1alpha1 of the three kinds: RemTenant, RemAgent, DreamCycle."""

from __future__ import annotations

from .agent import AgentResource, AgentSchema, RemAgent, RemAgentSpec, RemAgentStatus, Tool
from .conditions import Condition
from .dream import DreamCycle, DreamCycleSpec, DreamCycleStatus
from .effective import EffectiveTenant, effective_tenant
from .fields import parse_duration
from .metadata import ObjectMeta
from .tenant import RemTenant, RemTenantSpec
from .tenant_status import RemTenantStatus

__all__ = [
    "AgentResource",
    "AgentSchema",
    "Condition",
    "DreamCycle",
    "DreamCycleSpec",
    "DreamCycleStatus",
    "EffectiveTenant",
    "ObjectMeta",
    "RemAgent",
    "RemAgentSpec",
    "RemAgentStatus",
    "RemTenant",
    "RemTenantSpec",
    "RemTenantStatus",
    "Tool",
    "effective_tenant",
    "parse_duration",
]
