"""Reduction: from a captured value to what travels: cut, picked, thinned, and as numbers, statistics or a picture."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.documents import ModalityDoc
from ainimal_zookeeper.domain.errors import InvalidInput

from ..history import plain_number
from .frames import plain_array
from .watches import WatchRequest

Array = np.ndarray[Any, Any]
HISTOGRAM_BINS = 32
JPEG_QUALITY = 80
SMALL_SIDE = 128  # up to here pixels are seen one by one, and so is what compression does to them
SMALL_JPEG_QUALITY = 92
MAX_BYTES = 32 * 2**20  # of one value; a message that the other side refuses would end the link for all who watch
MAX_CHARACTERS = 2**20


class PictureUnavailable(Exception):
    """A JPEG was asked for and cannot be made; the message says why."""


def reduced(value: Any, request: WatchRequest, modality: ModalityDoc | None) -> tuple[dict[str, Any], bytes]:
    """Returns the fields that say what `value` is, and the payload.

    Raises: InvalidInput when crop or index do not fit, or too much would be sent; PictureUnavailable.
    """
    if isinstance(value, str):
        return {"text": value[:MAX_CHARACTERS]}, b""
    array = _picked(_cropped(np.asarray(value), request), request)
    if array.dtype.kind not in "biufc":
        raise InvalidInput(f"{request.path} holds {array.dtype} values; watch one of its parts", ("path",))
    if request.reduce == "STATISTICS":
        return {"statistics": statistics(array)}, b""
    if request.reduce == "HISTOGRAM":
        return {"histogram": histogram(array)}, b""
    if array.ndim == 0:
        return {"scalar": _scalar(array)}, b""
    if request.reduce == "JPEG":
        data, shape = jpeg(array, modality, request.max_size)
        return {"dtype": "uint8", "shape": list(shape), "encoding": "JPEG"}, data
    thinned = thin(array, modality, request.max_size)
    if thinned.nbytes > MAX_BYTES:
        raise InvalidInput(
            f"{request.path} has {thinned.nbytes:,} bytes, and at most {MAX_BYTES:,} are sent of one value; "
            "ask with maxSize, crop or reduce",
            ("maxSize",),
        )
    thinned = plain_array(thinned)
    return {"dtype": thinned.dtype.name, "shape": list(thinned.shape), "encoding": "RAW"}, thinned.tobytes()


def statistics(array: Array) -> dict[str, Any]:
    """Returns count, and mean, std, min and max of the finite elements ("NaN" where there are none)."""
    numbers = np.abs(array) if array.dtype.kind == "c" else array
    numbers = numbers.astype(np.float64, copy=False)
    finite = numbers[np.isfinite(numbers)]
    if finite.size:
        with np.errstate(all="ignore"):  # sums of huge numbers may be infinite
            values = (float(finite.mean()), float(finite.std()), float(finite.min()), float(finite.max()))
    else:
        values = (math.nan,) * 4
    mean, std, low, high = map(plain_number, values)
    return {
        "count": int(array.size),
        "mean": mean,
        "std": std,
        "min": low,
        "max": high,
        "nonFinite": int(array.size - finite.size),
    }


def histogram(array: Array, bins: int = HISTOGRAM_BINS) -> dict[str, Any]:
    """Returns edges and counts of the finite elements, in bins of the same width; none without such elements."""
    numbers = np.abs(array) if array.dtype.kind == "c" else array
    numbers = numbers.astype(np.float64, copy=False)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return {"edges": [], "counts": []}
    try:
        with np.errstate(all="ignore"):
            counts, edges = np.histogram(finite, bins)
    except (ValueError, OverflowError):  # the range is too wide, or too narrow for that many edges in floating point
        counts, edges = np.array([finite.size]), np.array([finite.min(), finite.max()])
    return {"edges": [plain_number(float(edge)) for edge in edges], "counts": [int(count) for count in counts]}


def thin(array: Array, modality: ModalityDoc | None, max_size: int | None) -> Array:
    """Returns every n-th element along each long axis, so that none has more than `max_size`.

    Of an image only height and width are thinned, both by the same n.
    """
    if max_size is None:
        return array
    axes = _sides(array, modality)
    if axes is None:
        return array[tuple(slice(None, None, max(1, math.ceil(length / max_size))) for length in array.shape)]
    stride = max(1, math.ceil(max(array.shape[axis] for axis in axes) / max_size))
    return array[tuple(slice(None, None, stride if axis in axes else 1) for axis in range(array.ndim))]


def jpeg(array: Array, modality: ModalityDoc | None, max_size: int | None) -> tuple[bytes, tuple[int, ...]]:
    """Returns a JPEG file and its shape (height, width, channels). Raises: PictureUnavailable."""
    pixels = _pixels(array, modality)
    if pixels is None:
        raise PictureUnavailable(
            f"{array.dtype}{list(array.shape)} is no picture: height, width and 1, 3 or 4 channels"
        )
    try:
        from PIL import Image
    except ImportError:
        raise PictureUnavailable("JPEG needs Pillow where the model runs; pip install pillow there") from None
    image = Image.fromarray(pixels)
    if max_size is not None and max(image.size) > max_size:
        image.thumbnail((max_size, max_size), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    if min(image.size) <= SMALL_SIDE:
        image.save(file, "JPEG", quality=SMALL_JPEG_QUALITY, subsampling="4:4:4")
    else:
        image.save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue(), (image.height, image.width, len(image.getbands()))


def _cropped(array: Array, request: WatchRequest) -> Array:
    crop = request.crop
    if crop is None:
        return array
    if len(crop) // 2 > array.ndim:
        raise InvalidInput(f"crop names {len(crop) // 2} axes; {request.path} has {array.ndim}", ("crop",))
    return array[tuple(slice(start, stop) for start, stop in zip(crop[::2], crop[1::2], strict=True))]


def _picked(array: Array, request: WatchRequest) -> Array:
    index = request.index
    if index is None:
        return array
    try:
        return np.asarray(array[index])
    except IndexError:
        raise InvalidInput(
            f"index is {list(index)}; {request.path} has the shape {list(array.shape)}", ("index",)
        ) from None


def _scalar(array: Array) -> Any:
    value = array.item()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, complex):
        value = abs(value)
    return value if isinstance(value, int) else plain_number(value)


def _sides(array: Array, modality: ModalityDoc | None) -> tuple[int, int] | None:
    """Returns the axes of height and width, None when `array` is no image."""
    declared = modality is not None and modality["kind"] == "IMAGE"
    if array.ndim == 2 and (declared or array.dtype == np.uint8):
        return 0, 1
    if array.ndim != 3 or not (declared or array.dtype == np.uint8):
        return None
    if modality is not None and modality["layout"] == "CHW" and array.shape[0] in {1, 3, 4}:
        return 1, 2
    if array.shape[2] in {1, 3, 4}:
        return 0, 1
    return (1, 2) if array.shape[0] in {1, 3, 4} else None


def _pixels(array: Array, modality: ModalityDoc | None) -> Array | None:
    """Returns uint8[H, W] or uint8[H, W, 3]."""
    sides = _sides(array, modality)
    if sides is None or 0 in array.shape:
        return None
    pixels = np.moveaxis(array, 0, 2) if sides == (1, 2) else array
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * 255
    elif pixels.dtype != np.uint8:
        low, high = _range(pixels, modality)
        numbers = np.nan_to_num(pixels.astype(np.float32), nan=low, posinf=high, neginf=low)
        pixels = np.clip((numbers - low) * (255.0 / (high - low)), 0, 255).astype(np.uint8)
    if pixels.ndim == 3:
        pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels[..., :3]
    return np.ascontiguousarray(pixels)


def _range(pixels: Array, modality: ModalityDoc | None) -> tuple[float, float]:
    """Returns the values that are black and white."""
    low = modality["low"] if modality else None
    high = modality["high"] if modality else None
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and high > low:
        return float(low), float(high)
    if pixels.dtype.kind == "f":
        return 0.0, 1.0
    return 0.0, 255.0
