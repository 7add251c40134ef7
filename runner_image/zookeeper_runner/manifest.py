"""Manifest: what people and programs are told of a model and its world once both are loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from ainimal_zookeeper.domain import paths
from ainimal_zookeeper.domain.documents import Manifest, ModalityDoc, SignalDoc
from ainimal_zookeeper.modality import Modality, ModalityKind
from ainimal_zookeeper.models.agent import Finding

Modalities = Mapping[str, Modality]
_STATE_SIGNALS = 200
_BOUNDS = 256  # told one by one: a manifest is one document
_COUNTED = 2_000  # of those beyond: counting has to end as well
_CERTAIN = {
    "declared": "declared",
    "configured": "configured",
    "inferred": "inferred",
    "measured": "measured in a dry run",
    "guessed": "guessed",
}


def manifest_of(
    inputs: Modalities,
    outputs: Modalities,
    *,
    action: Modalities | None = None,
    trainable: bool = False,
    state: Mapping[str, Any] | None = None,
    picture: Any = None,
    has_world: bool = True,
    agents: Mapping[str, tuple[Modalities, Modalities]] | None = None,
    findings: Sequence[str] = (),
    frame_rate: float | None = None,
    architecture: Mapping[str, Any] | None = None,
) -> Manifest:
    """Returns the manifest.

    state: an example of it. picture: an example of a rendered one, None without. agents: what those on the seats of a
    shared world see and do.
    """
    signals = [_signal(paths.join("inputs", name), modality) for name, modality in inputs.items()]
    signals += [_signal(paths.join("outputs", name), modality) for name, modality in outputs.items()]
    if action is not None:
        worded = {name: _worded(modality, outputs.get(name)) for name, modality in action.items()}
        signals += _action_signals(worded, paths.ACTION)
    for seat, (seen, done) in (agents or {}).items():
        signals += [_signal(paths.join("agents", seat, "inputs", name), modality) for name, modality in seen.items()]
        signals += _action_signals(done, paths.join("agents", seat, paths.ACTION))
    if has_world:
        if picture is not None:
            signals += [_signal(paths.FRAME, _picture_modality(picture))]
        signals += [_signal(paths.REWARD, Modality.scalar("reward"))]
        signals += [metric_signal(path) for path in (paths.EPISODE_RETURN, paths.EPISODE_LENGTH)]
    if trainable:
        signals.append(metric_signal(paths.LOSS))
    told = list(findings)
    if state:
        shown, left_out = state_signals(state)
        signals += shown
        if left_out:
            told.append(_left_out_of_state(left_out))
    images = [s["path"] for s in signals if s["modality"]["kind"] == "IMAGE" and s["path"].startswith("inputs.")]
    return {
        "inputs": [_document(modality) for modality in inputs.values()],
        "outputs": [_document(modality) for modality in outputs.values()],
        "signals": _once(signals),
        "architecture": None if architecture is None else dict(architecture),
        "trainable": trainable,
        "findings": told,
        "previewPaths": [paths.FRAME] if picture is not None else images[:2],
        "frameRate": frame_rate,
    }


def sentences(findings: Iterable[Finding]) -> list[str]:
    """Returns findings as people read them: "forward: act takes the observation (inferred)"."""
    return [f"{finding.subject}: {finding.text} ({_CERTAIN[finding.certainty]})" for finding in findings]


def metric_signal(path: str) -> SignalDoc:
    return _signal(path, Modality.scalar(path.rsplit(".", maxsplit=1)[-1]))


def state_signals(state: Mapping[str, Any]) -> tuple[list[SignalDoc], int]:
    """Returns a signal for each array, number and text in `state`, and how many more there would be.

    Nested ones have dots in their paths.
    """
    found = _state_signals(state, "state")
    return list(islice(found, _STATE_SIGNALS)), sum(1 for _ in islice(found, _COUNTED))


def _state_signals(tree: Any, path: str) -> Iterator[SignalDoc]:
    if tree is None or not paths.is_path(path):
        return
    if isinstance(tree, Mapping):
        for name, part in tree.items():
            yield from _state_signals(part, f"{path}.{name}")
        return
    if isinstance(tree, (list, tuple)) and tree and not all(isinstance(part, (int, float)) for part in tree):
        for index, part in enumerate(tree):
            yield from _state_signals(part, f"{path}.{index}")
        return
    try:
        if hasattr(tree, "detach"):
            tree = tree.detach().cpu().numpy()
        modality = next(iter(Modality.from_example(tree, path.rsplit(".", 1)[-1]).values()))
    except Exception:  # noqa: BLE001 - whatever an author keeps in a state; what has no modality is not shown
        return
    if modality.kind is not ModalityKind.TREE:
        yield _signal(path, modality)


def _left_out_of_state(count: int) -> str:
    many = f"{'at least ' if count == _COUNTED else ''}{count} value{'' if count == 1 else 's'}"
    return (
        f"state: {many} of it cannot be watched: only the first {_STATE_SIGNALS} can; "
        "keep fewer in it, or arrays of them (measured)"
    )


def _worded(action: Modality, output: Modality | None) -> Modality:
    """Returns `action` with the words of the output that becomes it, where the world has none for it."""
    if output is None or (output.kind, output.shape, output.low) != (action.kind, action.shape, action.low):
        return action
    labels = output.labels if output.high == action.high else None
    return replace(action, labels=action.labels or labels, names=action.names or output.names)


def _action_signals(action: Modalities, path: str) -> list[SignalDoc]:
    if len(action) == 1:
        return [_signal(path, next(iter(action.values())))]
    return [_signal(paths.join(path, name), modality) for name, modality in action.items()]


def _picture_modality(picture: Any) -> Modality:
    height, width = picture.shape[:2]
    return Modality.image("frame", height, width, picture.shape[2] if picture.ndim == 3 else 1)


def _signal(path: str, modality: Modality) -> SignalDoc:
    return {"path": path, "modality": _document(modality), "observable": True, "overridable": False}


def _document(modality: Modality) -> ModalityDoc:
    """Returns a modality with one bound for all where it has too many to tell each."""
    document: ModalityDoc = modality.to_document()
    for key, widest in (("low", np.min), ("high", np.max), ("neutral", None)):
        told = document[key]  # type: ignore[literal-required]
        if isinstance(told, list) and np.size(np.asarray(told, object)) > _BOUNDS:
            document[key] = None if widest is None else _widest(told, widest)  # type: ignore[literal-required]
    return document


def _widest(told: list[Any], widest: Callable[[Any], Any]) -> Any:
    try:
        bound = float(widest(np.asarray(told, np.float64)))
    except (TypeError, ValueError):  # some elements have none
        return None
    return bound if math.isfinite(bound) else None


def _once(signals: list[SignalDoc]) -> list[SignalDoc]:
    return list({signal["path"]: signal for signal in signals if paths.is_path(signal["path"])}.values())
