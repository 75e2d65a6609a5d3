"""What the memory needs from an embedder, whoever implements it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns text into unit vectors. Safe to call from several threads and tasks."""

    @property
    def model(self) -> str:
        """The model's name, stored beside each vector: vectors of two models are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """The window: tokens of one text, special ones included. What is beyond is not seen."""
        ...

    @property
    def inline(self) -> bool:
        """Whether it is of this process, so that a write waits for its vectors; else a job makes them."""
        ...

    def token_ends(self, text: str) -> Sequence[int]:
        """For each token of the text, special ones left out, the character after it. Not cut at the window."""
        ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text, each of length 1; does not block the event loop."""
        ...
