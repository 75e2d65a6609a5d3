"""What a deletion answers with: how many rows of each kind went. Never a name, a label or an id."""

from __future__ import annotations

from typing import Literal

from rem_runtime.memory.answers import Answer

ErasedKind = Literal["resource", "entity", "moment", "user", "file", "session", "message"]


class ErasureReport(Answer):
    """How much was removed. A soft delete keeps the rows of things and closes their edges; a purge leaves nothing."""

    purged: bool
    """Whether rows were erased, or only hidden with a time of deletion."""
    resources: int = 0
    entities: int = 0
    moments: int = 0
    users: int = 0
    files: int = 0
    sessions: int = 0
    messages: int = 0
    edges: int = 0
    """Edges from these things, and a purge's edges that rested on them alone."""
    chunks: int = 0
    """Searchable passages, each with its terms and its vectors."""
    derived: int = 0
    """How many of the things and edges above were derived from others of them alone; a purge only."""
    terms: int = 0
    """Words that occur nowhere any more, and so left the statistics; a purge only."""
    jobs: int = 0
    """Waiting work that named something erased."""
    runs: int = 0
    """Runs that had touched something erased; their results and errors were emptied."""

    @property
    def total(self) -> int:
        """All things, without their parts."""
        return self.resources + self.entities + self.moments + self.users + self.files + self.sessions + self.messages
