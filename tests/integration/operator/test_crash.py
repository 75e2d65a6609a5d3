"""Kill -9 at any point, start again: the same end state."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="session")]

# Seconds after the operator's start at which it is killed while a tenant comes up: while it lists, while it applies,
# while the schema runs, while the API starts.
MOMENTS = (0.6, 0.9, 1.2, 1.6, 2.2, 3.0)


async def test_killed_again_and_again_while_a_tenant_comes_up(tenants: Any, operator: Any) -> None:
    await operator.kill()
    await tenants.apply()
    for seconds in MOMENTS:
        await operator.start()
        await asyncio.sleep(seconds)
        await operator.kill()
    await operator.start()
    ready = await tenants.until_ready(seconds=90)
    await tenants.settled()
    children = await tenants.children()
    kinds = sorted(kind for kind, _ in children)
    assert kinds.count("Job") == 1
    assert kinds.count("Cluster") == 1
    assert kinds.count("Deployment") == 1
    assert ready["status"]["database"]["systemID"]


async def test_sigterm_ends_it_cleanly(operator: Any, tenants: Any) -> None:
    assert await operator.stop() == 0
    await operator.start()
