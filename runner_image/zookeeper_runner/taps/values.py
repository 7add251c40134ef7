"""Values: what adapters hold, as people see it, and what people say, as adapters hold it.

torch and JAX are never imported: whoever holds their values has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.modality import Modality, ModalityKind, described, fits_dtype

from ..state.torches import library

_WIDE = {"torch.bfloat16", "torch.float8_e4m3fn", "torch.float8_e5m2"}  # of which NumPy knows nothing


def shown(value: Any) -> Any:
    """Returns numbers as an array or a number, text as it is; an array lies in the memory of what it shows.

    A tensor of a device is copied to the CPU, one of bfloat16 or float8 becomes float32. Raises: InvalidInput.
    """
    if isinstance(value, (str, bool, int, float, np.generic, np.ndarray)):
        return value
    if is_tensor(value):
        return _array_of(value)
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise InvalidInput(f"a {type(value).__name__} holds no numbers")
    return array


def made_like(value: Any, new: Any, path: str) -> Any:
    """Returns `new` as something of the type, dtype, shape and device of `value`.

    A tensor keeps its gradient where its elements stay the same. Raises: InvalidInput that names what is expected.
    """
    if isinstance(value, str):
        if not isinstance(new, str):
            raise InvalidInput(f"{path}: expected text, got a {type(new).__name__}", ("value",))
        return new
    now = np.asarray(shown(value))
    given = np.asarray(new)
    scalar = not isinstance(new, (np.ndarray, np.generic))
    if given.shape != now.shape or not fits_dtype(given.dtype, now.dtype.name, scalar=scalar):
        shape = ", ".join(map(str, now.shape))
        raise InvalidInput(
            f"{path}: expected {now.dtype.name}{f'[{shape}]' if shape else ''}, got {described(given)}", ("value",)
        )
    given = given.astype(now.dtype)
    if is_tensor(value):
        return _tensor_like(value, given, now)
    if isinstance(value, np.ndarray):
        return given
    if isinstance(value, np.generic):
        return given[()]
    if isinstance(value, (bool, int, float)):
        return type(value)(given.item())
    return value.at[...].set(given) if hasattr(value, "at") else given  # JAX, on whichever device it is


def modality_of(name: str, value: Any) -> Modality:
    """Returns the modality of a value: numbers of its shape and dtype, or text; TREE for what is neither."""
    if isinstance(value, str):
        return Modality.text(name)
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None:
        try:
            array = np.asarray(value)
        except (ValueError, TypeError, RuntimeError):
            return Modality(name, ModalityKind.TREE)
        shape, dtype = array.shape, array.dtype
    try:
        wide = str(dtype) in _WIDE
        known = np.dtype("float32" if wide else str(dtype).removeprefix("torch."))
        kind = ModalityKind.VECTOR if tuple(shape) else ModalityKind.SCALAR
        return Modality(name, kind, tuple(map(int, shape)), known.name)
    except (TypeError, ValueError, InvalidInput):
        return Modality(name, ModalityKind.TREE)


def is_tensor(value: Any) -> bool:
    torch = library()
    return torch is not None and isinstance(value, torch.Tensor)


def is_traced(value: Any) -> bool:
    """Tells whether JAX only traces the code: there is no value then."""
    return "Tracer" in type(value).__name__ and hasattr(value, "aval")


def _array_of(tensor: Any) -> np.ndarray[Any, Any]:
    plain = tensor.detach()
    if plain.layout is not library().strided:
        plain = plain.to_dense()
    if plain.is_quantized:
        plain = plain.dequantize()
    if str(plain.dtype) in _WIDE:
        plain = plain.float()
    array: np.ndarray[Any, Any] = plain.cpu().resolve_conj().resolve_neg().numpy()
    return array


def _tensor_like(value: Any, given: np.ndarray[Any, Any], now: np.ndarray[Any, Any]) -> Any:
    torch = library()
    new = torch.from_numpy(np.ascontiguousarray(given).reshape(given.shape)).to(device=value.device, dtype=value.dtype)
    if not value.requires_grad:
        return new
    same = torch.from_numpy(np.asarray((given == now) | ((given != given) & (now != now)))).to(value.device)  # noqa: PLR0124
    return torch.where(same, value, new)
