"""Reduction: what travels of a value."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.modality import Modality
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from zookeeper_runner.live.reduction import PictureUnavailable, histogram, jpeg, reduced, statistics
from zookeeper_runner.live.watches import WatchRequest

NUMBERS = hnp.arrays(np.float64, hnp.array_shapes(max_dims=2, min_side=0), elements=st.floats(width=64))


def ask(**fields: Any) -> WatchRequest:
    return WatchRequest(1, "inputs.x", **fields)


@given(NUMBERS)
def test_statistics_and_histograms_are_json_for_any_numbers(array: Any) -> None:
    """NaN and infinity are counted, not spread."""
    told = statistics(array)
    bins = histogram(array)
    json.dumps([told, bins], allow_nan=False)

    assert told["count"] == array.size
    assert told["nonFinite"] == array.size - np.isfinite(array).sum()
    assert sum(bins["counts"]) == np.isfinite(array).sum()


def test_an_array_travels_as_it_is() -> None:
    """FULL is C order, little-endian."""
    fields, payload = reduced(np.arange(6, dtype=">i4").reshape(2, 3).T, ask(), None)

    assert fields == {"dtype": "int32", "shape": [3, 2], "encoding": "RAW"}
    assert np.frombuffer(payload, "<i4").tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize(
    ("value", "fields"),
    [(True, {"scalar": 1}), (3, {"scalar": 3}), (np.float32("nan"), {"scalar": "NaN"}), ("hi", {"text": "hi"})],
)
def test_numbers_and_text_travel_in_the_header(value: Any, fields: dict[str, Any]) -> None:
    """What is no array needs no payload."""
    assert reduced(value, ask(), None) == (fields, b"")


def test_a_value_that_no_message_may_hold_is_refused_with_what_to_ask() -> None:
    """Too large a message would end the link for everybody who watches."""
    array = np.broadcast_to(np.uint8(0), (10_000, 10_000))

    with pytest.raises(InvalidInput, match=r"inputs.x has 100,000,000 bytes.*maxSize, crop or reduce"):
        reduced(array, ask(), None)
    assert reduced(array, ask(max_size=100), None)[0]["shape"] == [100, 100]
    assert len(reduced("x" * 2**21, ask(), None)[0]["text"]) == 2**20


def test_an_image_keeps_its_colours_when_it_is_thinned() -> None:
    """Only height and width are thinned."""
    image = np.zeros((100, 50, 3), np.uint8)

    assert reduced(image, ask(max_size=25), None)[0]["shape"] == [25, 13, 3]


def test_a_jpeg_shows_what_was_there() -> None:
    """Also for images with channels first, and for floats in their bounds."""
    chw = np.zeros((3, 20, 40), np.float32)
    chw[0] = 2.0
    modality = Modality("camera", "IMAGE", (3, 20, 40), "float32", 0, 2, layout="CHW").to_document()  # type: ignore[arg-type]

    data, shape = jpeg(chw, modality, 20)

    pixels = np.asarray(Image.open(io.BytesIO(data)))
    assert shape == (10, 20, 3)
    assert pixels[..., 0].min() > 240
    assert pixels[..., 1].max() < 15


@pytest.mark.parametrize("side", [8, 128])
def test_a_small_picture_keeps_the_colour_of_each_pixel(side: int) -> None:
    """In stripes of red and blue, one pixel wide, no pixel is far off."""
    stripes = np.zeros((side, 256, 3), np.uint8)
    stripes[:, ::2, 0] = 255
    stripes[:, 1::2, 2] = 255

    shown = np.asarray(Image.open(io.BytesIO(jpeg(stripes, None, None)[0]))).astype(int)

    assert np.abs(shown - stripes).max() <= 32


def test_what_is_no_picture_is_said_so() -> None:
    """The caller then sends numbers."""
    with pytest.raises(PictureUnavailable, match="no picture"):
        jpeg(np.zeros((5,), np.float32), None, None)
