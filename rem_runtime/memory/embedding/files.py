"""The three files of an embedder's directory, and what `embedder.json` says; for who writes and who reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rem_runtime.memory.errors import EmbedderError

GRAPH_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
DESCRIPTION_FILE = "embedder.json"
CONVERT_COMMAND = "python -m rem_runtime.memory.embedding.convert"


class EmbedderDescription(BaseModel):
    """What a converted model is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1] = 1
    model: str = Field(min_length=1)
    dimensions: int = Field(gt=0)
    max_tokens: int = Field(gt=2)
    weights_sha256: str
    """Of the published weights that the graph was built from."""
    graph_sha256: str
    quantisation: str


def read_description(directory: Path) -> EmbedderDescription:
    """What lies in `directory`; raises EmbedderError that says how to make it."""
    missing = [name for name in (GRAPH_FILE, TOKENIZER_FILE, DESCRIPTION_FILE) if not (directory / name).is_file()]
    if missing:
        raise EmbedderError(f"{directory} has no {', '.join(missing)}; make it with `{CONVERT_COMMAND} {directory}`")
    try:
        return EmbedderDescription.model_validate(json.loads((directory / DESCRIPTION_FILE).read_text("utf-8")))
    except (ValueError, ValidationError) as error:
        raise EmbedderError(
            f"{directory / DESCRIPTION_FILE} is not what this version writes ({error}); "
            f"make it anew with `{CONVERT_COMMAND} {directory}`"
        ) from error
