"""The tables: versioned .sql files, the views generated from the models, grants, and `apply_schema`."""

from rem_runtime.memory.schema.apply import SCHEMA_VERSION, EmbeddingModel, SchemaReport, apply_schema

__all__ = ["SCHEMA_VERSION", "EmbeddingModel", "SchemaReport", "apply_schema"]
