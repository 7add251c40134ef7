"""Cutting: the part of a value that somebody asked for, before anything is copied."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.documents import ModalityDoc
from ainimal_zookeeper.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of a value: start and stop per axis from the first, then one element or a part of it, then every n-th
    element of long axes, so that none has more than `max_size`.
    """

    crop: tuple[int, ...] | None = None
    index: tuple[int, ...] | None = None
    max_size: int | None = None

    def of(self, path: str, value: Any, modality: ModalityDoc | None) -> Any:
        """Returns that part of an array or a tensor, as a view where that can be; a text or a number as it is.

        Raises: InvalidInput where crop or index do not fit the signal `path`.
        """
        if self is WHOLE or isinstance(value, str):
            return value
        array = value if hasattr(value, "detach") else np.asarray(value)
        return thin(self._picked(path, self._cropped(path, array)), modality, self.max_size)

    def _cropped(self, path: str, array: Any) -> Any:
        crop = self.crop
        if crop is None:
            return array
        if len(crop) // 2 > array.ndim:
            raise InvalidInput(f"crop names {len(crop) // 2} axes; {path} has {array.ndim}", ("crop",))
        return array[tuple(slice(start, stop) for start, stop in zip(crop[::2], crop[1::2], strict=True))]

    def _picked(self, path: str, array: Any) -> Any:
        index = self.index
        if index is None:
            return array
        try:
            return array[index]
        except IndexError:
            shape = list(array.shape)
            raise InvalidInput(f"index is {list(index)}; {path} has the shape {shape}", ("index",)) from None


WHOLE = Cut()


def thin(array: Any, modality: ModalityDoc | None, max_size: int | None) -> Any:
    """Returns every n-th element along each long axis, so that none has more than `max_size`.

    Of an image only height and width are thinned, both by the same n.
    """
    if max_size is None or not getattr(array, "ndim", 0) or max(array.shape) <= max_size:
        return array
    axes = sides(array, modality)
    if axes is None:
        return array[tuple(slice(None, None, max(1, math.ceil(length / max_size))) for length in array.shape)]
    stride = max(1, math.ceil(max(array.shape[axis] for axis in axes) / max_size))
    return array[tuple(slice(None, None, stride if axis in axes else 1) for axis in range(array.ndim))]


def sides(array: Any, modality: ModalityDoc | None) -> tuple[int, int] | None:
    """Returns the axes of height and width, None when `array` is no image."""
    declared = modality is not None and modality["kind"] == "IMAGE"
    likely = declared or str(array.dtype) in {"uint8", "torch.uint8"}
    if array.ndim == 2 and likely:
        return 0, 1
    if array.ndim != 3 or not likely:
        return None
    if modality is not None and modality["layout"] == "CHW" and array.shape[0] in {1, 3, 4}:
        return 1, 2
    if array.shape[2] in {1, 3, 4}:
        return 0, 1
    return (1, 2) if array.shape[0] in {1, 3, 4} else None
