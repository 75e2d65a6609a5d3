"""Vectors from an HTTP endpoint that speaks OpenAI's `POST /embeddings`: what is asked, tried again, and refused.

Nothing of the queue is here (`drain`), and nothing is stored. What comes back is checked before anybody uses it: the
number of vectors, their length, their values. No error repeats a text or the key: reasons are stored and logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import numpy as np
from pydantic_core import from_json

from rem_runtime.memory.embedding.counting import token_ends
from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.errors import EmbedderError, EmbedderUnavailable

# A wish to be left alone for longer is nobody's to wait for here: the queue comes back later, a question goes without.
_LONGEST_WAIT_SECONDS = 20.0
_PASSING = frozenset({408, 409, 425, 429})  # and everything from 500
_ABOUT_THE_TEXT = frozenset({400, 413, 422})
_CODE_CHARACTERS = 60
_MIN_LENGTH = 1e-6
_MAX_VALUE = 1e18  # its square can still be added up
_SPECIAL_TOKENS = 2


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where, as whom, and how much at once."""

    base_url: str
    model: str
    dimensions: int
    api_key: str = field(default="", repr=False)
    max_tokens: int = 512
    """The window: chunks are cut for it, questions are cut at it; counted as `counting` does."""
    shorten: bool = False
    """Ask for vectors of `dimensions`: for models that can shorten theirs."""
    batch: int = 64
    """Texts of one request."""
    timeout_seconds: float = 30.0
    """How long one request may take."""
    attempts: int = 4
    first_pause_seconds: float = 0.3
    """Twice as long each time."""


class EndpointEmbedder:
    """An `Embedder` over an endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        self._client = httpx.AsyncClient(headers=headers, timeout=endpoint.timeout_seconds)

    @property
    def model(self) -> str:
        """The model's name."""
        return self._endpoint.model

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        return self._endpoint.dimensions

    @property
    def max_tokens(self) -> int:
        """The window that chunks are cut for."""
        return self._endpoint.max_tokens

    @property
    def inline(self) -> bool:
        """A write does not wait for a network."""
        return False

    def token_ends(self, text: str) -> list[int]:
        """Counted high: the endpoint's tokeniser is not here."""
        return token_ends(text)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text, each of length 1.

        Raises EmbedderUnavailable when the endpoint does not answer in time or not as it should, EmbedderError where
        it will not have one of the texts, or has no vector for it that can be compared.
        """
        cut = [self._cut(text) for text in texts]
        size = self._endpoint.batch
        rows = [await self._batch(cut[start : start + size]) for start in range(0, len(cut), size)]
        return np.concatenate(rows) if rows else np.empty((0, self.dimensions), np.float32)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    def _cut(self, text: str) -> str:
        ends, most = token_ends(text), self.max_tokens - _SPECIAL_TOKENS
        return text if len(ends) <= most else text[: ends[most - 1]]

    async def _batch(self, texts: Sequence[str]) -> Vectors:
        """Asks again while it may help."""
        pause_seconds = self._endpoint.first_pause_seconds
        for attempt in range(1, self._endpoint.attempts + 1):
            try:
                return await self._ask(texts)
            except EmbedderUnavailable as error:
                wait = max(pause_seconds * random.uniform(0.5, 1.5), error.retry_after_seconds or 0.0)  # noqa: S311 - a pause, not a secret
                if attempt == self._endpoint.attempts or not error.passes or wait > _LONGEST_WAIT_SECONDS:
                    raise
            await asyncio.sleep(wait)
            pause_seconds *= 2
        raise AssertionError("the last attempt returns or raises")

    async def _ask(self, texts: Sequence[str]) -> Vectors:
        endpoint = self._endpoint
        body: dict[str, Any] = {"model": endpoint.model, "input": list(texts), "encoding_format": "float"}
        if endpoint.shorten:
            body["dimensions"] = endpoint.dimensions
        try:
            async with asyncio.timeout(endpoint.timeout_seconds):  # httpx counts each read anew
                response = await self._client.post(f"{endpoint.base_url.rstrip('/')}/embeddings", json=body)
        except (httpx.HTTPError, TimeoutError) as error:
            raise EmbedderUnavailable(f"the embedding endpoint cannot be reached: {type(error).__name__}") from error
        if response.status_code != httpx.codes.OK:
            raise _failure(response)
        # Megabytes of digits: not in the event loop.
        return await asyncio.to_thread(_vectors, response.content, len(texts), endpoint.dimensions)


def _failure(response: httpx.Response) -> EmbedderError:
    status = response.status_code
    said = f"the embedding endpoint answered {status}{_code(response)}"
    if status in _PASSING or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return EmbedderUnavailable(said, retry_after_seconds=_retry_after(response))
    if status in _ABOUT_THE_TEXT:
        return EmbedderError(said)
    look = "EMBEDDING__API_KEY" if status in {401, 403} else "EMBEDDING__BASE_URL and EMBEDDING__MODEL"
    return EmbedderUnavailable(f"{said}; look at {look}", passes=False)


def _code(response: httpx.Response) -> str:
    """Its word for the error. Its sentence may quote the text or the key."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        code = from_json(response.content)["error"]["code"]
        if isinstance(code, str) and code.replace("_", "").isalnum():
            return f" ({code[:_CODE_CHARACTERS]})"
    return ""


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, or a date."""
    value = response.headers.get("retry-after", "").strip()
    with contextlib.suppress(ValueError):
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    with contextlib.suppress(ValueError):
        when = parsedate_to_datetime(value)
        return max(0.0, (when.astimezone(UTC) - datetime.now(UTC)).total_seconds())
    return None


def _vectors(content: bytes, count: int, dimensions: int) -> Vectors:
    """The rows of the answer in the order of the texts, each of length 1."""
    try:
        data = sorted(from_json(content)["data"], key=lambda row: row["index"])
        indexes, rows = [row["index"] for row in data], [row["embedding"] for row in data]
    except (ValueError, KeyError, TypeError) as error:
        raise EmbedderUnavailable("the embedding endpoint's answer has not OpenAI's form", passes=False) from error
    if indexes != list(range(count)):
        raise EmbedderUnavailable(f"the embedding endpoint sent {len(rows)} vectors for {count} texts", passes=False)
    try:
        vectors = np.array(rows, np.float64)
    except (ValueError, TypeError) as error:
        raise EmbedderError("the embedding endpoint sent a vector that is not one of numbers") from error
    if vectors.shape != (count, dimensions):
        sent = vectors.shape[1] if vectors.ndim == 2 else "no"
        raise EmbedderUnavailable(
            f"the embedding endpoint's vectors have {sent} dimensions, EMBEDDING__DIMENSIONS says {dimensions}",
            passes=False,
        )
    if not (np.abs(vectors) < _MAX_VALUE).all():  # false for NaN too
        raise EmbedderError("the embedding endpoint sent a vector that is not finite")
    lengths = np.linalg.norm(vectors, axis=1)
    if (lengths < _MIN_LENGTH).any():
        raise EmbedderError("the embedding endpoint sent a vector of zeros")
    unit: Vectors = (vectors / lengths[:, None]).astype(np.float32)
    return unit
