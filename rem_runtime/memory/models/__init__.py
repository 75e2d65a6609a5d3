"""The models over the `node` table, and the conversation's own. Shapes only: no SQL, no I/O."""

from rem_runtime.memory.models.conversation import Message, Session, ToolCall
from rem_runtime.memory.models.core import CoreModel, InlineEdge, NodeModel, Validity
from rem_runtime.memory.models.nodes import KINDS, NODE_MODELS, Entity, File, Moment, Node, Person, Resource, User

__all__ = [
    "KINDS",
    "NODE_MODELS",
    "CoreModel",
    "Entity",
    "File",
    "InlineEdge",
    "Message",
    "Moment",
    "Node",
    "NodeModel",
    "Person",
    "Resource",
    "Session",
    "ToolCall",
    "User",
    "Validity",
]
