"""What the OpenAPI document says beyond the routes: how to authenticate, and the one shape of every problem."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rem_crds.handoff import PATH_API_LIVE, PATH_API_READY
from rem_runtime.api.problems import Problem

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key of this tenant."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def describe(app: FastAPI) -> None:
    """Replaces the application's description by one that is made once, when it is first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            components = made.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
            components["securitySchemes"] = _SCHEMES
            made["security"] = [{name: []} for name in _SCHEMES]
            for path in (PATH_API_LIVE, PATH_API_READY):
                made["paths"][path]["get"]["security"] = []
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own documented way
