"""Modality: a named input or output channel, with all that people and programs need to show, check and steer it."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from ainimal_zookeeper.domain.documents import ModalityDoc
from ainimal_zookeeper.domain.errors import InvalidInput


class ModalityKind(str, Enum):
    """How a channel is shown and steered."""

    IMAGE = "IMAGE"
    VECTOR = "VECTOR"  # numbers of any shape
    SCALAR = "SCALAR"  # one number
    DISCRETE = "DISCRETE"  # one of the integers low..high
    MULTI_DISCRETE = "MULTI_DISCRETE"  # an integer of low..high per element
    TEXT = "TEXT"
    AUDIO = "AUDIO"  # samples, [time] or [time, channels]
    TREE = "TREE"  # anything else


_INTEGRAL = frozenset({ModalityKind.DISCRETE, ModalityKind.MULTI_DISCRETE})


@dataclass(frozen=True, slots=True)
class Modality:
    """A channel. Two modalities are equal when all their fields are.

    shape: None for a length that varies. dtype: a numpy name, "str" for TEXT, "object" for TREE.
    low, high: inclusive; a number for all elements, nested tuples for each, None where unbounded.
    neutral: the value when nobody acts; None for zero, moved into the bounds.
    labels: what each integer of a DISCRETE means. names: what each element of a VECTOR is.
    unit: of the numbers, for people ("m/s"). layout: "HWC" or "CHW" for images with channels.
    max_delta: the largest jump per step when control passes over.

    Raises: InvalidInput for fields that contradict each other.
    """

    name: str
    kind: ModalityKind
    shape: tuple[int | None, ...] = ()
    dtype: str = "float32"
    low: Any = None
    high: Any = None
    neutral: Any = None
    labels: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    unit: str | None = None
    layout: str | None = None
    max_delta: float | None = None

    def __post_init__(self) -> None:
        def put(field: str, value: Any) -> None:
            object.__setattr__(self, field, value)

        try:
            put("kind", ModalityKind(self.kind))
        except ValueError:
            kinds = ", ".join(kind.value for kind in ModalityKind)
            raise InvalidInput(f"modality {self.name}: kind is {self.kind!r}; it must be one of {kinds}") from None
        put("shape", tuple(None if length is None else int(length) for length in self.shape))
        put("dtype", self._dtype_name())
        put("low", _plain(self.low))
        put("high", _plain(self.high))
        put("neutral", _plain(self.neutral))
        wordy = [self.low, self.high] + ([] if self.kind is ModalityKind.TEXT else [self.neutral])
        if any(isinstance(value, str) for value in wordy):
            raise InvalidInput(f"modality {self.name}: low, high and neutral are numbers, not {wordy}")
        for field in ("labels", "names"):
            words = getattr(self, field)
            put(field, None if words is None else tuple(map(str, words)))
        if self.layout not in (None, "HWC", "CHW"):
            raise InvalidInput(f'modality {self.name}: layout is {self.layout!r}; it must be "HWC" or "CHW"')
        if self.kind in _INTEGRAL and (self.low is None or self.high is None):
            raise InvalidInput(f"modality {self.name}: a {self.kind.value} modality needs low and high, both inclusive")
        if self.kind is ModalityKind.DISCRETE and self.labels and len(self.labels) != self.count:
            raise InvalidInput(f"modality {self.name}: {len(self.labels)} labels for {self.count} values")

    # --- made by authors ---------------------------------------------------------------------------------------------

    @classmethod
    def image(cls, name: str, height: int, width: int, channels: int = 3) -> Modality:
        """An image, uint8[height, width, channels]."""
        return cls(name, ModalityKind.IMAGE, (height, width, channels), "uint8", 0, 255, layout="HWC")

    @classmethod
    def vector(cls, name: str, shape: int | tuple[int | None, ...], low: Any = None, high: Any = None) -> Modality:
        """Numbers, float32[shape]."""
        shape = (shape,) if isinstance(shape, int) else shape
        return cls(name, ModalityKind.VECTOR, shape, "float32", low, high)

    @classmethod
    def scalar(cls, name: str, low: float | None = None, high: float | None = None) -> Modality:
        """One number, float32."""
        return cls(name, ModalityKind.SCALAR, (), "float32", low, high)

    @classmethod
    def discrete(cls, name: str, count: int, labels: tuple[str, ...] | None = None, start: int = 0) -> Modality:
        """One of `count` integers from `start`."""
        return cls(name, ModalityKind.DISCRETE, (), "int64", start, start + count - 1, labels=labels)

    @classmethod
    def text(cls, name: str) -> Modality:
        return cls(name, ModalityKind.TEXT, (), "str")

    # --- made from what others declare -------------------------------------------------------------------------------

    @classmethod
    def from_space(cls, space: Any, name: str) -> dict[str, Modality]:
        """Reads a Gymnasium (or old gym) space: by name, several for Dict and Tuple, with dots where they nest."""
        from ainimal_zookeeper.spaces import modalities_of_space

        return modalities_of_space(space, name)

    @classmethod
    def from_spec(cls, spec: Any, name: str) -> dict[str, Modality]:
        """Reads a dm_env spec, or nested mappings and sequences of them: by name, with dots where they nest."""
        from ainimal_zookeeper.spaces import modalities_of_spec

        return modalities_of_spec(spec, name)

    @classmethod
    def from_example(cls, value: Any, name: str) -> dict[str, Modality]:
        """Guesses from a value: by name, several for a mapping, with dots where they nest. Bounds stay open."""
        from ainimal_zookeeper.spaces import modalities_of_example

        return modalities_of_example(value, name)

    @classmethod
    def from_any(cls, value: Any, name: str) -> dict[str, Modality]:
        """Reads a Modality, its document, a space, a spec, an example, or a mapping of them by name."""
        from ainimal_zookeeper.spaces import modalities_of

        return modalities_of(value, name)

    # --- as JSON -----------------------------------------------------------------------------------------------------

    @classmethod
    def from_document(cls, document: ModalityDoc) -> Modality:
        """Reads what `to_document` wrote: the result equals the original."""
        return cls(
            name=document["name"],
            kind=ModalityKind(document["kind"]),
            shape=tuple(document["shape"]),
            dtype=document["dtype"],
            low=document["low"],
            high=document["high"],
            neutral=document["neutral"],
            labels=None if document["labels"] is None else tuple(document["labels"]),
            names=None if document["names"] is None else tuple(document["names"]),
            unit=document["unit"],
            layout=document["layout"],
            max_delta=document["maxDelta"],
        )

    def to_document(self) -> ModalityDoc:
        """Returns JSON: no NaN or infinity in it, an open bound is None."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "low": _lists(self.low),
            "high": _lists(self.high),
            "neutral": _lists(self.neutral),
            "labels": None if self.labels is None else list(self.labels),
            "names": None if self.names is None else list(self.names),
            "unit": self.unit,
            "layout": self.layout,
            "maxDelta": self.max_delta,
        }

    # --- values ------------------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many values a DISCRETE modality has."""
        return int(self.high) - int(self.low) + 1

    def bounds(self) -> tuple[np.ndarray[Any, Any] | None, np.ndarray[Any, Any] | None]:
        """Returns low and high as arrays that broadcast against a value, infinite where open; None when all is."""
        return _bound(self.low, -math.inf), _bound(self.high, math.inf)

    def neutral_value(self) -> Any:
        """Returns a fresh value of this modality: `neutral`, else zero moved into the bounds.

        An array, a numpy scalar for shape (), "" for TEXT, None for TREE. Lengths that vary are 1.
        """
        if self.kind is ModalityKind.TEXT:
            return self.neutral or ""
        if self.kind is ModalityKind.TREE:
            return None
        shape = tuple(1 if length is None else length for length in self.shape)
        value = np.zeros(shape, self.dtype)
        if self.neutral is not None:
            value[...] = np.asarray(self.neutral)
        else:
            low, high = self.bounds()
            if low is not None:
                value = np.maximum(value, low).astype(self.dtype)
            if high is not None:
                value = np.minimum(value, high).astype(self.dtype)
        return value[()]

    def check(self, value: Any) -> None:
        """Raises: InvalidInput naming the modality, what was expected and what came, unless `value` belongs to it."""
        if self.kind is ModalityKind.TREE:
            return
        if self.kind is ModalityKind.TEXT:
            if not isinstance(value, str):
                raise self._refusal(f"a {type(value).__name__}")
            return
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise self._refusal(f"a {type(value).__name__} that is no array ({error})") from None
        if not fits_dtype(array.dtype, self.dtype, scalar=not isinstance(value, (np.ndarray, np.generic))):
            raise self._refusal(described(array))
        if not self.fits_shape(array.shape):
            raise self._refusal(described(array))
        if array.dtype.kind in "fc" and np.isnan(array).any():
            raise self._refusal(f"{described(array)} with {int(np.isnan(array).sum())} NaN")
        low, high = self.bounds()
        if (low is not None and (array < low).any()) or (high is not None and (array > high).any()):
            raise self._refusal(f"{described(array)} from {array.min()} to {array.max()}")

    def coerce(self, value: Any) -> Any:
        """Returns the value that a JSON one stands for, with this modality's dtype and shape.

        `value`: a number, nested lists, text, or {"dtype", "shape", "data": base64 of C-order little-endian bytes}.
        Raises: InvalidInput as `check`.
        """
        if self.kind is ModalityKind.TREE:
            return value
        if self.kind is ModalityKind.TEXT:
            self.check(value)
            return value
        array = decoded(self.name, value)
        if not fits_dtype(array.dtype, self.dtype, scalar=True):
            raise self._refusal(described(array))
        if array.dtype.kind in "biufc" and np.dtype(self.dtype).kind in "iu" and array.size:
            limits = np.iinfo(self.dtype)
            if array.min() < limits.min or array.max() > limits.max:
                raise self._refusal(f"{described(array)} from {array.min()} to {array.max()}")
        typed = array.astype(self.dtype)[()]
        self.check(typed)
        return typed

    def fits_shape(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == len(self.shape) and all(
            wanted is None or wanted == got for wanted, got in zip(self.shape, shape, strict=True)
        )

    def describe(self) -> str:
        """Returns what a value must be, in words: "float32[4] from -1 to 1"."""
        if self.kind is ModalityKind.TEXT:
            return "text"
        if self.kind is ModalityKind.TREE:
            return "anything"
        if self.kind is ModalityKind.DISCRETE:
            return f"an integer from {self.low} to {self.high}"
        shape = ", ".join("any" if length is None else str(length) for length in self.shape)
        text = f"{self.dtype}[{shape}]" if self.shape else self.dtype
        low, high = self.low, self.high
        if isinstance(low, tuple) or isinstance(high, tuple):
            return f"{text}, each element within its bounds"
        if low is not None and high is not None:
            return f"{text} from {low} to {high}"
        if low is not None:
            return f"{text} from {low}"
        return f"{text} up to {high}" if high is not None else text

    def _dtype_name(self) -> str:
        if self.kind is ModalityKind.TEXT:
            return "str"
        if self.kind is ModalityKind.TREE:
            return "object"
        try:
            dtype = np.dtype(self.dtype)
        except TypeError:
            dtype = np.dtype(object)
        if dtype.kind not in "biuf" or (self.kind in _INTEGRAL and dtype.kind not in "iub"):
            raise InvalidInput(
                f"modality {self.name}: dtype {self.dtype} does not suit a {self.kind.value}; "
                f"use a numpy {'integer' if self.kind in _INTEGRAL else 'number'} type"
            )
        return dtype.name

    def _refusal(self, got: str) -> InvalidInput:
        return InvalidInput(f"modality {self.name}: expected {self.describe()}, got {got}", (self.name,))


def described(array: np.ndarray[Any, Any]) -> str:
    """Returns an array's dtype and shape, as messages show them: "float32[4, 2]"."""
    if array.dtype.kind in "US":
        return "text"
    shape = ", ".join(map(str, array.shape))
    return f"{array.dtype.name}[{shape}]" if array.shape else f"{array.dtype.name} {array[()]!s:.40}"


def fits_dtype(got: np.dtype[Any], wanted: str, *, scalar: bool) -> bool:
    """Tells whether a value of dtype `got` may stand for `wanted`: the same kind, or an integer for a float.

    `scalar`: the value is Python's own, whose width says nothing.
    """
    target = np.dtype(wanted)
    if got.kind not in "biufc":
        return False
    if got.kind == "b":
        return target.kind == "b" or (not scalar and target.kind in "iu")
    if target.kind == "b":
        return got.kind in "iu"
    return np.can_cast(got, target, "same_kind") or (got.kind in "iu" and target.kind in "iu")


def _plain(value: Any) -> Any:
    """Returns a bound or a neutral value as a number, text or nested tuples: one number where all are the same."""
    if value is None or isinstance(value, str):
        return value
    array = np.asarray(_filled(value, math.nan) if isinstance(value, (list, tuple)) else value)
    if array.dtype.kind not in "biuf":
        raise InvalidInput(f"a bound or neutral value is {value!r:.60}; it must be a number or nested lists of numbers")
    if array.dtype.kind == "f":
        array = np.where(np.isfinite(array), array, math.nan)
        if np.isnan(array).all():
            return None
    if array.size and (array == array.flat[0]).all():
        return array.flat[0].item()
    return _tuples(array.tolist())


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(part) for part in value)
    return None if isinstance(value, float) and math.isnan(value) else value


def _lists(value: Any) -> Any:
    return [_lists(part) for part in value] if isinstance(value, tuple) else value


def _bound(value: Any, open_end: float) -> np.ndarray[Any, Any] | None:
    if value is None:
        return None
    return np.asarray(_filled(value, open_end))


def _filled(value: Any, blank: float) -> Any:
    if isinstance(value, (list, tuple)):
        return [_filled(part, blank) for part in value]
    return blank if value is None else value


def decoded(name: str, value: Any) -> np.ndarray[Any, Any]:
    """Returns a JSON value as an array: a number, nested lists, or {"dtype", "shape", "data": base64}.

    Raises: InvalidInput, naming the modality `name`.
    """
    if isinstance(value, Mapping):
        try:
            dtype = np.dtype(str(value["dtype"])).newbyteorder("<")
            data = base64.b64decode(value["data"], validate=True)
            return np.frombuffer(data, dtype).reshape([int(length) for length in value["shape"]])
        except KeyError as error:
            raise InvalidInput(f"modality {name}: a tensor needs dtype, shape and data; {error} is missing") from None
        except (TypeError, ValueError, binascii.Error) as error:
            raise InvalidInput(f"modality {name}: this is no tensor ({error})", (name,)) from None
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InvalidInput(f"modality {name}: this is no array ({error})", (name,)) from None
