"""The tables: versioned .sql files, the views generated from the models, grants; `plan_schema` and `apply_schema`."""

from rem_runtime.memory.schema.apply import SCHEMA_VERSION, EmbeddingModel, SchemaReport, apply_schema
from rem_runtime.memory.schema.plan import Plan, Wanted, describe, plan_schema

__all__ = [
    "SCHEMA_VERSION",
    "EmbeddingModel",
    "Plan",
    "SchemaReport",
    "Wanted",
    "apply_schema",
    "describe",
    "plan_schema",
]
