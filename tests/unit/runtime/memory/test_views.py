"""Views and models agree: what the generated SQL shows is what the model says."""

from __future__ import annotations

import asyncpg
import pytest

from rem_runtime.memory.ingest import EntityInput
from rem_runtime.memory.models import NODE_MODELS, CoreModel, InlineEdge, NodeModel
from rem_runtime.memory.schema.views import VIEW_NAMES
from rem_runtime.memory.store import Memory

from .conftest import ADMIN, ANN, Remember, TenantDatabase

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("kind", NODE_MODELS)
async def test_a_view_has_the_fields_of_its_model(kind: str, superuser: asyncpg.Connection) -> None:
    columns = await superuser.fetch(
        "select column_name::text from information_schema.columns where table_name = $1", VIEW_NAMES[kind]
    )
    assert {row["column_name"] for row in columns} == set(NODE_MODELS[kind].model_fields) - {"kind"}


def test_system_fields_are_the_core_models_alone() -> None:
    for model in NODE_MODELS.values():
        own = {
            name
            for base in model.__mro__
            if base not in {CoreModel, NodeModel}
            for name in vars(base).get("__annotations__", {})
        }
        assert not own & set(CoreModel.model_fields) - set(vars(CoreModel.__base__).get("__annotations__", {}))


async def test_values_come_out_as_they_went_in(memory: Memory, remember: Remember, schema: TenantDatabase) -> None:
    await remember("a.md", "---\ndate: 2026-03-04\nleads: [Ann]\n---\n# A title\n")
    await memory.put_entity(
        EntityInput(label="Ann", type="person", graph_edges=(InlineEdge(dst="x", rel_type="knows"),)), ANN
    )
    connection = await asyncpg.connect(schema.sql_dsn)
    resource = await connection.fetchrow("select uri, label, related_entities, graph_edges, user_id from resources")
    assert resource is not None
    assert tuple(resource)[:3] == ("a.md", "A title", ["Ann"])
    assert '"leads"' in resource["graph_edges"]
    assert resource["user_id"] is None
    assert await connection.fetch("select label from entities") == []
    async with connection.transaction():
        await connection.execute("set local rem.\"user\" = 'ann'")
        assert [tuple(row) for row in await connection.fetch("select label, type, user_id from entities")] == [
            ("Ann", "person", "ann")
        ]
    await connection.close()
    assert (await memory.list_resources(ADMIN)).items[0].related_entities == ("Ann",)
