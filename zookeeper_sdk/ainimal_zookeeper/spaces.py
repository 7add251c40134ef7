"""What environments and models declare of their channels (spaces, specs, examples), read as modalities.

Nothing here imports Gymnasium or dm_env: their objects are told by the shape of their class, so that old gym and
look-alikes work too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Union, cast

import numpy as np

from ainimal_zookeeper.modality import Modality, ModalityKind

Tree = Union[Modality, "dict[str, Tree]", "tuple[Tree, ...]"]
"""Channels as they nest in a value. A leaf's modality is named by its path: "arm.camera", "0"; see `leaves`."""


Path = tuple[str, ...]  # keys from the top; () for a value that is a lone channel, which takes the name given

_BLANK = dict.fromkeys(("low", "high", "neutral", "labels", "names", "unit", "layout", "maxDelta"))


def leaves(tree: Tree) -> dict[str, Modality]:
    """Returns the modalities of `tree` by name, in its order."""
    if isinstance(tree, Modality):
        return {tree.name: tree}
    parts = tree.values() if isinstance(tree, dict) else tree
    return {name: modality for part in parts for name, modality in leaves(part).items()}


def modalities_of(value: Any, name: str) -> dict[str, Modality]:
    """Reads anything that an author may declare; `name` is the only channel's, when it has no name of its own."""
    return leaves(tree_of(value, name))


def modalities_of_space(space: Any, name: str) -> dict[str, Modality]:
    return leaves(tree_of_space(space, name))


def modalities_of_spec(spec: Any, name: str) -> dict[str, Modality]:
    return leaves(tree_of_spec(spec, name))


def modalities_of_example(value: Any, name: str) -> dict[str, Modality]:
    return leaves(tree_of_example(value, name))


def tree_of(value: Any, name: str, path: Path = ()) -> Tree:
    """Reads a Modality, its document, a space, a spec, an example, or a mapping of them by name.

    Raises: InvalidInput for a space or a modality that contradicts itself.
    """
    if isinstance(value, Modality):
        return replace(value, name=".".join(path)) if path else value
    if isinstance(value, Mapping):
        if {"kind", "shape", "dtype"} <= set(value):
            return Modality.from_document(cast("Any", {**_BLANK, **value, "name": _leaf(name, path)}))
        return {str(key): tree_of(part, name, (*path, str(key))) for key, part in value.items()}
    if is_space(value):
        return tree_of_space(value, name, path)
    if is_spec(value):
        return tree_of_spec(value, name, path)
    return tree_of_example(value, name, path)


def is_space(value: Any) -> bool:
    """Tells whether `value` is a Gymnasium or old gym space."""
    return any(
        base.__name__ == "Space" and base.__module__.partition(".")[0] in {"gymnasium", "gym"}
        for base in type(value).__mro__
    )


def is_spec(value: Any) -> bool:
    """Tells whether `value` is a dm_env spec."""
    return any(
        base.__name__ == "Array" and base.__module__.partition(".")[0] == "dm_env" for base in type(value).__mro__
    )


def tree_of_space(space: Any, name: str, path: Path = ()) -> Tree:
    """Reads a space; a space of a kind that the zoo does not know is a TREE."""
    kinds = {base.__name__ for base in type(space).__mro__}
    full = _leaf(name, path)
    if "Dict" in kinds:
        return {str(key): tree_of_space(part, name, (*path, str(key))) for key, part in space.spaces.items()}
    if "Tuple" in kinds:
        return tuple(tree_of_space(part, name, (*path, str(index))) for index, part in enumerate(space.spaces))
    if "Box" in kinds:
        return from_array(full, space.shape, space.dtype, space.low, space.high)
    if "Discrete" in kinds:
        start = int(getattr(space, "start", 0))
        dtype = np.dtype(space.dtype or np.int64).name
        return Modality(full, ModalityKind.DISCRETE, (), dtype, start, start + int(space.n) - 1)
    if "MultiDiscrete" in kinds:
        low = np.broadcast_to(getattr(space, "start", 0), np.shape(space.nvec))
        high = low + space.nvec - 1
        return Modality(full, ModalityKind.MULTI_DISCRETE, high.shape, np.dtype(space.dtype).name, low, high)
    if "MultiBinary" in kinds:
        return Modality(full, ModalityKind.MULTI_DISCRETE, tuple(space.shape), np.dtype(space.dtype).name, 0, 1)
    if "Text" in kinds:
        return Modality.text(full)
    return Modality(full, ModalityKind.TREE)


def tree_of_spec(spec: Any, name: str, path: Path = ()) -> Tree:
    """Reads a dm_env spec, or nested mappings and sequences of specs."""
    if isinstance(spec, Mapping):
        return {str(key): tree_of_spec(part, name, (*path, str(key))) for key, part in spec.items()}
    if isinstance(spec, (list, tuple)):
        return tuple(tree_of_spec(part, name, (*path, str(index))) for index, part in enumerate(spec))
    full = _leaf(name, path)
    dtype = np.dtype(spec.dtype)
    if dtype.kind in "OSU":
        kind = ModalityKind.TEXT if dtype.kind in "SU" or "String" in type(spec).__name__ else ModalityKind.TREE
        return Modality(full, kind, (), "str")
    if hasattr(spec, "num_values"):
        return Modality(full, ModalityKind.DISCRETE, (), dtype.name, 0, int(spec.num_values) - 1)
    return from_array(full, spec.shape, dtype, getattr(spec, "minimum", None), getattr(spec, "maximum", None))


def tree_of_example(value: Any, name: str, path: Path = ()) -> Tree:
    """Guesses from a value: what its bounds are cannot be seen, so a lone integer is a SCALAR, not a DISCRETE."""
    full = _leaf(name, path)
    if isinstance(value, Mapping):
        return {str(key): tree_of_example(part, name, (*path, str(key))) for key, part in value.items()}
    if isinstance(value, str):
        return Modality.text(full)
    array = as_array(value)
    if array is None:
        return Modality(full, ModalityKind.TREE)
    if array.dtype.kind == "b" and array.ndim == 0:
        return Modality(full, ModalityKind.DISCRETE, (), "bool", 0, 1, labels=("false", "true"))
    if array.dtype == np.uint8 and _layout(array.shape) is not None:
        return from_array(full, array.shape, array.dtype, 0, 255)
    return from_array(full, array.shape, array.dtype, None, None)


def as_array(value: Any) -> np.ndarray[Any, Any] | None:
    """Returns numbers as an array, a tensor of a library that shares memory or knows `numpy()` too; else None."""
    if hasattr(value, "detach"):  # torch: a tensor that needs gradients or lies on a device refuses np.asarray
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        return None
    return array if array.dtype.kind in "biufc" else None


def from_array(name: str, shape: Any, dtype: Any, low: Any, high: Any) -> Modality:
    """Returns the modality of an array with these bounds: IMAGE where shape, dtype and bounds look like one."""
    shape = tuple(int(length) for length in shape)
    dtype = np.dtype(dtype)
    if dtype.kind in "iu" and low is not None and high is not None:
        limits = np.iinfo(dtype)
        bounded = bool(np.any(np.asarray(low) > limits.min) or np.any(np.asarray(high) < limits.max))
        if not bounded and dtype != np.uint8:
            low = high = None
    layout = _layout(shape)
    if layout is not None and (dtype == np.uint8 or (dtype.kind == "f" and _is_unit_range(low, high))):
        return Modality(name, ModalityKind.IMAGE, shape, dtype.name, low, high, layout=layout or None)
    kind = ModalityKind.SCALAR if shape == () else ModalityKind.VECTOR
    return Modality(name, kind, shape, dtype.name, low, high)


def _layout(shape: tuple[int, ...]) -> str | None:
    """Returns "HWC", "CHW", "" for an image without channels, None for what does not look like an image."""
    smallest = 8  # pixels on a side: below it, a table of bytes is as likely
    if len(shape) == 2 and min(shape) >= smallest:
        return ""
    if len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape[:2]) >= smallest:
        return "HWC"
    if len(shape) == 3 and shape[0] in (1, 3, 4) and min(shape[1:]) >= smallest:
        return "CHW"
    return None


def _is_unit_range(low: Any, high: Any) -> bool:
    if low is None or high is None:
        return False
    return bool(np.all(np.asarray(low) == 0) and np.all(np.isin(np.asarray(high), (1, 255))))


def _leaf(name: str, path: Path) -> str:
    return ".".join(path) or name
