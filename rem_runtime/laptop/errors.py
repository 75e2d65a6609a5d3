"""The errors of what runs on a laptop."""

from __future__ import annotations


class LaptopError(RuntimeError):
    """Something that `rem dev` needs is missing or wrong; the message says what helps."""


class EmbeddedPostgresError(LaptopError):
    """The embedded PostgreSQL cannot be installed or started."""


class DeclarationError(LaptopError):
    """The YAML of a directory is not what a cluster would accept; the message has file and line."""
