"""Channel: one recorded signal, and what a value of it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput
from ainimal_zookeeper.domain.recordings import group_of

Kind = Literal["image", "vector", "scalar", "text", "json"]

ITEM_BYTES = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "uint16": 2,
    "int16": 2,
    "float16": 2,
    "bfloat16": 2,
    "uint32": 4,
    "int32": 4,
    "float32": 4,
    "uint64": 8,
    "int64": 8,
    "float64": 8,
}
"""What elements may be, and how many bytes each has."""

_WORDS = {"text": "str", "json": "json"}
_KINDS = ("image", "vector", "scalar", "text", "json")


@dataclass(frozen=True, slots=True)
class Channel:
    """A signal of a recording.

    dtype: of `ITEM_BYTES`; "str" for text, "json" for JSON, which have no shape. NumPy knows no bfloat16: such values
    are given as `uint16` and read as `float32`.

    Raises: InvalidInput for what cannot be recorded.
    """

    path: str
    dtype: str
    shape: tuple[int, ...]
    kind: Kind

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(length) for length in self.shape))
        if self.kind not in _KINDS:
            raise InvalidInput(f"{self.path}: kind is {self.kind!r}; it must be one of {', '.join(_KINDS)}")
        word = _WORDS.get(self.kind)
        if word is not None:
            if self.dtype != word or self.shape:
                raise InvalidInput(f"{self.path}: a channel of {self.kind} has dtype {word!r} and no shape")
            return
        if self.dtype not in ITEM_BYTES:
            raise InvalidInput(f"{self.path}: dtype {self.dtype} cannot be recorded; {', '.join(ITEM_BYTES)} can")
        if self.kind == "scalar" and self.shape:
            raise InvalidInput(f"{self.path}: a scalar has no shape, not {list(self.shape)}; its kind is vector")

    @property
    def varies(self) -> bool:
        """Whether values differ in size: texts and JSON."""
        return self.kind in _WORDS

    @property
    def group(self) -> str:
        return group_of(self.kind)

    @property
    def item_bytes(self) -> int:
        """Bytes of an element; 1 for texts and JSON."""
        return ITEM_BYTES.get(self.dtype, 1)

    @property
    def size_bytes(self) -> int:
        """Bytes of a value; 0 for texts and JSON."""
        return 0 if self.varies else self.item_bytes * math.prod(self.shape)


def written(channel: Channel) -> dict[str, Any]:
    """Returns `channel` as manifests have it."""
    return {"path": channel.path, "dtype": channel.dtype, "shape": list(channel.shape), "kind": channel.kind}


def read(document: Any) -> Channel:
    """Reads what `written` wrote. Raises: DataCorrupt."""
    if not isinstance(document, Mapping):
        raise DataCorrupt(f"{document!r:.100} describes no channel")
    try:
        return Channel(document["path"], document["dtype"], tuple(document["shape"]), document["kind"])
    except (KeyError, TypeError, ValueError, InvalidInput) as error:
        raise DataCorrupt(f"{document!r:.100} describes no channel that is known here: {error}") from None
