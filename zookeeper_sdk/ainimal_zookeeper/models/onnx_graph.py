"""The graph in an .onnx file: what is in it, and pieces of it that compute some of its tensors from others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ainimal_zookeeper.modality import Modality, ModalityKind

_LAYERS = 1_000  # of an architecture: a manifest is one document
_ATTRIBUTES = 8  # of a layer that are told

Types = Mapping[str, int]  # the number that ONNX has for the type of a tensor's elements


class OnnxGraph:
    """Needs the package onnx: ImportError without. Data that lies in files beside the graph stays there."""

    def __init__(self, file: Path) -> None:
        import onnx

        self._onnx: Any = onnx
        self._folder = file.parent
        self._proto = onnx.load(str(file), load_external_data=False)
        graph = self._proto.graph
        self._initializers = {each.name: each for each in graph.initializer}
        self._inputs = {each.name: each for each in graph.input if each.name not in self._initializers}
        self.outputs = [each.name for each in graph.output]
        self._made_by = {name: number for number, node in enumerate(graph.node) for name in node.output if name}
        self._types = self._inferred()

    # --- what is in it -----------------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Modality]:
        """Returns what is computed on the way from inputs to outputs, in order."""
        nodes = self._proto.graph.node
        return {
            name: self._modality(name, self._types.get(name))
            for name, number in self._made_by.items()
            if name not in self.outputs and nodes[number].op_type != "Constant"
        }

    def weights(self) -> dict[str, Modality]:
        """Returns the initialisers of real numbers: the others are shapes and indices."""
        found = {}
        for name, tensor in self._initializers.items():
            dtype = np.dtype(self._onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
            if dtype.kind == "f":
                found[name] = _modality(name, tuple(tensor.dims), dtype)
        return found

    def weight(self, name: str) -> np.ndarray[Any, Any]:
        """Returns an initialiser as the file has it."""
        return np.array(self._onnx.numpy_helper.to_array(self._initializers[name], str(self._folder)))

    def in_order(self, names: Iterable[str]) -> list[str]:
        """Returns tensors in the order in which they are computed."""
        return sorted(names, key=lambda name: self._made_by[name])

    def architecture(self) -> dict[str, Any]:
        """Returns a node for each operation that is no constant, and an edge for each tensor between two."""
        nodes: list[dict[str, Any]] = []
        edges: list[tuple[str, str]] = []
        made_by: dict[str, str] = {}
        counted: set[str] = set()
        for number, node in enumerate(self._proto.graph.node):
            if node.op_type == "Constant" or len(nodes) >= _LAYERS:
                continue
            called = node.name or f"{node.op_type}_{number}"
            own = [name for name in node.input if name in self._initializers and name not in counted]
            counted.update(own)
            shape = self._shape(node.output[0]) if node.output else None
            nodes.append(
                {
                    "id": called,
                    "name": called,
                    "type": node.op_type,
                    "parameterCount": float(sum(self._size(name) for name in own)),
                    "outputShape": None if shape is None else list(shape),
                    "attributes": self._attributes(node),
                }
            )
            edges += [(made_by[name], called) for name in _read_by(node) if name in made_by]
            made_by |= dict.fromkeys(node.output, called)
        drawn = [{"source": source, "target": target} for source, target in dict.fromkeys(edges)]
        count = float(sum(map(self._size, self._initializers)))
        return {"nodes": nodes, "edges": drawn, "parameterCount": count}

    # --- pieces of it ------------------------------------------------------------------------------------------------

    def piece(self, wanted: list[str], given: Types) -> bytes:
        """Returns a model that computes `wanted` from the inputs and from `given`: tensors and initialisers.

        What is given is an input of it, and nothing that only led to it is computed.
        """
        onnx = self._onnx
        nodes = self._leading_to(wanted, given)
        read = {name for node in nodes for name in _read_by(node)} | set(wanted)
        graph = onnx.GraphProto(name=self._proto.graph.name or "piece")
        graph.node.extend(nodes)
        graph.initializer.extend(
            each for name, each in self._initializers.items() if name in read and name not in given
        )
        graph.sparse_initializer.extend(self._proto.graph.sparse_initializer)
        graph.input.extend(each for name, each in self._inputs.items() if name in read)
        graph.input.extend(
            onnx.helper.make_tensor_value_info(name, kind, None) for name, kind in given.items() if name in read
        )
        declared = {each.name: each for each in self._proto.graph.output}
        graph.output.extend(declared.get(name) or onnx.ValueInfoProto(name=name) for name in wanted)
        model = onnx.ModelProto()
        model.CopyFrom(self._shell())
        model.graph.CopyFrom(graph)
        data: bytes = model.SerializeToString()
        return data

    def type_of_weight(self, name: str) -> int:
        return int(self._initializers[name].data_type)

    def type_of(self, described: str) -> int:
        """Returns the number of a type that onnxruntime calls `described`: "tensor(float)"."""
        return int(getattr(self._onnx.TensorProto, described.removeprefix("tensor(").removesuffix(")").upper()))

    def _leading_to(self, wanted: Iterable[str], given: Types) -> list[Any]:
        """Returns the nodes that must run, in order."""
        nodes = self._proto.graph.node
        needed: set[int] = set()
        open_names = [name for name in wanted if name not in given]
        while open_names:
            number = self._made_by.get(open_names.pop())
            if number is None or number in needed:
                continue
            needed.add(number)
            open_names += [name for name in _read_by(nodes[number]) if name not in given]
        return [nodes[number] for number in sorted(needed)]

    def _shell(self) -> Any:
        """Returns the model without its graph: versions and functions."""
        shell = self._onnx.ModelProto(ir_version=self._proto.ir_version)
        shell.opset_import.extend(self._proto.opset_import)
        shell.functions.extend(self._proto.functions)
        return shell

    # --- types and shapes --------------------------------------------------------------------------------------------

    def _inferred(self) -> dict[str, Any]:
        try:
            graph = self._onnx.shape_inference.infer_shapes(self._proto).graph
        except Exception:  # noqa: BLE001 - a graph that runs may still be none that can be inferred
            graph = self._proto.graph
        return {each.name: each.type.tensor_type for each in [*graph.value_info, *graph.output, *graph.input]}

    def _shape(self, name: str) -> tuple[int | None, ...] | None:
        tensor = self._types.get(name)
        if tensor is None or not tensor.HasField("shape"):
            return None
        return tuple(each.dim_value if each.HasField("dim_value") else None for each in tensor.shape.dim)

    def _modality(self, name: str, tensor: Any) -> Modality:
        shape = self._shape(name)
        if tensor is None or shape is None or not tensor.elem_type:
            return Modality(name, ModalityKind.TREE)
        return _modality(name, shape, np.dtype(self._onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)))

    def _size(self, name: str) -> int:
        return int(np.prod(self._initializers[name].dims, dtype=np.int64))

    def _attributes(self, node: Any) -> dict[str, Any]:
        """Returns the plain numbers and texts of a node: kernel_shape, alpha, ..."""
        found: dict[str, Any] = {}
        for each in node.attribute[:_ATTRIBUTES]:
            value = self._onnx.helper.get_attribute_value(each)
            if isinstance(value, bytes):
                found[each.name] = value.decode("utf-8", "replace")
            elif isinstance(value, (int, float)):
                found[each.name] = value
            elif isinstance(value, (list, tuple)) and all(isinstance(part, (int, float)) for part in value):
                found[each.name] = list(value)
        return found


def _modality(name: str, shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> Modality:
    if dtype.kind == "O":
        return Modality.text(name)
    if dtype.kind not in "biuf":
        return Modality(name, ModalityKind.TREE)
    return Modality(name, ModalityKind.VECTOR if shape else ModalityKind.SCALAR, shape, dtype.name)


def _read_by(node: Any) -> Iterator[str]:
    """Yields what a node reads, also within the graphs of its branches and loops."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for graph in [attribute.g, *attribute.graphs]:
            for inner in graph.node:
                yield from _read_by(inner)
