"""The memory: tables, ownership, dialect, retrieval, ingest, embedder. Knows no web framework, no settings, no LLM.

`store.Memory` is its face; everything else is reached through it.
"""
