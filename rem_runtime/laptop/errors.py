"""The errors of what runs on a laptop."""

from __future__ import annotations


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL cannot be installed or started; the message says why and what helps."""
