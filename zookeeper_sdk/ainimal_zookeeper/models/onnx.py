"""ONNX files as agents: a graph that onnxruntime runs on the CPU, seen and changed at any tensor within."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ainimal_zookeeper.domain.errors import AInimalFault, InvalidInput
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.models.agent import Agent, Capabilities, Finding
from ainimal_zookeeper.models.onnx_channels import Channels, channels_of
from ainimal_zookeeper.models.onnx_graph import OnnxGraph

Change = Callable[[Any], Any]

_NAMES, _ARRAYS = "weights.json", "weights.npz"  # what `save` writes


def load(
    spec: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    observation: Mapping[str, Modality] | None,
    action: Mapping[str, Modality] | None,
    stage: Callable[[str], None],
) -> Agent:
    """Opens the file, and finds out which of its inputs and outputs are those of the world."""
    path = spec.get("path")
    if not path:
        raise InvalidInput("a model of type onnx needs the path of its file", ("path",))
    stage("importing onnxruntime")
    model = OnnxModel(Path(path), stage)
    channels = channels_of(model.name, model.inputs, model.outputs, observation, action)
    findings = [Finding("forward", f"onnxruntime runs the graph of {model.name} on the CPU", "inferred")]
    findings += channels.findings
    findings += [
        Finding("parameters", f"nothing takes the parameter {name}: the graph is fixed", "inferred")
        for name in parameters
    ]
    if model.graph is None:
        told = f"nothing within the graph can be seen without the package onnx: {sys.executable} -m pip install onnx"
        findings.append(Finding("activations", told, "measured"))
    return Agent(
        forward=_forward(model, channels),
        inputs=channels.inputs,
        outputs=channels.outputs,
        can=Capabilities(save=model.save, load=model.load),
        vectorized=channels.batches,
        findings=tuple(findings),
        subject=model,
        inside=model,
    )


def _forward(model: OnnxModel, channels: Channels) -> Callable[[dict[str, Any]], dict[str, Any]]:
    run, take, give = model.run, channels.take, channels.give

    def forward(inputs: dict[str, Any]) -> dict[str, Any]:
        return give(run(take(inputs)))

    return forward


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the graph, ready to run. takes: the names of what it is fed."""

    session: Any
    takes: tuple[str, ...]
    gives: tuple[str, ...]


class OnnxModel:
    """A graph, its weights, and what is wanted of its inside. It is run and changed in one thread.

    inputs, outputs: name, shape (None for a length that varies) and onnxruntime's name of the type, in order.
    While a tensor is observed it is an output as well; where one is changed, the graph is cut: what leads to it runs
    first, what it leads to afterwards. Either keeps onnxruntime from joining operations across it, so that other
    tensors may differ in their last bits.

    Raises: AInimalFault for a file that is no such graph, and without onnxruntime.
    """

    def __init__(self, file: Path, stage: Callable[[str], None] = lambda _: None) -> None:
        self.name = file.name
        self._file = file
        self._runtime = _runtime(file)
        stage(f"opening {file.name}")
        self._whole = self._opened(str(file))
        self.inputs = [_described(each) for each in self._whole.get_inputs()]
        self.outputs = [_described(each) for each in self._whole.get_outputs()]
        self._output_names = [name for name, _, _ in self.outputs]
        self._observed: frozenset[str] = frozenset()
        self._changes: dict[str, Change] = {}
        self._written: dict[str, np.ndarray[Any, Any]] = {}
        self._plan: list[Piece] | None = None  # None: the whole graph at once
        self._planned: tuple[Any, ...] = ()
        self._kept: dict[str, Any] = {}

    @cached_property
    def graph(self) -> OnnxGraph | None:
        """The graph as the package onnx reads it, None without the package."""
        try:
            return OnnxGraph(self._file)
        except ImportError:
            return None

    def run(self, given: dict[str, Any]) -> dict[str, Any]:
        """Returns all outputs by name. given: an array for each input."""
        if self._plan is None:
            return dict(zip(self._output_names, self._whole.run(None, given), strict=True))
        values = {**given, **self._written}
        for piece in self._plan:
            fed = {name: values[name] for name in piece.takes}
            for name, value in zip(piece.gives, piece.session.run(piece.gives, fed), strict=True):
                change = self._changes.get(name)
                values[name] = value if change is None else change(value)
        self._kept = {name: values[name] for name in self._observed}
        return {name: values[name] for name in self._output_names}

    # --- its inside --------------------------------------------------------------------------------------------------

    def activations(self) -> Mapping[str, Modality]:
        return {} if self.graph is None else self.graph.tensors()

    def weights(self) -> Mapping[str, Modality]:
        return {} if self.graph is None else self.graph.weights()

    def observe(self, names: frozenset[str]) -> None:
        self._observed = names
        self._prepare()
        self._kept = {name: value for name, value in self._kept.items() if name in names}

    def change(self, changes: Mapping[str, Change]) -> None:
        self._changes = dict(changes)
        self._prepare()

    def activation(self, name: str) -> Any | None:
        return self._kept.get(name)

    def weight(self, name: str) -> Any:
        written = self._written.get(name)
        if written is not None:
            return written
        return None if self.graph is None else self.graph.weight(name)

    def set_weight(self, name: str, value: Any) -> None:
        self._written[name] = np.array(value)
        self._prepare()

    def architecture(self) -> dict[str, Any] | None:
        return None if self.graph is None else self.graph.architecture()

    # --- what it has become ------------------------------------------------------------------------------------------

    def save(self, path: str) -> None:
        """Writes the weights that were changed into the folder `path`; the others are in the file."""
        folder = Path(path)
        (folder / _NAMES).write_text(json.dumps(list(self._written)))
        np.savez(folder / _ARRAYS, *self._written.values())

    def load(self, path: str) -> None:
        """Becomes what `save` wrote."""
        folder = Path(path)
        names = json.loads((folder / _NAMES).read_text())
        with np.load(folder / _ARRAYS) as arrays:
            self._written = {name: arrays[f"arr_{number}"] for number, name in enumerate(names)}
        self._prepare()

    # --- pieces ------------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Makes the pieces that what is wanted needs, unless they are there already."""
        wanted = (self._observed, frozenset(self._changes), frozenset(self._written))
        if wanted == self._planned:
            return
        graph = self.graph
        if graph is None or not any(wanted):
            self._plan = None
        else:
            given = {name: graph.type_of_weight(name) for name in self._written}
            plan: list[Piece] = []
            for name in graph.in_order(self._changes):
                plan.append(self._piece(graph, [name], given))
                given[name] = graph.type_of(plan[-1].session.get_outputs()[0].type)
            seen = graph.in_order(self._observed - self._changes.keys())
            plan.append(self._piece(graph, [*self._output_names, *seen], given))
            self._plan = plan
        self._planned = wanted

    def _piece(self, graph: OnnxGraph, wanted: list[str], given: Mapping[str, int]) -> Piece:
        session = self._opened(graph.piece(wanted, given))
        return Piece(session, tuple(each.name for each in session.get_inputs()), tuple(wanted))

    def _opened(self, source: str | bytes) -> Any:
        options = self._runtime.SessionOptions()
        options.log_severity_level = 3  # its warnings are of unused initialisers, and of no use here
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if isinstance(source, bytes):  # which cannot tell where data beside the file is
            options.add_session_config_entry(
                "session.model_external_initializers_file_folder_path", str(self._file.parent.absolute())
            )
        try:
            return self._runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise AInimalFault(f"{self.name} cannot be opened: {_first(error)}") from error


def _runtime(file: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise AInimalFault(
            f"{file.name} needs onnxruntime, which is not installed: {sys.executable} -m pip install onnxruntime onnx"
        ) from error
    if not file.is_file():
        raise AInimalFault(f"there is no file {file}; put it back, or correct the path")
    return onnxruntime


def _described(each: Any) -> tuple[str, tuple[int | None, ...] | None, str]:
    shape = None if each.shape is None else tuple(size if isinstance(size, int) else None for size in each.shape)
    return each.name, shape, each.type


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
