"""What the Kubernetes API can answer, as one tree.

    KubeError
    ├── NotFound            the object is not there
    ├── NotServed           the kind is not there: its CRD is not installed
    ├── AlreadyExists       a create met an object of that name
    ├── Conflict            the object is not the one that was meant: uid or resourceVersion differ      (transient)
    ├── Forbidden           the operator's roles do not allow it
    │   └── NamespaceTerminating   nothing can be created there any more
    ├── Unauthorized        the credentials are not accepted                                            (transient)
    ├── Invalid             the API server refuses the object as it is
    ├── Throttled           too many requests; `retry_after_seconds` says when                          (transient)
    └── Unreachable         no answer, or the server failed                                             (transient)

`transient` errors go away by themselves; the queue tries again. The others need a person or another object.
"""

# ruff: noqa: N818 - named as the API server names its reasons

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class KubeError(Exception):
    """The Kubernetes API refused a request."""

    transient: ClassVar[bool] = False

    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class NotFound(KubeError):
    """The object does not exist."""


class NotServed(KubeError):
    """The API server does not serve this kind: install its CustomResourceDefinition."""


class AlreadyExists(KubeError):
    """An object of this name exists."""


class Conflict(KubeError):
    """The object has changed or was replaced since it was read; read it again."""

    transient = True


class Forbidden(KubeError):
    """The operator's ServiceAccount may not do this: check its ClusterRoles and bindings."""


class NamespaceTerminating(Forbidden):
    """The namespace is being deleted; nothing can be created in it."""


class Unauthorized(KubeError):
    """The API server does not accept the operator's token or certificate."""

    transient = True


class Invalid(KubeError):
    """The API server refuses the object; its message names the field."""


class Throttled(KubeError):
    """The API server asks to slow down."""

    transient = True


class Unreachable(KubeError):
    """The API server did not answer, or failed while answering."""

    transient = True


def error_from_answer(status: int, body: Any, *, what: str, retry_after: str | None = None) -> KubeError:
    """The error for an HTTP status ≥ 400; `body` is the parsed Status object or a text, `what` the request."""
    answer: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    details = answer.get("details") or {}
    reason = str(answer.get("reason") or "")
    message = f"{what}: {answer.get('message') or str(body or '').strip()[:500] or f'HTTP {status}'}"
    kind = _class_of(status, reason, details)
    seconds = _seconds(retry_after, details)
    return kind(message, status=status, reason=reason, retry_after_seconds=seconds)


def _class_of(status: int, reason: str, details: Mapping[str, Any]) -> type[KubeError]:
    if status == 404:
        # An unknown path answers in plain text or without a name; a missing object names itself.
        return NotFound if details.get("name") else NotServed
    if status == 409:
        return AlreadyExists if reason == "AlreadyExists" else Conflict
    if status == 403:
        causes = details.get("causes") or ()
        terminating = any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
        return NamespaceTerminating if terminating else Forbidden
    return {400: Invalid, 401: Unauthorized, 410: Conflict, 422: Invalid, 429: Throttled}.get(
        status, Unreachable if status >= 500 else KubeError
    )


def _seconds(header: str | None, details: Mapping[str, Any]) -> float | None:
    value = header if header is not None else details.get("retryAfterSeconds")
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:  # Retry-After may also be a date; Kubernetes sends seconds
        return None
