"""Columns: a long list of values of one form, such as the steps of a replay buffer, as one array for each of its parts.

What lies in such a list more than once is there once for each place afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.errors import DataCorrupt

from .tensors import code_of

_PLAIN = {float: np.float64, bool: np.bool_, int: np.int64}
_INT64 = 2**63
_LOOKS = 2  # a step is often what came after one and before another


def column_of(
    values: list[Any],
    put: Callable[[Any], str],
    node: Callable[[Any], Any],
    seen: dict[int, int] | None = None,
) -> dict[str, Any]:
    """Returns the column of `values` (at least one). put: takes an array and names it. node: one value on its own.

    Arrays are copied, so that they may change afterwards. seen: in how many columns something was by now, by id: rows
    that lead to each other are a graph, which has more ways through it than anybody could go.
    """
    kinds = set(map(type, values))
    if len(kinds) == 2 and type(None) in kinds:
        at = [index for index, value in enumerate(values) if value is not None]
        rest = column_of([values[index] for index in at], put, node, seen)
        return {"of": "some", "length": len(values), "at": put(np.asarray(at, np.int64)), "column": rest}
    first = values[0]
    kind = type(first)
    seen = {} if seen is None else seen
    if len(kinds) > 1 or (kind in {dict, list, tuple} and _is_tangled(values, seen)):
        pass
    elif first is None:
        return {"of": "none", "length": len(values)}
    elif kind in _PLAIN and (kind is not int or (min(values) >= -_INT64 and max(values) < _INT64)):
        return {"of": kind.__name__, "tensor": put(np.asarray(values, _PLAIN[kind]))}
    elif kind is np.ndarray and _alike(values):
        return {"of": "array", "tensor": put(np.stack(values))}
    elif isinstance(first, np.generic) and code_of(first.dtype) is not None:
        return {"of": "scalar", "tensor": put(np.asarray(values, first.dtype))}
    elif kind is dict and all(map(is_name, first)) and _same_keys(values):
        return {"of": "dict", "length": len(values), "parts": {
            key: column_of([value[key] for value in values], put, node, seen) for key in first
        }}  # fmt: skip
    elif kind in {tuple, list} and len(set(map(len, values))) == 1:
        parts = [column_of(list(part), put, node, seen) for part in zip(*values, strict=True)]
        return {"of": kind.__name__, "length": len(values), "parts": parts}
    return {"of": "each", "nodes": [node(value) for value in values]}


def values_of(column: dict[str, Any], get: Callable[[str], Any], value: Callable[[Any], Any]) -> list[Any]:
    """Returns the values of what `column_of` returned. Raises: DataCorrupt."""
    kind = column["of"]
    if kind == "each":
        return [value(node) for node in column["nodes"]]
    if kind in {"float", "bool", "int"}:
        plain: list[Any] = get(column["tensor"]).tolist()
        return plain
    if kind == "array":
        return [np.array(row) for row in get(column["tensor"])]
    if kind == "scalar":
        return list(get(column["tensor"]))
    length = int(column["length"])
    if kind == "none":
        return [None] * length
    if kind == "some":
        values: list[Any] = [None] * length
        for index, present in zip(get(column["at"]).tolist(), values_of(column["column"], get, value), strict=True):
            values[index] = present
        return values
    if kind == "dict":
        parts = {key: values_of(part, get, value) for key, part in column["parts"].items()}
        return [{key: part[index] for key, part in parts.items()} for index in range(length)]
    if kind in {"tuple", "list"}:
        rows = [values_of(part, get, value) for part in column["parts"]]
        make = tuple if kind == "tuple" else list
        return [make(part[index] for part in rows) for index in range(length)]
    raise DataCorrupt(f"the checkpoint holds a column of {kind!r}, which this version cannot read")


def is_name(key: Any) -> bool:
    """Tells whether a key can be one of JSON: a text without halves of characters, which would pair up there."""
    return type(key) is str and (key.isascii() or not any("\ud800" <= each <= "\udfff" for each in key))


def _is_tangled(values: list[Any], seen: dict[int, int]) -> bool:
    """Tells whether one of `values` is among them twice, or was in too many columns; counts this one."""
    known = set(map(id, values))
    for each in known:
        seen[each] = seen.get(each, 0) + 1
    return len(known) < len(values) or any(seen[each] > _LOOKS for each in known)


def _alike(arrays: list[Any]) -> bool:
    shape, dtype = arrays[0].shape, arrays[0].dtype
    plain = code_of(dtype) is not None
    return plain and all(each.shape == shape and each.dtype == dtype and each.flags.c_contiguous for each in arrays)


def _same_keys(mappings: list[Any]) -> bool:
    keys = list(mappings[0])
    return all(list(each) == keys for each in mappings)
