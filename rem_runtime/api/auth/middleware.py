"""Nobody reaches a route unidentified, but the two probes and the page that shows the API.

Pure ASGI, inside CORS, outside everything else.
"""

from __future__ import annotations

import logging

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from rem_crds.handoff import PATH_API_LIVE, PATH_API_READY
from rem_runtime.api.auth.caller import Authenticator
from rem_runtime.api.auth.near import Nearby
from rem_runtime.api.docs import PATH_DOCS
from rem_runtime.api.problems import ProblemError
from rem_runtime.monitoring import Metrics

log = logging.getLogger(__name__)

# Exact paths: a prefix would open whatever is mounted below it later.
OPEN_PATHS = frozenset({PATH_API_LIVE, PATH_API_READY, PATH_DOCS})


class AuthMiddleware:
    """Puts an Identified into the request's state as `identified`, or answers 401 or 403 itself."""

    def __init__(self, app: ASGIApp, *, authenticator: Authenticator, nearby: Nearby, metrics: Metrics) -> None:
        self._app = app
        self._authenticator = authenticator
        self._nearby = nearby
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] in OPEN_PATHS):
            await self._app(scope, receive, send)
            return
        try:
            headers = Headers(scope=scope)
            if self._authenticator.disabled:
                self._nearby.require(scope, headers)
            identified = self._authenticator.identify(headers)
        except ProblemError as problem:
            self._metrics.rejected.labels(problem.kind).inc()
            log.warning(
                "request rejected", extra={"reason": problem.kind, "status": problem.status, "path": scope["path"]}
            )
            await problem.response()(scope, receive, send)
            return
        scope.setdefault("state", {})["identified"] = identified
        await self._app(scope, receive, send)
