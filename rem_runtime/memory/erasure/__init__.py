"""Soft delete, purge, and forgetting a user; each says what it removed, and nothing of what it was."""

from rem_runtime.memory.erasure.report import ErasedKind, ErasureReport

__all__ = ["ErasedKind", "ErasureReport"]
