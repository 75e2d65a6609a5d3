"""The one child whose absence is believed only after the API server was asked: the Cluster of a known database.

The watch sees what carries our label. A Cluster whose label somebody took off, or whose kind has only just come back,
is not in the index, and it must not be taken for lost.
"""

from __future__ import annotations

import dataclasses

from rem_operator import names
from rem_operator.kube.client import KubeClient
from rem_operator.kube.errors import NotFound
from rem_operator.kube.index import seen
from rem_operator.kube.resources import CLUSTERS
from rem_operator.reconcile.facts import TenantFacts


async def with_second_look(client: KubeClient, facts: TenantFacts) -> TenantFacts:
    """The same facts, with the Cluster if there is one after all. No request unless a known database seems to be gone.

    Raises KubeError when the API server cannot tell.
    """
    name = names.name_of_cluster(facts.name)
    is_known = facts.recorded_system_id is not None and CLUSTERS not in facts.unserved
    if not is_known or facts.child(CLUSTERS, name) is not None:
        return facts
    try:
        found = seen(CLUSTERS, await client.get(CLUSTERS, facts.namespace, name))
    except NotFound:
        return facts
    return dataclasses.replace(facts, children={**facts.children, (CLUSTERS, name): found})
