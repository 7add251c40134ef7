"""Plan: which signals are kept of a step, where their values come from, and how each is written."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from ainimal_zookeeper.domain import paths
from ainimal_zookeeper.domain.documents import SignalDoc
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.recordings import DRIVEN, FIRST, FLAGS, OVERRIDDEN, PATCHES, TERMINATED, TRUNCATED

from ..parts import part

if TYPE_CHECKING:
    from ainimal_zookeeper.recording import Channel

Read = Callable[[Any, Any, Any, Any], Any]  # from inputs, outputs, action, reward

ELSEWHERE = ("agents", "weights")  # of shared worlds, or kept apart from the steps


@dataclass(frozen=True, slots=True)
class Sources:
    """Where values come from that are no part of a step. All are asked in the step thread; None: not there.

    render: the picture of the world. tapped: an activation or a part of the state. metric: (value, step) of the newest.
    """

    render: Callable[[], Any]
    tapped: Callable[[str], Any]
    metric: Callable[[str], tuple[float, int] | None]


class Plan:
    """Made of the first step: what a value is shows only then. The first channel is that of the flags.

    rare: channels of what was seen after the last step of an episode, one for each input, and that of patches.
    left_out: signals that cannot be written, and why.
    """

    def __init__(self, signals: Sequence[SignalDoc], sources: Sources, step: Sequence[Any]) -> None:
        """`step`: inputs, outputs, action and reward of the first one."""
        from ainimal_zookeeper.recording import Channel

        self.channels: list[Channel] = [Channel(FLAGS, "uint8", (), "scalar")]
        self.rare: list[Channel] = []
        self.left_out: dict[str, str] = {}
        self._reads: list[Read] = []
        self._finals: list[Read] = []
        for signal in signals:
            path = signal["path"]
            if path.partition(".")[0] in ELSEWHERE:
                continue
            read = _reader(path, sources)
            first = read(*step)
            try:
                channel = channel_of(signal, _plain(first))
            except InvalidInput as error:
                self.left_out[path] = error.message
                continue
            read = read if _is_plain(first) else _converted(read)
            self.channels.append(channel)
            self._reads.append(read)
            group, _, name = path.partition(".")
            if group == "inputs":
                self.rare.append(replace(channel, path=paths.join(paths.FINAL, name)))
                self._finals.append(read)
        self.rare.append(Channel(PATCHES, "json", (), "json"))

    def values(self, flags: int, inputs: Any, outputs: Any, action: Any, reward: Any) -> list[Any]:
        """Returns one value for each channel; they may be the very arrays of the step."""
        return [flags, *[read(inputs, outputs, action, reward) for read in self._reads]]

    def rare_values(self, final: Any, patched: Mapping[str, Any] | None) -> list[Any] | None:
        """Returns one value for each rare channel, None where there is none.

        final: what was seen after an episode's last step. patched: what rules have taken from other recordings.
        """
        if final is None and not patched:
            return None
        seen = [None if final is None else read(final, None, None, None) for read in self._finals]
        return [*seen, {key: encoded(value) for key, value in patched.items()} if patched else None]

    def fitting(
        self, values: Sequence[Any], rare: Sequence[Any] | None
    ) -> tuple[list[Any], list[Any] | None, list[str]]:
        """Returns both with None for each value that its channel cannot hold, and the paths of those."""
        refused: list[str] = []
        kept = _fitting(self.channels, values, refused)
        return kept, None if rare is None else _fitting(self.rare, rare, refused), refused


def encoded(value: Any) -> Any:
    """Returns a text or an array as JSON, as `modality.decoded` reads it."""
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    data = base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def flags_of(terminated: Any, truncated: Any, *, overridden: bool, driven: bool, first: bool) -> int:
    """Returns the bits of `domain.recordings`; of many environments at once each tells of any."""
    flags = 0
    if terminated is not False and _holds(terminated):  # the usual case is decided at no cost
        flags |= TERMINATED
    if truncated is not False and _holds(truncated):
        flags |= TRUNCATED
    if overridden:
        flags |= OVERRIDDEN
    if driven:
        flags |= DRIVEN
    return flags | FIRST if first else flags


def _holds(value: Any) -> bool:
    """Whether a flag is set; of many, whether any is."""
    try:
        return bool(value)
    except ValueError:
        return bool(np.any(value))


def channel_of(signal: SignalDoc, value: Any) -> Channel:
    """Returns how values like `value` are written; without one, as the signal's modality says. Raises: InvalidInput."""
    from ainimal_zookeeper.recording import Channel

    path, modality = signal["path"], signal["modality"]
    if value is None:
        return _promised(signal)
    if isinstance(value, str):
        return Channel(path, "str", (), "text")
    if isinstance(value, Mapping):
        return Channel(path, "json", (), "json")
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise InvalidInput(f"{path} holds {array.dtype}, and numbers, texts and JSON can be recorded")
    if not array.ndim:
        return Channel(path, array.dtype.name, (), "scalar")
    is_image = modality["kind"] == "IMAGE" and array.ndim in {2, 3}
    return Channel(path, array.dtype.name, array.shape, "image" if is_image else "vector")


def _promised(signal: SignalDoc) -> Channel:
    from ainimal_zookeeper.recording import Channel

    path, modality = signal["path"], signal["modality"]
    if modality["kind"] == "TEXT":
        return Channel(path, "str", (), "text")
    shape = [length for length in modality["shape"] if length is not None]
    if len(shape) < len(modality["shape"]):
        raise InvalidInput(f"{path} had no value when the recording began, and nothing says how large it is")
    kind: Any = "scalar" if not shape else "image" if modality["kind"] == "IMAGE" and len(shape) in {2, 3} else "vector"
    return Channel(path, modality["dtype"], tuple(shape), kind)


def _reader(path: str, sources: Sources) -> Read:
    group, _, name = path.partition(".")
    if group == "inputs":
        return lambda inputs, _o, _a, _r: inputs[name] if name in inputs else part(inputs, name)
    if group == "outputs":
        return lambda _i, outputs, _a, _r: (
            None if outputs is None else outputs[name] if name in outputs else part(outputs, name)
        )
    if group == paths.ACTION:
        return lambda _i, _o, action, _r: part(action, name) if name else action
    if path == paths.REWARD:
        return lambda _i, _o, _a, reward: reward
    if path == paths.FRAME:
        return lambda _i, _o, _a, _r: sources.render()
    if group == "metrics":
        return _fresh(path, sources)
    return lambda _i, _o, _a, _r: sources.tapped(path)


def _fresh(path: str, sources: Sources) -> Read:
    """Returns a reader that gives each value of a metric once."""
    told: tuple[float, int] | None = None

    def read(_i: Any, _o: Any, _a: Any, _r: Any) -> Any:
        nonlocal told
        found = sources.metric(path)
        if found is None or found == told:
            return None
        told = found
        return found[0]

    return read


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (np.ndarray, np.generic, bool, int, float, str, Mapping))


def _converted(read: Read) -> Read:
    return lambda inputs, outputs, action, reward: _plain(read(inputs, outputs, action, reward))


def _plain(value: Any) -> Any:
    """Returns a value without the libraries that it is of: torch's tensors become arrays, and so do lists."""
    if _is_plain(value):
        return value
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
        return value.numpy()
    return np.asarray(value)


def _fitting(channels: Sequence[Channel], values: Sequence[Any], refused: list[str]) -> list[Any]:
    kept = []
    for channel, value in zip(channels, values, strict=True):
        fits = value is None or _fits(channel, value)
        kept.append(value if fits else None)
        if not fits:
            refused.append(channel.path)
    return kept


def _fits(channel: Channel, value: Any) -> bool:
    if channel.varies:
        return isinstance(value, str) if channel.kind == "text" else isinstance(value, Mapping)
    array, dtype = np.asarray(value), np.dtype(channel.dtype)
    if array.shape != channel.shape or array.dtype.kind not in "biuf":
        return False
    return np.can_cast(array.dtype, dtype, "same_kind") or (array.dtype.kind in "biu" and dtype.kind in "iu")
