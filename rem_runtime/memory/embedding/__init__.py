"""Text to vectors, in this process. The model's files are made once by `convert`, which nothing here imports."""

from rem_runtime.memory.embedding.embedder import Embedder
from rem_runtime.memory.embedding.minilm import MiniLM, load_embedder

__all__ = ["Embedder", "MiniLM", "load_embedder"]
