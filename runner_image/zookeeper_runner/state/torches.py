"""Torches: what torch keeps state in, taken by state_dict and put back in place. Never imports torch: its user has."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput

from .tensors import Tensor, code_of

Node = Callable[[Any, str], Any]
Put = Callable[[Tensor, str], str]
Held = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]

_BY_VIEW = {"bfloat16": ("BF16", "int16"), "float8_e4m3fn": ("F8_E4M3", "uint8"), "float8_e5m2": ("F8_E5M2", "uint8")}
_FROM_VIEW = {"BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}


def library() -> Any:
    """Returns torch where somebody has imported it, else None."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "Tensor") and hasattr(torch, "nn") else None


def fill(made: dict[str, Any], value: Any, path: str, node: Node, put: Put, held: Held) -> bool:
    """Makes the node of `value` of `made`; False when it is none of torch's, and no more than an object.

    held: returns an array that stays as it is when a tensor changes.
    """
    torch = library()
    if torch is not None:
        if isinstance(value, torch.Tensor):
            return _fill_tensor(torch, made, value, path, put, held)
        if isinstance(value, torch.Generator):
            made |= {"$": "torch_generator", "state": node(value.get_state(), path)}
            return True
        if isinstance(value, (torch.dtype, torch.device, torch.memory_format, torch.layout)):
            made["$"] = "kept"
            return True
        if isinstance(value, torch.nn.Module):
            made |= {"$": "module", "class": type(value).__qualname__}
            made["tensors"] = {name: node(part, _join(path, name)) for name, part in value.state_dict().items()}
            made["items"] = {
                name: {key: node(part, _join(_join(path, name), key)) for key, part in _own(torch, module).items()}
                for name, module in value.named_modules()
            }
            return True
    if callable(getattr(value, "state_dict", None)) and callable(getattr(value, "load_state_dict", None)):
        made |= {"$": "stateful", "class": type(value).__qualname__, "state": node(value.state_dict(), path)}
        return True
    return False


def tensor_of(made: Mapping[str, Any], tensor: Tensor, live: Any, *, copy: bool = True) -> Any:
    """Returns the torch tensor of a node: `live`, changed, where that is one like it.

    copy: else it lies in the memory of `tensor`, which must be writable.
    """
    torch = _needed()
    view = _FROM_VIEW.get(tensor.dtype)
    array = tensor.data.view(np.int16) if tensor.dtype == "BF16" else tensor.data
    if "complex" in made:
        array = array.view(made["complex"]).reshape(made["shape"])
    data = torch.from_numpy(array.copy() if copy or not array.flags.writeable else array)
    if view is not None:
        data = data.view(getattr(torch, view))
    if "strides" in made:
        data = torch.empty_strided(data.shape, made["strides"], dtype=data.dtype).copy_(data)
    fits = isinstance(live, torch.Tensor) and live.is_leaf and _fits(made, data, live)
    if fits:
        with torch.no_grad():
            live.copy_(data)
        return live.requires_grad_(made["grad"]) if live.is_floating_point() or live.is_complex() else live
    if isinstance(live, torch.Tensor):
        data = data.to(live.device)
    if made.get("parameter"):
        return torch.nn.Parameter(data, requires_grad=made["grad"])
    return data.requires_grad_(True) if made["grad"] else data


def check_module(module: Any, shapes: dict[str, tuple[int, ...] | None], path: str) -> None:
    """Compares a module with what it is to become; shapes: of each of its tensors by name, None for what is none.

    Raises: InvalidInput that names the first tensor that differs.
    """
    have = {name: _shape(part) for name, part in module.state_dict().items()}
    where = path or type(module).__name__
    for name, shape in shapes.items():
        if name not in have:
            raise InvalidInput(
                f"the checkpoint holds the tensor {_join(path, name)}{_said(shape)}, which {where} does not have; "
                "launch with the parameters that it was saved with, or another checkpoint"
            )
        if shape is not None and have[name] is not None and have[name] != shape:
            raise InvalidInput(
                f"the tensor {_join(path, name)} is of shape {list(have[name] or ())} in the model, and of shape "
                f"{list(shape)} in the checkpoint; launch with the parameters that it was saved with"
            )
    missing = [name for name in have if name not in shapes]
    if missing:
        raise InvalidInput(
            f"the checkpoint lacks the tensor {_join(path, missing[0])}{_said(have[missing[0]])}, which {where} has; "
            "launch with the parameters that it was saved with, or another checkpoint"
        )


def _shape(part: Any) -> tuple[int, ...] | None:
    """Returns the shape of a tensor; None for what is none, or for one that has no shape before it is first used."""
    lazy = "Uninitialized" in type(part).__name__
    return tuple(part.shape) if not lazy and hasattr(part, "shape") else None


def _own(torch: Any, module: Any) -> dict[str, Any]:
    """Returns what a module holds besides parameters, buffers and modules."""
    common = _common(torch)
    found = {name: value for name, value in vars(module).items() if name not in common or name == "training"}
    # Buffers that are not in its state_dict are state nevertheless.
    apart = getattr(module, "_non_persistent_buffers_set", ())
    return found | {name: module._buffers[name] for name in apart if module._buffers.get(name) is not None}


def _common(torch: Any) -> frozenset[str]:
    return frozenset(vars(torch.nn.Module()))


def _fill_tensor(torch: Any, made: dict[str, Any], value: Any, path: str, put: Put, held: Held) -> bool:
    plain = type(value) in {torch.Tensor, torch.nn.Parameter} or isinstance(value, getattr(torch.nn, "Buffer", ()))
    if not plain or value.layout is not torch.strided or value.is_quantized or value.device.type == "meta":
        return False
    name = str(value.dtype).removeprefix("torch.")
    shown = value.detach().cpu().resolve_conj().resolve_neg()
    try:
        if name in _BY_VIEW:
            code, view = _BY_VIEW[name]
            array = shown.view(getattr(torch, view)).numpy()
        else:
            array = shown.numpy()
            code = code_of(array.dtype) or ""
    except TypeError:  # a dtype that NumPy does not have
        return False
    made |= {"$": "tensor", "grad": bool(value.requires_grad and value.is_leaf)}
    if type(value) is torch.nn.Parameter:
        made["parameter"] = True
    if value.ndim > 1 and not value.is_contiguous() and _is_dense(value):
        made["strides"] = list(value.stride())
    array = held(array)  # by NumPy: torch's own threads wait for each other where the machine is busy
    if not code:
        made |= {"complex": name, "shape": list(array.shape)}
        code, array = "U8", array.reshape(-1).view(np.uint8)
    made["tensor"] = put(Tensor(code, array.shape, array), path)
    return True


def _is_dense(value: Any) -> bool:
    """Tells whether its elements fill their memory, in whatever order."""
    expected = 1
    for stride, size in sorted(zip(value.stride(), value.shape, strict=True)):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


def _fits(made: Mapping[str, Any], data: Any, live: Any) -> bool:
    parameter = type(live).__name__ == "Parameter"
    alike = live.shape == data.shape and live.dtype == data.dtype and not live.is_inference()
    return bool(alike and live.stride() == data.stride() and parameter == bool(made.get("parameter")))


def _needed() -> Any:
    torch = library()
    if torch is None:
        raise DataCorrupt("the checkpoint holds tensors of torch, and the model does not import torch any more")
    return torch


def _said(shape: tuple[int, ...] | None) -> str:
    return "" if shape is None else f" of shape {list(shape)}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
