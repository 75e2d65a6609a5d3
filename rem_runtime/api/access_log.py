"""One log line and one measurement for each request, and the last net under every route.

The line names the route's template, never the path's ids, the query or a body.
"""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rem_crds.handoff import PATH_API_LIVE, PATH_API_READY
from rem_runtime.api.problems import ProblemError
from rem_runtime.monitoring import Metrics

log = logging.getLogger(__name__)

# Probes come every few seconds for ever.
_QUIET_ROUTES = frozenset({PATH_API_LIVE, PATH_API_READY})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_CLOSED_REQUEST = 499


class AccessLogMiddleware:
    """Pure ASGI, inside auth: what auth refuses it has logged itself."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = _CLIENT_CLOSED_REQUEST

        async def noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting_status)
        except Exception:
            # The outermost place that still lies inside CORS; a fault of ours must reach a browser as JSON too.
            log.exception("request failed", extra={"route": _route_of(scope), "method": scope["method"]})
            if status != _CLIENT_CLOSED_REQUEST:
                raise
            problem = ProblemError(500, "internal-error", "a fault in the server; its log has the details")
            await problem.response()(scope, receive, noting_status)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route_of(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.request_seconds.labels(method, route).observe(seconds)
        identified = scope.get("state", {}).get("identified")
        log.log(
            logging.DEBUG if route in _QUIET_ROUTES and status < 400 else logging.INFO,
            "request",
            extra={
                "method": method,
                "route": route,
                "status": status,
                "took_ms": round(seconds * 1000, 2),
                "key": identified.key_name if identified else "",
                "user": identified.caller.user if identified else "",
            },
        )


def _route_of(scope: Scope) -> str:
    """The template of the route that matched; a path that matches none is nobody's label."""
    return str(getattr(scope.get("route"), "path", "unmatched"))
