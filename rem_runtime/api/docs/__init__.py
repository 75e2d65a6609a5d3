"""/api/v1/docs: the API's description as a page for people, without a word from any other server."""

from rem_runtime.api.docs.router import PATH_DOCS, router

__all__ = ["PATH_DOCS", "router"]
