"""Is the converted model the published one? Fails loudly; a wrong embedder would be stored in every database."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from rem_runtime.memory.embedding.convert.reference import reference_embedding
from rem_runtime.memory.embedding.convert.weights import Tensor, Weights

SAMPLES = (
    "This is an example sentence",
    "Each sentence is converted",
    "Who leads the migration of the billing database?",
    "TIDB-142 was closed by Ann on 2026-03-04; v0.20.4 carries the fix.",
    "Milk.",
    "Straße, naïve café, 東京 and Ελλάδα in one line",
    "The meeting moved to Thursday because two of the reviewers were away, and the release follows a week later. " * 5,
)
# The first components of the first two samples as the model's authors publish them.
PUBLISHED = ((0.0677, 0.0635, 0.0487), (0.0864, 0.1028, 0.0054))
_EXACT = 1e-4
_MIN_COSINE = 0.99


class CheckError(Exception):
    """The converted model is not the published one."""


def check_exact(graph: Path, weights: Weights) -> float:
    """Compare the fp32 graph with numpy and with the published values; the largest difference."""
    ids = _token_ids(weights)
    expected = [reference_embedding(weights, one) for one in ids]
    for vector, published in zip(expected, PUBLISHED, strict=False):
        if not np.allclose(vector[: len(published)], published, atol=_EXACT):
            raise CheckError(f"the reference gives {vector[:3]}, published is {published}")
    worst = max(float(np.abs(got - want).max()) for got, want in zip(_run(graph, ids), expected, strict=True))
    if worst > _EXACT:
        raise CheckError(f"the fp32 graph differs from the reference by {worst:.2e}, more than {_EXACT}")
    return worst


def check_quantised(graph: Path, weights: Weights) -> float:
    """Compare the quantised graph with the unquantised weights; the smallest cosine."""
    ids = _token_ids(weights)
    expected = [reference_embedding(weights, one) for one in ids]
    cosines = [float(got @ want) for got, want in zip(_run(graph, ids), expected, strict=True)]
    for sample, cosine in zip(SAMPLES, cosines, strict=True):
        if cosine < _MIN_COSINE:
            raise CheckError(
                f"{sample[:40]!r}: cosine {cosine:.4f} with the unquantised weights, less than {_MIN_COSINE}"
            )
    return min(cosines)


def _token_ids(weights: Weights) -> list[list[int]]:
    tokenizer = Tokenizer.from_file(str(weights.tokenizer_file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(weights.max_tokens)
    return [tokenizer.encode(sample).ids for sample in SAMPLES]


def _run(graph: Path, token_ids: list[list[int]]) -> list[Tensor]:
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    inputs = [np.array([ids], np.int64) for ids in token_ids]
    return [session.run(["embedding"], {"input_ids": one, "attention_mask": np.ones_like(one)})[0][0] for one in inputs]
