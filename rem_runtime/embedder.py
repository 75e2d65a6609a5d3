"""The embedder that the settings name: in this process, or behind HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rem_runtime.errors import EmbedderMissingError, SettingsError
from rem_runtime.memory.embedding import Embedder, MiniLM, load_embedder
from rem_runtime.memory.errors import EmbedderError
from rem_runtime.settings import EmbeddingSettings


@asynccontextmanager
async def open_embedder(settings: EmbeddingSettings) -> AsyncIterator[Embedder]:
    """Opens it, and closes it again; raises EmbedderMissingError, SettingsError. An endpoint is not asked yet."""
    if settings.provider == "minilm":
        local = await asyncio.to_thread(_load_minilm, settings)
        try:
            yield local
        finally:
            local.close()
        return
    # A process that embeds itself does not pay for the client, nor this one for the model.
    from rem_runtime.memory.embedding.endpoint import Endpoint, EndpointEmbedder  # noqa: PLC0415

    if not settings.base_url:
        raise SettingsError("EMBEDDING__BASE_URL: must be the endpoint's URL when EMBEDDING__PROVIDER is openai")
    remote = EndpointEmbedder(
        Endpoint(
            base_url=settings.base_url,
            model=settings.model,
            dimensions=settings.dimensions,
            api_key=settings.api_key.get_secret_value(),
            max_tokens=settings.max_tokens,
            shorten=settings.shorten,
            batch=settings.batch,
            timeout_seconds=settings.timeout_seconds,
        )
    )
    try:
        yield remote
    finally:
        await remote.close()


def _load_minilm(settings: EmbeddingSettings) -> MiniLM:
    try:
        embedder = load_embedder(settings.directory)
    except EmbedderError as error:
        raise EmbedderMissingError(f"EMBEDDING__DIRECTORY: {error}") from error
    if (embedder.model, embedder.dimensions) != (settings.model, settings.dimensions):
        raise EmbedderMissingError(
            f"EMBEDDING__DIRECTORY: {settings.directory} holds {embedder.model} ({embedder.dimensions} dimensions), "
            f"but EMBEDDING__MODEL asks for {settings.model} ({settings.dimensions})"
        )
    return embedder
