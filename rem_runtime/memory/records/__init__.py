"""Nodes by id: reading, listing, updating; and moments and users, which come in as what they are."""

from rem_runtime.memory.records.inputs import MomentInput, UserInput
from rem_runtime.memory.records.listing import Wanted
from rem_runtime.memory.records.patches import EntityPatch, FilePatch, MomentPatch, Patch, ResourcePatch, UserPatch
from rem_runtime.memory.records.records import Records

__all__ = [
    "EntityPatch",
    "FilePatch",
    "MomentInput",
    "MomentPatch",
    "Patch",
    "Records",
    "ResourcePatch",
    "UserInput",
    "UserPatch",
    "Wanted",
]
