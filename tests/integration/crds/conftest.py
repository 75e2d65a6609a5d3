"""The API server as the contract's tests speak to it: strictly, and with its answer at hand."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest_asyncio
from pydantic import BaseModel

from rem_crds.definitions import DEFINITIONS
from rem_local.cluster import LocalCluster
from rem_local.testing import fresh_namespace

Object = dict[str, Any]
PLURALS = {definition.kind: definition.plural for definition in DEFINITIONS}


class Answer(BaseModel):
    """What the API server said."""

    status: int
    body: Object

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))


class Server:
    """Strict requests to the API server, in one namespace."""

    def __init__(self, session: aiohttp.ClientSession, url: str, namespace: str) -> None:
        self._session = session
        self._url = url
        self.namespace = namespace

    def _path(self, obj: Object) -> str:
        return f"{self._url}/apis/rem.dev/v1alpha1/namespaces/{self.namespace}/{PLURALS[obj['kind']]}"

    async def create(self, obj: Object, *, dry: bool) -> Answer:
        return await self._send("POST", self._path(obj), obj, dry=dry)

    async def update(self, obj: Object, *, dry: bool, subresource: str = "") -> Answer:
        return await self._send("PUT", f"{self._path(obj)}/{obj['metadata']['name']}{subresource}", obj, dry=dry)

    async def _send(self, method: str, url: str, obj: Object, *, dry: bool) -> Answer:
        params = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry else {})
        async with self._session.request(method, url, json=obj, params=params) as response:
            return Answer(status=response.status, body=json.loads(await response.text()))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(cluster: LocalCluster) -> AsyncIterator[Server]:
    """The API server, strict, and a namespace of our own."""
    headers = {"Authorization": f"Bearer {cluster.admin_token}"}
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(cluster.ca_file)))
    async with (
        fresh_namespace(cluster.kube, "contract") as namespace,
        aiohttp.ClientSession(headers=headers, connector=connector) as session,
    ):
        yield Server(session, cluster.server, namespace)
