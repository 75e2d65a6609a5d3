"""The three tenants of the unit tests, in namespaces of a real cluster."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rem_local.cluster import LocalCluster
from rem_local.testing import fresh_namespace

UNIT = Path(__file__).parents[2] / "unit" / "operator" / "manifests" / "conftest.py"


@pytest.fixture(scope="session")
def tenants() -> Any:
    """The unit tests' own `Tenants`, loaded from their file: the same tenants are built and sent."""
    spec = importlib.util.spec_from_file_location("unit_manifests_tenants", UNIT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Tenants()


@pytest_asyncio.fixture(loop_scope="session")
async def restricted_namespace(cluster: LocalCluster) -> AsyncIterator[str]:
    """A namespace that refuses pods that do not meet Pod Security restricted, and warns about templates of such."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    async with fresh_namespace(cluster.kube, "restricted", labels=labels) as name:
        yield name
