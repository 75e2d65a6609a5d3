"""What is stored, redone by the rules of this version: keys, chunks, postings."""

from rem_runtime.memory.rebuild.rebuild import PARTS, Part, Rebuilt, owed_parts, rebuild

__all__ = ["PARTS", "Part", "Rebuilt", "owed_parts", "rebuild"]
