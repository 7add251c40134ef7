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


def write_branches(file: Path) -> Path:
    """Writes x[2] -> twice = 2x -> y = twice + one where the sum of x is above 0, else twice - one.

    The branches read `twice` and `one` of the graph around them; `one` lies in a file beside the graph.
    """
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT

    def branch(name: str, operation: str) -> Any:
        node = helper.make_node(operation, ["twice", "one"], [f"{name} y"])
        return helper.make_graph([node], name, [], [helper.make_tensor_value_info(f"{name} y", kind, [2])])

    constants = {"two": np.float32(2), "zero": np.float32(0), "one": np.ones(2, np.float32)}
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["x", "two"], ["twice"]),
            helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
            helper.make_node("Greater", ["sum", "zero"], ["above"]),
            helper.make_node(
                "If", ["above"], ["y"], then_branch=branch("then", "Add"), else_branch=branch("else", "Sub")
            ),
        ],
        "branches",
        [helper.make_tensor_value_info("x", kind, [2])],
        [helper.make_tensor_value_info("y", kind, [2])],
        [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(file), save_as_external_data=True, location=f"{file.stem}.data", size_threshold=0)
    return file
