"""MiniLM by onnxruntime: tokenise, run, done; pooling and normalisation are inside the graph."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rem_runtime.memory.embedding.embedder import Vectors
from rem_runtime.memory.embedding.files import GRAPH_FILE, TOKENIZER_FILE, EmbedderDescription, read_description
from rem_runtime.memory.errors import EmbedderError

if TYPE_CHECKING:
    import onnxruntime


class MiniLM:
    """all-MiniLM-L6-v2 from a directory that `convert` wrote.

    One text per run and one thread per run: the scale of int8 activations is taken over a whole batch, so a text's
    vector would depend on its neighbours, and two runs side by side are faster than one run on two threads.
    """

    def __init__(self, directory: Path, description: EmbedderDescription, *, threads: int) -> None:
        from tokenizers import Tokenizer  # noqa: PLC0415 - as onnxruntime below

        self._description = description
        self._tokenizer = Tokenizer.from_file(str(directory / TOKENIZER_FILE))
        self._cutting = Tokenizer.from_file(str(directory / TOKENIZER_FILE))
        self._cutting.enable_truncation(description.max_tokens)
        self._session = _open_session(directory / GRAPH_FILE)
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="embed")

    @property
    def model(self) -> str:
        """The model's name."""
        return self._description.model

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        return self._description.dimensions

    @property
    def max_tokens(self) -> int:
        """The window, the two special tokens included."""
        return self._description.max_tokens

    @property
    def inline(self) -> bool:
        """Its vectors take milliseconds, and no network."""
        return True

    def token_ends(self, text: str) -> list[int]:
        """For each token of the text the character after it."""
        return [end for _, end in self._tokenizer.encode(text, add_special_tokens=False).offsets]

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text. A long list never has more in flight than there are threads, so a query waits for one."""
        rows: list[Vectors | None] = [None] * len(texts)
        todo = iter(enumerate(texts))
        loop = asyncio.get_running_loop()

        async def drain() -> None:
            for index, text in todo:
                rows[index] = await loop.run_in_executor(self._executor, self._run, text)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._threads, len(texts))):
                group.create_task(drain())
        done = [row for row in rows if row is not None]
        return np.stack(done) if done else np.empty((0, self.dimensions), np.float32)

    def close(self) -> None:
        """Let the threads go; what runs is finished."""
        self._executor.shutdown()

    def _run(self, text: str) -> Vectors:
        ids = np.array([self._cutting.encode(text).ids], np.int64)
        output = self._session.run(["embedding"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        vector: Vectors = output[0][0]
        return vector


def load_embedder(directory: Path, *, threads: int = 2) -> MiniLM:
    """The embedder in `directory`; raises EmbedderError that says how to make it."""
    return MiniLM(directory, read_description(directory), threads=threads)


def _open_session(graph: Path) -> onnxruntime.InferenceSession:
    import onnxruntime  # noqa: PLC0415 - 60 MB that a process with an endpoint does not pay for

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; its warnings are about other hardware
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base but Exception
        raise EmbedderError(f"{graph} cannot be loaded: {error}") from error
