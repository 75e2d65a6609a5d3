"""What the builders really build, applied by the engine: after a restart of the operator not one call is made.

This is what keeps the table of defaults in `kube/subset.py` complete: a default that it does not know costs a call.
"""

import importlib.util
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rem_operator.kube.apply import apply_children

pytestmark = pytest.mark.cluster
UNIT = Path(__file__).parents[2] / "unit" / "operator" / "manifests" / "conftest.py"


@pytest.fixture(scope="session")
def tenants() -> Any:
    """The builders' own test tenants."""
    spec = importlib.util.spec_from_file_location("unit_manifests_tenants_for_the_engine", UNIT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Tenants()


@pytest.mark.parametrize("case", ["smallest", "fullest", "longest"])
@pytest.mark.parametrize("suspended", [False, True])
async def test_after_a_restart_no_call_is_made(bench: Any, tenants: Any, case: str, suspended: bool) -> None:
    t = tenants.inputs(case)
    owner = bench.owner if t.name == bench.owner.name else await bench.own(t.name)
    t = replace(t, namespace=bench.namespace, uid=owner.uid)
    children = tenants.children(t, suspended=suspended)
    first = await apply_children(bench.client, bench.index, owner, children)
    assert [outcome.error for outcome in first if outcome.error] == []
    assert {outcome.action for outcome in first} == {"created"}

    await bench.forget()
    calls: Counter[str] = Counter()
    bench.client._observe = lambda verb, status, seconds: calls.update([verb])
    second = await apply_children(bench.client, bench.index, owner, children)
    assert {outcome.action for outcome in second} == {"unchanged"}
    assert not calls
