"""What differs between two checkpoints, seen from outside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from . import documents
from .endpoint import Endpoint
from .tables import Table

_PATIENCE_S = 90.0  # the zoo gives up after a minute


@dataclass(frozen=True, slots=True)
class TensorDiff:
    """A tensor, or else a file, that differs."""

    path: str
    """Of what `save` wrote the file comes first: `balancer.npz/policy`."""
    change: str
    """changed (values or dtype), reshaped, added or removed."""
    norm: float | None
    """Euclidean, of the change; infinite where a value became finite or stopped being it, None without numbers."""
    relative: float | None
    """`norm` by the norm of what it was; None where that is zero or not finite."""
    from_shape: tuple[int, ...] | None
    to_shape: tuple[int, ...] | None
    from_dtype: str | None
    to_dtype: str | None


@dataclass(frozen=True, slots=True)
class ParameterDiff:
    """A parameter of the launches that differs."""

    name: str
    """Names below a parameter that is an object are joined by dots."""
    present: tuple[bool, bool]
    """Whether the first and the second have it."""
    from_value: Any
    to_value: Any


@dataclass(frozen=True, slots=True)
class CheckpointDiff:
    """What leads from one checkpoint to another; what is the same in both is left out."""

    tensors: Table[TensorDiff]
    parameters: Table[ParameterDiff]
    document: Mapping[str, Any] = field(repr=False, compare=False)
    """As the API answered it."""

    def __bool__(self) -> bool:
        """Tells whether anything differs."""
        return bool(self.tensors or self.parameters)

    def __repr__(self) -> str:
        parts = [repr(table) for table in (self.tensors, self.parameters) if table]
        return "\n\n".join(parts) if parts else "nothing differs"

    def _repr_html_(self) -> str:
        parts = [table._repr_html_() for table in (self.tensors, self.parameters) if table]
        return "".join(parts) if parts else f"<p>{escape(repr(self))}</p>"


def ask_difference(endpoint: Endpoint, from_id: str, to_id: str) -> CheckpointDiff:
    """Asks what differs between two checkpoints.

    Raises: NotFound; LimitReached for what is too big; DataCorrupt for what is not as it was saved.
    """
    answer = endpoint.ask(documents.CHECKPOINT_DIFF, patience_s=_PATIENCE_S, fromId=from_id, toId=to_id)
    return read_difference(answer["checkpointDiff"])


def read_difference(document: Mapping[str, Any]) -> CheckpointDiff:
    """Reads a `CheckpointDiff` of the API."""
    parameters = (document["parameters"] or {}).items()
    return CheckpointDiff(
        tensors=_tensors(map(_tensor, document["tensors"])),
        parameters=_parameters(_parameter(name, sides) for name, sides in parameters),
        document=document,
    )


def _tensor(row: Mapping[str, Any]) -> TensorDiff:
    return TensorDiff(
        path=row["path"],
        change=row["change"],
        norm=_real(row["norm"]),
        relative=_real(row["relative"]),
        from_shape=_shape(row["fromShape"]),
        to_shape=_shape(row["toShape"]),
        from_dtype=row["fromDtype"],
        to_dtype=row["toDtype"],
    )


def _parameter(name: str, sides: Mapping[str, Any]) -> ParameterDiff:
    return ParameterDiff(name, ("from" in sides, "to" in sides), sides.get("from"), sides.get("to"))


def _tensors(rows: Iterable[TensorDiff]) -> Table[TensorDiff]:
    return Table(
        rows,
        {
            "path": lambda row: row.path,
            "change": lambda row: row.change,
            "norm": lambda row: None if row.norm is None else f"{row.norm:.4g}",
            "relative": lambda row: None if row.relative is None else f"{row.relative:.2%}",
            "shape": lambda row: _both(_text(row.from_shape), _text(row.to_shape)),
            "dtype": lambda row: _both(row.from_dtype, row.to_dtype),
        },
    )


def _parameters(rows: Iterable[ParameterDiff]) -> Table[ParameterDiff]:
    return Table(
        rows,
        {
            "parameter": lambda row: row.name,
            "from": lambda row: json.dumps(row.from_value, ensure_ascii=False) if row.present[0] else None,
            "to": lambda row: json.dumps(row.to_value, ensure_ascii=False) if row.present[1] else None,
        },
    )


def _both(before: str | None, after: str | None) -> str | None:
    """Returns the one that there is, or both where they differ."""
    if before is None or after is None or before == after:
        return after if before is None else before
    return f"{before} -> {after}"


def _text(shape: tuple[int, ...] | None) -> str | None:
    return None if shape is None else "x".join(map(str, shape)) or "scalar"


def _shape(sizes: Iterable[int] | None) -> tuple[int, ...] | None:
    return None if sizes is None else tuple(sizes)


def _real(value: float | str | None) -> float | None:
    return None if value is None else float(value)
