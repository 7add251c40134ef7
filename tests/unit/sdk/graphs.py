"""ONNX graphs of tests, small enough to be checked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import give_up

try:
    import onnx
    import onnxruntime  # noqa: F401
except ModuleNotFoundError:
    give_up("onnx or onnxruntime is not installed; run make foreign")

FIRST: Any = np.array([[1.0, -1.0, 0.5], [2.0, 1.0, -0.5]], np.float32)
BIAS: Any = np.array([0.5, 0.5, -0.5], np.float32)
SECOND: Any = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, -2.0]], np.float32)


def policy(seen: Any) -> Any:
    """What the graph of `write_policy` computes, apart from it."""
    return np.maximum(seen @ FIRST + BIAS, 0) @ SECOND


def write_policy(file: Path, *, batch: int | str | None = "batch", output: str = "logits") -> Path:
    """Writes a perceptron: obs[batch, 2] -> hidden[batch, 3] -> `output`[batch, 2]; without a batch for None."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    front = [] if batch is None else [batch]
    nodes = [
        helper.make_node("MatMul", ["obs", "net.0.weight"], ["/net/0/MatMul_output_0"], "first"),
        helper.make_node("Add", ["/net/0/MatMul_output_0", "net.0.bias"], ["hidden before"], "bias"),
        helper.make_node("Relu", ["hidden before"], ["hidden"], "relu"),
        helper.make_node("MatMul", ["hidden", "net.2.weight"], [output], "second"),
    ]
    weights = {"net.0.weight": FIRST, "net.0.bias": BIAS, "net.2.weight": SECOND}
    graph = helper.make_graph(
        nodes,
        "policy",
        [helper.make_tensor_value_info("obs", kind, [*front, 2])],
        [helper.make_tensor_value_info(output, kind, [*front, 2])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(file))
    return file
