"""Manifest: what people and programs are told of a model and its world once both are loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ainimal_zookeeper.domain import paths
from ainimal_zookeeper.domain.documents import Manifest, ModalityDoc, SignalDoc
from ainimal_zookeeper.modality import Modality, ModalityKind
from ainimal_zookeeper.models.agent import Finding

Modalities = Mapping[str, Modality]
_OF_OTHERS = "it is of an instance that acts here: override it there"
_UNUSED = "nothing uses it: only what becomes the action has an effect on the world"
_SAID = "nothing uses what would be put in its place"
_TREE = "it is a tree of anything, not numbers"
TAPPED = frozenset({"activations", "weights", "state"})
_BOUNDS = 256  # told one by one: a manifest is one document
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
    taps: Sequence[SignalDoc] = (),
    picture: Any = None,
    has_world: bool = True,
    agents: Mapping[str, tuple[Modalities, Modalities]] | None = None,
    findings: Sequence[str] = (),
    frame_rate: float | None = None,
    architecture: Mapping[str, Any] | None = None,
    hosts: bool = False,
) -> Manifest:
    """Returns the manifest.

    hosts: whether it is a world in which others act. taps: signals within the model. picture: an example of a rendered
    one, None without. agents: what those on the seats of a shared world see and do.
    """
    fixed = _OF_OTHERS if hosts else None
    signals = [_signal(paths.join("inputs", name), modality, fixed) for name, modality in inputs.items()]
    for name, modality in outputs.items():
        unused = _UNUSED if action is not None and name not in action else None
        signals.append(_signal(paths.join("outputs", name), modality, fixed or unused))
    if action is not None:
        worded = {name: _worded(modality, outputs.get(name)) for name, modality in action.items()}
        signals += _action_signals(worded, paths.ACTION, fixed)
    for seat, (seen, done) in (agents or {}).items():
        signals += [
            _signal(paths.join("agents", seat, "inputs", name), modality, _OF_OTHERS) for name, modality in seen.items()
        ]
        signals += _action_signals(done, paths.join("agents", seat, paths.ACTION), _OF_OTHERS)
    if has_world:
        if picture is not None:
            signals += [_signal(paths.FRAME, _picture_modality(picture), _SAID)]
        signals += [_signal(paths.REWARD, Modality.scalar("reward"), _SAID)]
        signals += [metric_signal(path) for path in (paths.EPISODE_RETURN, paths.EPISODE_LENGTH)]
    if trainable:
        signals.append(metric_signal(paths.LOSS))
    signals += taps
    images = [s["path"] for s in signals if s["modality"]["kind"] == "IMAGE" and s["path"].startswith("inputs.")]
    return {
        "inputs": [_document(modality) for modality in inputs.values()],
        "outputs": [_document(modality) for modality in outputs.values()],
        "signals": _once(signals),
        "architecture": None if architecture is None else dict(architecture),
        "trainable": trainable,
        "findings": list(findings),
        "previewPaths": [paths.FRAME] if picture is not None else images[:2],
        "frameRate": frame_rate,
    }


def sentences(findings: Iterable[Finding]) -> list[str]:
    """Returns findings as people read them: "forward: act takes the observation (inferred)"."""
    return [f"{finding.subject}: {finding.text} ({_CERTAIN[finding.certainty]})" for finding in findings]


def metric_signal(path: str) -> SignalDoc:
    return _signal(path, Modality.scalar(path.rsplit(".", maxsplit=1)[-1]), _SAID)


def retapped(manifest: Manifest, signals: Sequence[SignalDoc], architecture: Mapping[str, Any] | None) -> Manifest:
    """Returns `manifest` with these taps in the place of those that it had."""
    others = [signal for signal in manifest["signals"] if signal["path"].partition(".")[0] not in TAPPED]
    told = None if architecture is None else dict(architecture)
    return {**manifest, "signals": _once([*others, *signals]), "architecture": told}


def _worded(action: Modality, output: Modality | None) -> Modality:
    """Returns `action` with the words of the output that becomes it, where the world has none for it."""
    if output is None or (output.kind, output.shape, output.low) != (action.kind, action.shape, action.low):
        return action
    labels = output.labels if output.high == action.high else None
    return replace(action, labels=action.labels or labels, names=action.names or output.names)


def _action_signals(action: Modalities, path: str, fixed: str | None) -> list[SignalDoc]:
    if len(action) == 1:
        return [_signal(path, next(iter(action.values())), fixed)]
    return [_signal(paths.join(path, name), modality, fixed) for name, modality in action.items()]


def _picture_modality(picture: Any) -> Modality:
    height, width = picture.shape[:2]
    return Modality.image("frame", height, width, picture.shape[2] if picture.ndim == 3 else 1)


def _signal(path: str, modality: Modality, fixed: str | None) -> SignalDoc:
    """fixed: why no rule can stand on it, None where one can."""
    if fixed is None and modality.kind is ModalityKind.TREE:
        fixed = _TREE
    signal: SignalDoc = {
        "path": path,
        "modality": _document(modality),
        "observable": True,
        "overridable": fixed is None,
    }
    if fixed is not None:
        signal["reason"] = fixed
    return signal


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
