"""Rows of `node` with their edges become models. The only place that knows how a model's fields lie in the row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from rem_runtime.memory.models import NODE_MODELS, CoreModel, Node, NodeModel
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "nodes.sql")

_SYSTEM = frozenset({*CoreModel.model_fields, *NodeModel.model_fields, "kind"})
_PLAIN = ("id", "tenant_id", "kind", "key", "label", "metadata", "version", "created_at", "updated_at", "deleted_at")


def _own_columns(model: type[NodeModel]) -> dict[str, str]:
    """The model's own fields that have a column, by that column."""
    extras = {name: field.json_schema_extra for name, field in model.model_fields.items() if name not in _SYSTEM}
    return {
        name: str(extra["column"]) for name, extra in extras.items() if isinstance(extra, dict) and "column" in extra
    }


_COLUMNS = {kind: _own_columns(model) for kind, model in NODE_MODELS.items()}


async def fetch_nodes(conn: asyncpg.Connection | asyncpg.Pool, user: str, ids: Sequence[UUID]) -> dict[UUID, Node]:
    """The nodes of these ids that the user may see."""
    rows = await conn.fetch(SQL["nodes_by_id"], user, list(ids)) if ids else []
    return {row["id"]: node_of(row) for row in rows}


def node_of(row: Mapping[str, Any]) -> Node:
    """One row as its model."""
    kind = row["kind"]
    fields = dict(row["data"])
    for name, column in _COLUMNS[kind].items():
        value = row[column]
        fields[name] = value.hex() if isinstance(value, bytes) else value
    for name in _PLAIN:
        fields[name] = row[name]
    fields["tags"] = row["tags"]
    fields["user_id"] = row["owner"] or None
    fields["graph_edges"] = [_edge(edge) for edge in row["edges"] or ()]
    return NODE_MODELS[kind].model_validate(fields)


def _edge(parts: list[Any]) -> dict[str, Any]:
    dst, rel, kind, weight, properties, since, until = parts
    valid = {"since": since, "until": until} if since or until else None
    return {
        "dst": dst,
        "rel_type": rel,
        "dst_kind": kind or None,
        "weight": weight,
        "properties": properties,
        "valid": valid,
    }
