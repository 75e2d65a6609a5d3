"""The same network once more, in plain numpy and from the published weights: what the graph is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rem_runtime.memory.embedding.convert.weights import Tensor, Weights

Double = NDArray[np.float64]

_ERF_TERMS = 60  # of the series, enough for float64 below |x| = 4


def reference_embedding(weights: Weights, token_ids: Sequence[int]) -> Tensor:
    """The vector of one text, in float64 until the end."""
    count = len(token_ids)
    x = (
        weights["embeddings.word_embeddings.weight"][list(token_ids)].astype(np.float64)
        + weights["embeddings.position_embeddings.weight"][:count]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    x = _normalise(weights, "embeddings", x)
    for layer in range(weights.layers):
        prefix = f"encoder.layer.{layer}"
        attended = _attend(weights, f"{prefix}.attention.self", x)
        x = _normalise(
            weights, f"{prefix}.attention.output", x + _dense(weights, f"{prefix}.attention.output.dense", attended)
        )
        wide = _dense(weights, f"{prefix}.intermediate.dense", x)
        x = _normalise(weights, f"{prefix}.output", x + _dense(weights, f"{prefix}.output.dense", _gelu(wide)))
    mean = x.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def _dense(weights: Weights, name: str, x: Double) -> Double:
    return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])


def _normalise(weights: Weights, name: str, x: Double) -> Double:
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + weights.epsilon)
    return np.asarray(centred / deviation * weights[f"{name}.LayerNorm.weight"] + weights[f"{name}.LayerNorm.bias"])


def _attend(weights: Weights, name: str, x: Double) -> Double:
    head = weights.width // weights.heads
    query, key, value = (
        _dense(weights, f"{name}.{part}", x).reshape(-1, weights.heads, head).transpose(1, 0, 2)
        for part in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(head)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return np.asarray((shares @ value).transpose(1, 0, 2).reshape(-1, weights.width))


def _gelu(x: Double) -> Double:
    return x * 0.5 * (1 + _erf(x / np.sqrt(2)))


def _erf(x: Double) -> Double:
    """The Maclaurin series; numpy has no erf, and this is no reason for scipy."""
    inside = np.clip(x, -4, 4)  # beyond, erf is ±1 to 1e-8
    term, total = inside.copy(), inside.copy()
    for n in range(1, _ERF_TERMS):
        term = term * -(inside**2) / n
        total += term / (2 * n + 1)
    return np.asarray(total * 2 / np.sqrt(np.pi))
