"""`python -m rem_runtime.memory.embedding.convert [DIRECTORY]`: weights in, a checked embedder out, or nothing."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import onnx
from tokenizers import Tokenizer

from rem_runtime.memory.embedding.convert.checks import CheckError, check_exact, check_quantised
from rem_runtime.memory.embedding.convert.graph import QUANTISATION, build_graph, quantise
from rem_runtime.memory.embedding.convert.weights import MODEL, WEIGHTS_SHA256, Weights, load_weights
from rem_runtime.memory.embedding.files import (
    DESCRIPTION_FILE,
    GRAPH_FILE,
    TOKENIZER_FILE,
    EmbedderDescription,
    read_description,
)
from rem_runtime.memory.errors import EmbedderError


def main() -> int:
    """Convert, unless the directory already holds the same model."""
    parser = argparse.ArgumentParser(prog="convert", description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=default_directory(), help="default: %(default)s")
    parser.add_argument("--force", action="store_true", help="convert even if the directory is up to date")
    arguments = parser.parse_args()
    directory: Path = arguments.directory
    if not arguments.force and _is_current(directory):
        print(f"{directory} is up to date")  # noqa: T201 - a command's answer
        return 0
    try:
        convert(directory)
    except CheckError as error:
        print(f"conversion refused: {error}", file=sys.stderr)  # noqa: T201 - a command's error
        return 1
    return 0


def default_directory() -> Path:
    """Where the runtime looks when no setting says otherwise."""
    cache = os.environ.get("XDG_CACHE_HOME", "")  # noqa: TID251 - a build step of its own, without the runtime's settings
    return (Path(cache) if cache else Path.home() / ".cache") / "rem" / "embedder"


def convert(directory: Path) -> None:
    """Write the three files; `directory` changes only when they are complete and checked."""
    weights = load_weights()
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".embedder-") as scratch:
        exact, finished = Path(scratch) / "exact.onnx", Path(scratch) / "finished"
        finished.mkdir(mode=0o755)
        onnx.save(build_graph(weights), str(exact))
        print(f"fp32 graph: differs from the reference by {check_exact(exact, weights):.1e}")  # noqa: T201
        quantise(exact, finished / GRAPH_FILE)
        print(f"int8 graph: cosine with the reference at least {check_quantised(finished / GRAPH_FILE, weights):.4f}")  # noqa: T201
        _describe(finished, weights)
        _replace(directory, finished)
    print(f"{directory} is ready")  # noqa: T201


def _describe(directory: Path, weights: Weights) -> None:
    tokenizer = Tokenizer.from_file(str(weights.tokenizer_file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(directory / TOKENIZER_FILE), pretty=False)
    description = EmbedderDescription(
        model=MODEL,
        dimensions=weights.width,
        max_tokens=weights.max_tokens,
        weights_sha256=weights.sha256,
        graph_sha256=hashlib.sha256((directory / GRAPH_FILE).read_bytes()).hexdigest(),
        quantisation=QUANTISATION,
    )
    (directory / DESCRIPTION_FILE).write_text(description.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for file in directory.iterdir():
        file.chmod(0o644)


def _replace(directory: Path, finished: Path) -> None:
    """Two renames: nobody ever reads a directory that is half written."""
    if directory.exists():
        previous = finished.with_name("previous")
        directory.rename(previous)
        shutil.rmtree(previous, ignore_errors=True)
    finished.rename(directory)


def _is_current(directory: Path) -> bool:
    try:
        found = read_description(directory)
    except EmbedderError:
        return False
    digest = hashlib.sha256((directory / GRAPH_FILE).read_bytes()).hexdigest()
    return (found.weights_sha256, found.quantisation, found.graph_sha256) == (WEIGHTS_SHA256, QUANTISATION, digest)


if __name__ == "__main__":
    sys.exit(main())
