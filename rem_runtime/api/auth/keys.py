"""The tenant's API keys: a mounted file of digests, re-read when it changes.

The plain key is never stored, logged or compared: what a client sends is hashed, and digests are compared in constant
time, against every key, so that neither a match nor its place shows in the time taken.
"""

from __future__ import annotations

import hmac
import logging
from pathlib import Path

from pydantic import ValidationError

from rem_crds.handoff import ApiKey, ApiKeyFile, sha256_of_key
from rem_runtime.errors import KeysFileError

log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]


class KeyRing:
    """The keys of one file. Once it has been read, a broken or missing file leaves the last good keys in force."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp_of(path)
        self._keys = _read(path)

    def find(self, presented: str) -> ApiKey | None:
        """The key whose digest is that of `presented`."""
        self._refresh()
        digest = sha256_of_key(presented)
        found: ApiKey | None = None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def _refresh(self) -> None:
        stamp = _stamp_of(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = _read(self._path)
        except KeysFileError as error:
            log.error("API keys not re-read, the last good ones stay", extra={"reason": str(error)})  # noqa: TRY400 - the reason is whole without a stack
        else:
            log.info("API keys re-read", extra={"keys": [key.name for key in self._keys]})


def _stamp_of(path: Path) -> _Stamp | None:
    """What changes when the file does: a Secret's mount swaps a link, so the inode counts too."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _read(path: Path) -> tuple[ApiKey, ...]:
    try:
        return ApiKeyFile.validate_json(path.read_bytes())
    except OSError as error:
        raise KeysFileError(f"AUTH__KEYS_FILE: cannot read {path}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        # The input is not quoted: what was written there by mistake may be a plain key.
        raise KeysFileError(f"AUTH__KEYS_FILE: {path} is not a list of keys: {where}: {first['msg']}") from None
