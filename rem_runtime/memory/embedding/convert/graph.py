"""The network as an ONNX graph: BERT's six layers, mean pooling over the mask, and division by the length.

Inputs `input_ids` and `attention_mask` (int64, batch × tokens), output `embedding` (float32, batch × 384).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

from rem_runtime.memory.embedding.convert.weights import Tensor, Weights

_OPSET = 20  # the first with Gelu
_IR_VERSION = 10  # what every onnxruntime since 1.18 reads
# The widest activations of the network go through this one: in fp32 the smallest cosine over the samples rises from
# .9885 to .9908, for less than a twentieth of the time. No other single product makes such a difference.
_KEPT_EXACT = "layer0.narrow.product"
QUANTISATION = f"int8 per channel, 7 bits, MatMul weights but {_KEPT_EXACT}"


class _Graph:
    """Collects nodes and constants; every method returns the name of a value."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def linear(self, x: str, name: str, *, weight: Tensor, bias: Tensor) -> str:
        product = self.op("MatMul", [x, self.constant(f"{name}.w", np.ascontiguousarray(weight))], f"{name}.product")
        return self.op("Add", [product, self.constant(f"{name}.b", bias)], name)

    def normalise(self, x: str, name: str, *, weights: Weights, prefix: str) -> str:
        scale = self.constant(f"{name}.scale", weights[f"{prefix}.LayerNorm.weight"])
        shift = self.constant(f"{name}.shift", weights[f"{prefix}.LayerNorm.bias"])
        return self.op("LayerNormalization", [x, scale, shift], name, axis=-1, epsilon=weights.epsilon)


def build_graph(weights: Weights) -> ModelProto:
    """The fp32 graph, checked."""
    graph = _Graph()
    hidden = _embeddings(graph, weights)
    mask = _attention_bias(graph)
    for layer in range(weights.layers):
        hidden = _layer(graph, hidden, mask, weights=weights, layer=layer)
    _pool(graph, hidden)
    shape = ["batch", "tokens"]
    body = helper.make_graph(
        graph.nodes,
        "minilm",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", weights.width])],
        graph.constants,
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    checker.check_model(model, full_check=True)
    return model


def quantise(source: Path, target: Path) -> None:
    """Int8 per channel on the weights of the MatMuls alone: with the embedding table too, recall falls by 1.7 points.

    `reduce_range`: without VNNI the 16-bit accumulator of U8×S8 saturates, and the image runs on machines unlike the
    one that built it. It costs a little accuracy, and leaving `_KEPT_EXACT` in fp32 gives more than that back.
    """
    prepared = target.with_suffix(".prepared")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(
        str(prepared),
        str(target),
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        reduce_range=True,
        nodes_to_exclude=[_KEPT_EXACT],
        weight_type=QuantType.QInt8,
    )
    prepared.unlink()


def _embeddings(graph: _Graph, weights: Weights) -> str:
    words = graph.constant("words", weights["embeddings.word_embeddings.weight"])
    # One text, never a pair: every token has type 0, so that row is added to the positions here.
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    table = graph.constant("positions", positions[: weights.max_tokens])
    count = graph.op("Shape", ["input_ids"], "count", start=1, end=2)
    used = graph.op("Slice", [table, graph.constant("from", np.array([0], np.int64)), count], "used_positions")
    looked_up = graph.op("Gather", [words, "input_ids"], "word_vectors")
    return graph.normalise(
        graph.op("Add", [looked_up, used], "summed"), "embedded", weights=weights, prefix="embeddings"
    )


def _attention_bias(graph: _Graph) -> str:
    mask = graph.op("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    absent = graph.op("Sub", [graph.constant("one", np.float32(1)), mask], "absent")
    scaled = graph.op("Mul", [absent, graph.constant("minus_infinity", np.float32(-1e9))], "absent_scaled")
    return graph.op("Unsqueeze", [scaled, graph.constant("axes_1_2", np.array([1, 2], np.int64))], "bias")


def _layer(graph: _Graph, hidden: str, bias: str, *, weights: Weights, layer: int) -> str:
    prefix, name = f"encoder.layer.{layer}", f"layer{layer}"
    attended = _attention(graph, hidden, bias, weights=weights, layer=layer)
    projected = graph.linear(
        attended,
        f"{name}.projected",
        weight=weights[f"{prefix}.attention.output.dense.weight"].T,
        bias=weights[f"{prefix}.attention.output.dense.bias"],
    )
    residual = graph.op("Add", [projected, hidden], f"{name}.residual")
    middle = graph.normalise(residual, f"{name}.middle", weights=weights, prefix=f"{prefix}.attention.output")
    wide = graph.linear(
        middle,
        f"{name}.wide",
        weight=weights[f"{prefix}.intermediate.dense.weight"].T,
        bias=weights[f"{prefix}.intermediate.dense.bias"],
    )
    narrow = graph.linear(
        graph.op("Gelu", [wide], f"{name}.gelu"),
        f"{name}.narrow",
        weight=weights[f"{prefix}.output.dense.weight"].T,
        bias=weights[f"{prefix}.output.dense.bias"],
    )
    return graph.normalise(
        graph.op("Add", [narrow, middle], f"{name}.sum"), f"{name}.out", weights=weights, prefix=f"{prefix}.output"
    )


def _attention(graph: _Graph, hidden: str, bias: str, *, weights: Weights, layer: int) -> str:
    prefix, name = f"encoder.layer.{layer}.attention.self", f"layer{layer}.attention"
    head = weights.width // weights.heads
    scale = np.float32(1 / np.sqrt(head))  # into the query's weights, instead of a step of its own
    parts = [(weights[f"{prefix}.{p}.weight"].T, weights[f"{prefix}.{p}.bias"]) for p in ("query", "key", "value")]
    parts[0] = (parts[0][0] * scale, parts[0][1] * scale)
    joined = graph.linear(
        hidden,
        f"{name}.joined",
        weight=np.concatenate([weight for weight, _ in parts], axis=1),
        bias=np.concatenate([part_bias for _, part_bias in parts]),
    )
    shape = graph.constant(f"{name}.heads", np.array([0, 0, 3, weights.heads, head], np.int64))
    split = graph.op("Reshape", [joined, shape], f"{name}.split")
    # batch, tokens, 3, heads, head → 3, batch, heads, tokens, head
    moved = graph.op("Transpose", [split], f"{name}.moved", perm=[2, 0, 3, 1, 4])
    query, key, value = (
        graph.op("Gather", [moved, graph.constant(f"{name}.{index}", np.int64(index))], f"{name}.part{index}", axis=0)
        for index in range(3)
    )
    turned = graph.op("Transpose", [key], f"{name}.turned", perm=[0, 1, 3, 2])
    scores = graph.op("Add", [graph.op("MatMul", [query, turned], f"{name}.raw"), bias], f"{name}.scores")
    shares = graph.op("Softmax", [scores], f"{name}.shares", axis=-1)
    mixed = graph.op("MatMul", [shares, value], f"{name}.mixed")
    back = graph.op("Transpose", [mixed], f"{name}.back", perm=[0, 2, 1, 3])
    flat = graph.constant(f"{name}.flat", np.array([0, 0, weights.width], np.int64))
    return graph.op("Reshape", [back, flat], name)


def _pool(graph: _Graph, hidden: str) -> str:
    last = graph.constant("axis_last", np.array([2], np.int64))
    tokens = graph.constant("axis_tokens", np.array([1], np.int64))
    weights = graph.op("Unsqueeze", ["mask", last], "mask_column")
    total = graph.op("ReduceSum", [graph.op("Mul", [hidden, weights], "masked"), tokens], "total", keepdims=0)
    # Division by the number of tokens is left out: the division by the length that follows makes up for it.
    return graph.op("LpNormalization", [total], "embedding", axis=-1, p=2)
