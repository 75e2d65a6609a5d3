"""/api/v1/files: uploads, what was read from them, and how far each is."""

from rem_runtime.api.files.router import FORM_BYTES, PATH, router
from rem_runtime.api.files.turns import UploadTurns

__all__ = ["FORM_BYTES", "PATH", "UploadTurns", "router"]
