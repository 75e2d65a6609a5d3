"""Rows of `node` with their edges become models. The only place that knows how a model's fields lie in the row.

A row has the columns of `node`, `data` and `metadata` as text (this null where it is empty), and the edges as arrays
in one order: `edge_dst`, `edge_rel`, `edge_kind`, `edge_weight`, `edge_more` (properties and validity, which few have:
JSON as text). Arrays of columns cost the server and the driver half of what a list in jsonb does (docs/adr/0010).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast
from uuid import UUID

import asyncpg
from pydantic import create_model

from rem_runtime.memory.models import NODE_MODELS, CoreModel, InlineEdge, Node, NodeModel, Validity
from rem_runtime.memory.models.core import Model
from rem_runtime.memory.models.json import read_json
from rem_runtime.memory.models.trusted import trusted
from rem_runtime.memory.statements import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "nodes.sql")

_SYSTEM = frozenset({*CoreModel.model_fields, *NodeModel.model_fields, "kind"})
_new_edge = trusted(InlineEdge)
_new_validity = trusted(Validity)


class _Shape(NamedTuple):
    """How one kind lies in its row: what makes its model, what reads `data`, and which of its fields have a column."""

    make: Callable[[dict[str, Any]], Node]
    data: type[Model]
    columns: tuple[tuple[str, str], ...]


def _shape_of(model: type[NodeModel]) -> _Shape:
    own = {name: field for name, field in model.model_fields.items() if name not in _SYSTEM}
    extras = {name: field.json_schema_extra for name, field in own.items()}
    columns = {
        name: str(extra["column"]) for name, extra in extras.items() if isinstance(extra, dict) and "column" in extra
    }
    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in own.items() if name not in columns}
    data = create_model(f"{model.__name__}Data", __base__=Model, **fields)
    return _Shape(cast("Callable[[dict[str, Any]], Node]", trusted(model)), data, tuple(columns.items()))


_SHAPES = {kind: _shape_of(model) for kind, model in NODE_MODELS.items()}
_EDGE_COLUMNS = ("edge_dst", "edge_rel", "edge_kind", "edge_weight", "edge_more")


async def fetch_nodes(conn: asyncpg.Connection | asyncpg.Pool, user: str, ids: Sequence[UUID]) -> dict[UUID, Node]:
    """The nodes of these ids that the user may see."""
    rows = await conn.fetch(SQL["nodes_by_id"], user, list(ids)) if ids else []
    return {row["id"]: node_of(row) for row in rows}


def node_of(row: Mapping[str, Any]) -> Node:
    """One row as its model: what lies in `data` is validated, what has a column of its own has its type already."""
    kind = row["kind"]
    shape = _SHAPES[kind]
    values: dict[str, Any] = {
        "id": row["id"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "deleted_at": None,  # what is deleted is not read
        "tenant_id": row["tenant_id"],
        "user_id": row["owner"] or None,
        "graph_edges": edges_of(row),
        "metadata": read_json(row["metadata"]) if row["metadata"] else {},
        "tags": tuple(row["tags"]),
        "key": row["key"],
        "label": row["label"],
        "version": row["version"],
        "kind": kind,
        **shape.data.__pydantic_validator__.validate_json(row["data"]).__dict__,
    }
    for name, column in shape.columns:
        value = row[column]
        values[name] = value.hex() if isinstance(value, bytes) else value
    return shape.make(values)


def edges_of(row: Mapping[str, Any]) -> tuple[InlineEdge, ...]:
    """The edges of a row, the strongest first."""
    if row["edge_dst"] is None:
        return ()
    edges = []
    for dst, rel, kind, weight, more in zip(*[row[column] for column in _EDGE_COLUMNS], strict=True):
        properties, valid = _more_of(more) if more else ({}, None)
        edges.append(
            _new_edge(
                {
                    "dst": dst,
                    "rel_type": rel,
                    "dst_kind": kind or None,
                    "weight": weight_of(weight),
                    "properties": properties,
                    "valid": valid,
                }
            )
        )
    return tuple(edges)


def _more_of(text: str) -> tuple[dict[str, Any], Validity | None]:
    more = read_json(text)
    since, until = (None if (at := more[end]) is None else datetime.fromisoformat(at) for end in ("since", "until"))
    return more["properties"], _new_validity({"since": since, "until": until}) if since or until else None


@lru_cache(maxsize=10_000)
def weight_of(weight: float) -> float:
    """A `real` as it was written: the seven digits that it holds, not the sixteen that they become."""
    return float(f"{weight:.7g}")
