"""Reduction: from a captured value to what travels: cut, picked, thinned, and as numbers, statistics or a picture."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.documents import ModalityDoc
from ainimal_zookeeper.domain.errors import InvalidInput

from ..cutting import sides, thin
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
_BLOCK = 2**16  # elements that fit into a cache, and between which other threads may run


class PictureUnavailable(Exception):
    """A JPEG was asked for and cannot be made; the message says why."""


def reduced(value: Any, request: WatchRequest, modality: ModalityDoc | None) -> tuple[dict[str, Any], bytes]:
    """Returns the fields that say what `value` is, and the payload.

    `value` is cut already (`request.cut`). Raises: InvalidInput when too much would be sent; PictureUnavailable.
    """
    if isinstance(value, str):
        return {"text": value[:MAX_CHARACTERS]}, b""
    array = np.asarray(value)
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
    flat = np.ascontiguousarray(array).reshape(-1)
    count, mean, squares, low, high = 0, 0.0, 0.0, math.inf, -math.inf
    with np.errstate(all="ignore"):  # sums of huge numbers may be infinite
        for start in range(0, flat.size, _BLOCK):
            finite = _finite(flat[start : start + _BLOCK])
            if not finite.size:
                continue
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
            more = finite.size
            middle = float(finite.sum()) / more
            apart, both = middle - mean, count + more
            deviations = finite - middle
            np.multiply(deviations, deviations, out=deviations)
            squares += float(deviations.sum()) + apart * apart * count * more / both
            mean += apart * more / both
            count = both
    values = (mean, math.sqrt(squares / count), low, high) if count else (math.nan,) * 4
    mean_, std, least, most = map(plain_number, values)
    return {
        "count": int(array.size),
        "mean": mean_,
        "std": std,
        "min": least,
        "max": most,
        "nonFinite": int(array.size - count),
    }


def _finite(array: Array) -> Array:
    """Returns the finite elements as float64, complex ones by their magnitude."""
    numbers = np.abs(array) if array.dtype.kind == "c" else array
    numbers = numbers.astype(np.float64, copy=False)
    is_finite = np.isfinite(numbers)
    return numbers if is_finite.all() else numbers[is_finite]


def histogram(array: Array, bins: int = HISTOGRAM_BINS) -> dict[str, Any]:
    """Returns edges and counts of the finite elements, in bins of the same width; none without such elements."""
    finite = _finite(array)
    if not finite.size:
        return {"edges": [], "counts": []}
    try:
        with np.errstate(all="ignore"):
            counts, edges = np.histogram(finite, bins)
    except (ValueError, OverflowError):  # the range is too wide, or too narrow for that many edges in floating point
        counts, edges = np.array([finite.size]), np.array([finite.min(), finite.max()])
    return {"edges": [plain_number(float(edge)) for edge in edges], "counts": [int(count) for count in counts]}


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


def _scalar(array: Array) -> Any:
    value = array.item()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, complex):
        value = abs(value)
    return value if isinstance(value, int) else plain_number(value)


def _pixels(array: Array, modality: ModalityDoc | None) -> Array | None:
    """Returns uint8[H, W] or uint8[H, W, 3]."""
    axes = sides(array, modality)
    if axes is None or 0 in array.shape:
        return None
    pixels = np.moveaxis(array, 0, 2) if axes == (1, 2) else array
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
