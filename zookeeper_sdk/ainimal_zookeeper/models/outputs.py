"""Whether what `forward` returned keeps its promise: thoroughly, and cheaply at every step.

Wrong keys, shapes, dtypes, integers out of range and NaN are faults. Continuous values out of bounds are not: worlds
clip them, and a rule of the keeper may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.modality import Modality, ModalityKind, described, fits_dtype

Check = Callable[[Any], None]


def check_outputs(outputs: Any, modalities: Mapping[str, Modality], batch: int | None = None) -> None:
    """Checks all that can be checked. `batch`: num_envs of a vectorised AInimal, whose arrays have it in front.

    Raises: AInimalFault naming the modality, what was expected and what came.
    """
    if not isinstance(outputs, Mapping):
        raise AInimalFault(
            f"forward returned a {type(outputs).__name__}; it must return a dict with "
            f"{', '.join(map(repr, modalities))}"
        )
    for name, modality in modalities.items():
        if name not in outputs:
            _missing(name, outputs)
        check_value(outputs[name], modality, batch)


def check_value(value: Any, modality: Modality, batch: int | None = None) -> None:
    """Checks one output. Raises: AInimalFault as `check_outputs`."""
    if modality.kind is ModalityKind.TREE:
        return
    if modality.kind is ModalityKind.TEXT:
        texts = value if batch is not None and isinstance(value, (list, tuple, np.ndarray)) else [value]
        if not all(isinstance(text, str) for text in texts):
            _refuse(modality, f"a {type(value).__name__}")
        return
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):  # ragged lists; tensors that need gradients
        _refuse(modality, f"a {type(value).__module__}.{type(value).__name__}; return a numpy array or a number")
    if not fits_dtype(array.dtype, modality.dtype, scalar=not isinstance(value, (np.ndarray, np.generic))):
        _refuse(modality, described(array))
    shape = array.shape
    if batch is not None:
        if not shape or shape[0] != batch:
            _refuse(modality, f"{described(array)}, for {batch} environments")
        shape = shape[1:]
    if not modality.fits_shape(shape):
        _refuse(modality, described(array))
    if array.dtype.kind in "fc" and np.isnan(array).any():
        _refuse(modality, f"{described(array)} with {int(np.isnan(array).sum())} NaN")
    if modality.kind in (ModalityKind.DISCRETE, ModalityKind.MULTI_DISCRETE):
        low, high = modality.bounds()
        if low is not None and high is not None and ((array < low).any() or (array > high).any()):
            extent = f" from {array.min()} to {array.max()}" if array.ndim else ""
            _refuse(modality, f"{described(array)}{extent}")


def compile_check(modalities: Mapping[str, Modality], batch: int | None = None) -> Check:
    """Returns a check for the step path, a fraction of a microsecond for small outputs; it never lets NaN pass.

    Whatever the quick look does not know to be right goes through `check_outputs`, which says what is wrong.
    """
    looks = [(name, look) for name, modality in modalities.items() if (look := _quick_look(modality, batch))]

    def thorough(outputs: Any) -> None:
        check_outputs(outputs, modalities, batch)

    if not looks:
        return thorough if modalities else lambda _outputs: None
    if len(looks) == 1 and len(modalities) == 1:
        name, look = looks[0]

        def check_one(outputs: Any) -> None:
            try:
                fine = look(outputs[name])
            except Exception:  # noqa: BLE001 - whatever it is, the thorough check says it in words
                fine = False
            if not fine:
                thorough(outputs)

        return check_one
    if len(looks) < len(modalities):
        return thorough

    def check_all(outputs: Any) -> None:
        try:
            for name, look in looks:
                if not look(outputs[name]):
                    break
            else:
                return
        except Exception:  # noqa: BLE001, S110 - whatever it is, the thorough check says it in words
            pass
        thorough(outputs)

    return check_all


def _quick_look(modality: Modality, batch: int | None) -> Callable[[Any], bool] | None:
    """Returns a test that is true only for what is surely right, None when only the thorough check will do."""
    if modality.kind is ModalityKind.TREE:
        return lambda _value: True
    if modality.kind is ModalityKind.TEXT:
        return (lambda value: type(value) is str) if batch is None else None
    wanted = np.dtype(modality.dtype)
    if modality.kind is ModalityKind.DISCRETE and batch is None and modality.count <= 65_536:
        allowed = frozenset(range(int(modality.low), int(modality.high) + 1))
        whole = (int, np.int64, np.int32)
        return lambda value: type(value) in whole and value in allowed
    if None in modality.shape:
        return None
    if wanted.kind != "f":
        return _quick_look_at_integers(modality, batch)
    if modality.shape == () and batch is None:
        numbers = (float, np.float64, np.float32)
        return lambda value: type(value) in numbers and value == value  # noqa: PLR0124 - NaN differs from itself
    shape = modality.shape if batch is None else (batch, *modality.shape)
    if len(shape) == 1 and (shape[0] or 0) <= 16:

        def look_short(value: Any) -> bool:
            if type(value) is not np.ndarray or value.shape != shape or value.dtype.char not in "fd":
                return False
            total = sum(value.tolist())
            return bool(total == total)  # noqa: PLR0124 - infinities that cancel only cost a thorough check

        return look_short

    product = np.vdot

    def look(value: Any) -> bool:
        # x.x is NaN exactly when x has one (infinity squared is infinity), and one call is quicker than isnan().any()
        if type(value) is not np.ndarray or value.shape != shape or value.dtype.char not in "fd":
            return False
        square = product(value, value)
        return bool(square == square)  # noqa: PLR0124

    return look


def _quick_look_at_integers(modality: Modality, batch: int | None) -> Callable[[Any], bool]:
    shape = modality.shape if batch is None else (batch, *modality.shape)
    wanted = np.dtype(modality.dtype)
    if modality.kind not in (ModalityKind.DISCRETE, ModalityKind.MULTI_DISCRETE):
        return lambda value: type(value) is np.ndarray and value.shape == shape and value.dtype == wanted
    low, high = modality.bounds()

    def look(value: Any) -> bool:
        if type(value) is not np.ndarray or value.shape != shape or value.dtype.kind not in "iu":
            return False
        return bool(((value >= low) & (value <= high)).all())

    return look


def _missing(name: str, outputs: Mapping[str, Any]) -> NoReturn:
    got = ", ".join(map(repr, outputs)) or "nothing"
    raise AInimalFault(f"forward returned {got}, but not {name!r}, which output_modalities or the environment asks for")


def _refuse(modality: Modality, got: str) -> NoReturn:
    raise AInimalFault(f"forward: output {modality.name}: expected {modality.describe()}, got {got}")
