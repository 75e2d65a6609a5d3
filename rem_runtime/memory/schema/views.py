"""The views: what SQL mode and people see. One per model, generated from its fields; the others stand in `views.sql`;
`bounded.sql` has what SQL mode calls in place of functions that take memory without end. Pure: SQL text out.

The views are `security_barrier` and filter by `rem.user`; they run with the rights of their owner, so that whoever may
read a view needs no right on a table.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from rem_runtime.memory.models import NODE_MODELS, CoreModel, NodeModel
from rem_runtime.memory.statements import load_statements

_HERE = Path(__file__).parent
_WRITTEN = load_statements(_HERE / "views.sql")
VIEW_NAMES = {"resource": "resources", "entity": "entities", "moment": "moments", "user": "users", "file": "files"}
"""The views of the models, by kind."""
ALL_VIEWS = (*VIEW_NAMES.values(), *_WRITTEN)
"""Every view, and all that SQL mode may read."""
_VISIBLE = "owner in ('', coalesce(current_setting('rem.user', true), ''))"
_HEX = {"content_hash": "encode(n.content_hash, 'hex')"}
_SCALARS: dict[Any, str] = {
    str: "text",
    int: "bigint",
    float: "double precision",
    bool: "boolean",
    datetime: "timestamptz",
}

# A column's own subselect, not a join: whoever does not ask for it does not pay for it.
_GRAPH_EDGES = f"""(
        select coalesce(jsonb_agg(jsonb_build_object(
            'dst', e.dst_label, 'rel_type', e.rel, 'dst_kind', nullif(e.dst_kind, ''), 'weight', e.weight,
            'properties', e.properties, 'since', lower(e.valid), 'until', upper(e.valid))
            order by e.weight desc, e.id), '[]')
        from (
            select id, rel, dst_key, dst_kind, dst_label, weight, properties, valid
            from edge
            where src = n.id and closed_at is null and {_VISIBLE}
            order by weight desc, id limit 50
        ) e
    )"""  # noqa: S608 - our own text
_SYSTEM = {"user_id": "nullif(n.owner, '')", "graph_edges": _GRAPH_EDGES}
_TEMPLATE = """\
create view {view} with (security_barrier) as
select
    {columns}
from node n
where n.kind = '{kind}' and n.deleted_at is null and n.{visible};
"""
_WRITTEN_COLUMNS = {
    "sessions": "id name mode agent metadata tags user_id tenant_id created_at updated_at",
    "messages": "id session_id role content tool_calls trace_id metadata tags user_id tenant_id created_at updated_at",
    "passages": "id kind node_id message_id label key uri ord heading text at user_id",
    "edges": "id src_id src_kind src rel dst dst_key dst_kind dst_id weight properties since until recorded_at user_id",
}


def view_statements() -> str:
    """The SQL that replaces all views, and the functions of SQL mode."""
    drops = "\n".join(f"drop view if exists {view};" for view in ALL_VIEWS)
    made = "\n".join(_view(kind, model) for kind, model in NODE_MODELS.items())
    bounded = (_HERE / "bounded.sql").read_text("utf-8")
    return "\n\n".join((drops, made, *_WRITTEN.values(), bounded))


def _view(kind: str, model: type[NodeModel]) -> str:
    columns = ",\n    ".join(f"{expression} as {name}" for name, expression in _columns(model))
    return _TEMPLATE.format(view=VIEW_NAMES[kind], columns=columns, kind=kind, visible=_VISIBLE)


def _columns(model: type[NodeModel]) -> Iterator[tuple[str, str]]:
    system = {**CoreModel.model_fields, **NodeModel.model_fields}
    for name, field in model.model_fields.items():
        if name in system:
            yield name, _SYSTEM.get(name, f"n.{name}")
        elif name != "kind":
            yield name, _own_column(name, field)


def _own_column(name: str, field: FieldInfo) -> str:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    column = extra.get("column")
    if isinstance(column, str):
        return _HEX.get(column, f"n.{column}")
    return _from_data(name, _without_none(field.annotation))


def _from_data(name: str, annotation: Any) -> str:
    if annotation in _SCALARS:
        kind = _SCALARS[annotation]
        return f"n.data ->> '{name}'" if kind == "text" else f"(n.data ->> '{name}')::{kind}"
    if get_origin(annotation) is tuple and get_args(annotation)[0] is str:
        return f"array(select jsonb_array_elements_text(coalesce(n.data -> '{name}', '[]')))"
    if get_origin(annotation) not in {tuple, dict}:  # a Literal
        return f"n.data ->> '{name}'"
    return f"n.data -> '{name}'"


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in {Union, types.UnionType}:
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation


VIEW_COLUMNS: dict[str, tuple[str, ...]] = {
    **{VIEW_NAMES[kind]: tuple(name for name, _ in _columns(model)) for kind, model in NODE_MODELS.items()},
    **{view: tuple(columns.split()) for view, columns in _WRITTEN_COLUMNS.items()},
}
"""What each view shows, in its order."""
