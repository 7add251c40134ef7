"""Which inputs and outputs of an ONNX graph are those of the world, and how values get from one to the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.modality import Modality, ModalityKind
from ainimal_zookeeper.models.agent import Finding

Shape = tuple["int | None", ...]
Tensor = tuple[str, "Shape | None", str]  # name, shape, onnxruntime's name of the type
Modalities = Mapping[str, Modality]

_DTYPES = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16",
    "tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(int16)": "int16", "tensor(int8)": "int8",
    "tensor(uint64)": "uint64", "tensor(uint32)": "uint32", "tensor(uint16)": "uint16", "tensor(uint8)": "uint8",
    "tensor(bool)": "bool", "tensor(string)": "str",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Channels:
    """take: inputs by the world's names -> arrays by the graph's. give: the graph's outputs -> by the world's names.

    batches: whether values have num_envs in front.
    """

    inputs: dict[str, Modality]
    outputs: dict[str, Modality]
    take: Callable[[Mapping[str, Any]], dict[str, Any]]
    give: Callable[[Mapping[str, Any]], dict[str, Any]]
    batches: bool
    findings: tuple[Finding, ...]


def channels_of(
    label: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    observation: Modalities | None,
    action: Modalities | None,
) -> Channels:
    """Raises: AInimalFault when the graph needs an input, or the world an output, that the other does not have."""
    names = _input_names(label, inputs, observation)
    wanted = None if observation is None else {own: observation[world] for world, own in names.items()}
    batched = _is_batched(label, inputs, outputs, wanted)
    varies = batched and all(shape is not None and shape[0] is None for _, shape, _ in inputs)
    seen = {name: _modality(name, shape, kind, batched) for name, shape, kind in inputs}
    known = {world: observation[world] if observation is not None else seen[own] for world, own in names.items()}
    given = {name: _modality(name, shape, kind, batched) for name, shape, kind in outputs}
    acts, findings = _actions(label, given, action)
    renamed = {act.output for act in acts if not act.best}
    told = {name: modality for name, modality in given.items() if name not in renamed}
    chosen = {} if action is None else {act.name: action[act.name] for act in acts}
    if batched:
        text = "it takes batches" if varies else "it takes batches of one"
        findings.append(Finding("inputs", f"{text}: the first axis of all its inputs is for that", "inferred"))
    dtypes = {own: _dtype(kind) for own, _, kind in inputs}
    return Channels(
        known,
        {**told, **chosen},
        _taker(names, dtypes, alone=batched and not varies),
        _giver(told, acts, alone=batched and not varies),
        varies,
        tuple(findings),
    )


@dataclass(frozen=True, slots=True)
class _Act:
    """An action by the world's name, and the output that it is made of.

    best: it is the number of the largest element, from `low`. only: it is the only element.
    """

    name: str
    output: str
    best: bool
    only: bool
    dtype: str
    low: int


def _input_names(label: str, inputs: Sequence[Tensor], observation: Modalities | None) -> dict[str, str]:
    """Returns the graph's names by those of the world."""
    if observation is None:
        return {name: name for name, _, _ in inputs}
    if len(inputs) == 1 and len(observation) == 1:
        return {next(iter(observation)): inputs[0][0]}
    missing = [name for name, _, _ in inputs if name not in observation]
    if missing:
        raise AInimalFault(f"{label} needs the input {missing[0]}, but the world shows {', '.join(observation)}")
    return {name: name for name, _, _ in inputs}


def _is_batched(label: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], wanted: Modalities | None) -> bool:
    """Tells whether the first axis of all inputs is for several of them at once."""
    if wanted is None:
        free = [shape is not None and len(shape) > 1 and shape[0] in (None, 1) for _, shape, _ in inputs]
        answered = [shape is not None and len(shape) > 0 and shape[0] in (None, 1) for _, shape, _ in outputs]
        return bool(free) and all(free) and all(answered)
    extra = set()
    for name, shape, kind in inputs:
        modality = wanted[name]
        if shape is None or modality.kind is ModalityKind.TREE:
            continue
        more = len(shape) - len(modality.shape)
        if more not in (0, 1) or not _agree(shape[more:], modality.shape) or (more and shape[0] not in (None, 1)):
            raise AInimalFault(
                f"{label}: the input {name} is {_worded(shape, kind)}, but the world's {modality.name} is "
                f"{modality.describe()}"
            )
        extra.add(more)
    if len(extra) > 1:
        raise AInimalFault(f"{label}: some of its inputs have an axis more than what the world shows, others do not")
    return extra == {1}


def _agree(own: Shape, world: Shape) -> bool:
    return all(mine is None or theirs is None or mine == theirs for mine, theirs in zip(own, world, strict=True))


def _modality(name: str, shape: Shape | None, kind: str, batched: bool) -> Modality:
    dtype = _DTYPES.get(kind)
    if shape is None or dtype is None:
        return Modality(name, ModalityKind.TREE)
    shape = shape[1:] if batched else shape
    if dtype == "str":
        return Modality.text(name) if not shape else Modality(name, ModalityKind.TREE)
    return Modality(name, ModalityKind.VECTOR if shape else ModalityKind.SCALAR, shape, dtype)


def _actions(label: str, outputs: Modalities, action: Modalities | None) -> tuple[list[_Act], list[Finding]]:
    """Returns what of the outputs becomes the action."""
    acts: list[_Act] = []
    findings: list[Finding] = []
    for name, modality in (action or {}).items():
        offered = {name: outputs[name]} if name in outputs else outputs
        fitting = {own: _fit(output, modality) for own, output in offered.items()}
        found = next((own for own, fit in fitting.items() if fit is not None), None)
        if found is None or (len(action or {}) > 1 and name not in outputs):
            have = ", ".join(f"{own} ({output.describe()})" for own, output in outputs.items())
            raise AInimalFault(f"the world takes {name} as {modality.describe()}, but {label} returns {have}")
        best, only = fitting[found] == "best", fitting[found] == "only"
        acts.append(_Act(name, found, best, only, modality.dtype, int(modality.low) if best else 0))
        if best:
            findings.append(
                Finding("outputs", f"{name} is the number of the largest of {found}, one for each choice", "inferred")
            )
        elif found != name:
            findings.append(Finding("names", f"the world's {name} is the graph's {found}", "inferred"))
    return acts, findings


def _fit(output: Modality, modality: Modality) -> str | None:
    """Tells how an output can be an action: the "same", its "only" or its "best" element, or not at all."""
    if output.kind is ModalityKind.TREE or (output.kind is ModalityKind.TEXT) != (modality.kind is ModalityKind.TEXT):
        return None
    if output.kind is ModalityKind.TEXT:
        return "same"
    whole = np.dtype(output.dtype).kind in "iub"
    if modality.kind is ModalityKind.DISCRETE:
        if whole:
            return "same" if output.shape == () else "only" if output.shape == (1,) else None
        return "best" if output.shape == (modality.count,) else None
    fits = len(output.shape) == len(modality.shape) and _agree(output.shape, modality.shape)
    return "same" if fits and (whole or modality.kind is not ModalityKind.MULTI_DISCRETE) else None


def _taker(
    names: Mapping[str, str], dtypes: Mapping[str, np.dtype[Any]], *, alone: bool
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    pairs = [(world, own, dtypes[own]) for world, own in names.items()]

    def take(values: Mapping[str, Any]) -> dict[str, Any]:
        if alone:
            return {own: np.asarray(values[world], dtype)[None] for world, own, dtype in pairs}
        return {own: np.asarray(values[world], dtype) for world, own, dtype in pairs}

    return take


def _giver(
    told: Mapping[str, Modality], acts: Sequence[_Act], *, alone: bool
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    def give(values: Mapping[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for name, modality in told.items():
            value = values[name]
            given[name] = value[0] if alone and modality.kind is not ModalityKind.TREE else value
        for act in acts:
            value = values[act.output]
            if act.best:
                value = value.argmax(-1) + act.low
            elif act.only:
                value = value[..., 0]
            value = value[0] if alone else value
            given[act.name] = value if act.dtype == "str" else np.asarray(value).astype(act.dtype, copy=False)[()]
        return given

    return give


def _dtype(kind: str) -> np.dtype[Any]:
    return np.dtype(object if kind == "tensor(string)" else _DTYPES.get(kind, "float32"))


def _worded(shape: Shape, kind: str) -> str:
    sizes = ", ".join("any" if size is None else str(size) for size in shape)
    return f"{_DTYPES.get(kind, kind)}[{sizes}]"
