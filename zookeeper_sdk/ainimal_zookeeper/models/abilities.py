"""What an author's object can do besides acting and learning: saving, loading, resetting, showing its state."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from ainimal_zookeeper.ainimal import AInimal
from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.models.agent import Capabilities, Finding
from ainimal_zookeeper.models.forwarding import positional

RECURRENT = "recurrent_state"
_ONE_FILE = "saved"  # the file that a class writes which takes a file's path, not a folder's


def find_abilities(subject: Any, spec: Mapping[str, Any]) -> tuple[Capabilities, list[Finding]]:
    """Finds all but `train`. The keys save_func, load_func and reset_func of `spec` name methods.

    Raises: AInimalFault when a named method is missing.
    """
    findings: list[Finding] = []
    can = Capabilities()
    save = _method(subject, "save", spec.get("save_func"), "save_func")
    load = _method(subject, "load", spec.get("load_func"), "load_func")
    if save is not None and _takes(save, 1):
        can.save = save if isinstance(subject, AInimal) else _saving(save)
        findings.append(Finding("save", f"{_name(save)} saves", _certainty(subject, spec, "save_func")))
    if load is not None and not _is_bound_to_instance(subject, load):
        findings.append(
            Finding("load", f"{_name(load)} makes a new object and cannot change this one: not used", "inferred")
        )
    elif load is not None and _takes(load, 1):
        can.load = load if isinstance(subject, AInimal) else _loading(load)
        findings.append(Finding("load", f"{_name(load)} loads", _certainty(subject, spec, "load_func")))
    can.reset = _resetting(_method(subject, "reset", spec.get("reset_func"), "reset_func"), findings)
    handover = _method(subject, "handover", None, "")
    if handover is not None and _takes(handover, 2):
        can.handover = handover
    on_mode = _method(subject, "on_mode", None, "")
    if on_mode is not None and _takes(on_mode, 2):
        can.on_mode = on_mode
    can.state = _state(subject)
    set_state = _method(subject, "set_state", None, "")
    if set_state is not None and _takes(set_state, 2):
        can.set_state = set_state
    if isinstance(subject, AInimal):
        can.metrics = subject._take_metrics
    if hasattr(subject, RECURRENT):
        can.get_recurrent = lambda: copy.deepcopy(getattr(subject, RECURRENT))
        can.set_recurrent = lambda value: setattr(subject, RECURRENT, copy.deepcopy(value))
        findings.append(Finding("recurrent", f"{RECURRENT} is kept apart for each conversation", "inferred"))
    return can, findings


def is_written(subject: Any, name: str) -> bool:
    """Tells whether the author wrote `name`, rather than got it from the base class."""
    return getattr(type(subject), name, None) is not getattr(AInimal, name, None)


def declared(subject: Any, configured: str | None, names: tuple[str, ...], key: str) -> tuple[Any, str | None]:
    """Returns what the subject declares of its channels and under which name; (None, None) when nothing.

    Raises: AInimalFault when the configured name is missing or the declaration raises.
    """
    from ainimal_zookeeper.source import failed

    for name in (configured,) if configured else names:
        if not hasattr(type(subject), name) and name not in getattr(subject, "__dict__", {}):
            if configured:
                raise AInimalFault(f"{key} names {name}, which {type(subject).__name__} does not have")
            continue
        try:
            value = getattr(subject, name)
            if inspect.isroutine(value) and not positional_required(value):
                value = value()
        except Exception as error:
            raise failed(f"{type(subject).__name__}.{name}", error, AInimalFault) from error
        if value is not None and not inspect.isroutine(value):
            return value, name
    return None, None


def positional_required(method: Callable[..., Any]) -> int:
    """Returns how many arguments a call of `method` must give."""
    try:
        arguments = inspect.signature(method).parameters.values()
    except (ValueError, TypeError):
        return 0
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return sum(each.default is each.empty and each.kind not in variable for each in arguments)


def _method(subject: Any, name: str, configured: str | None, key: str) -> Callable[..., Any] | None:
    if configured:
        method = getattr(subject, configured, None)
        if not callable(method):
            raise AInimalFault(f"{key} names {configured}, which {type(subject).__name__} does not have")
        return cast("Callable[..., Any]", method)
    if isinstance(subject, AInimal) and not is_written(subject, name):
        return None
    method = getattr(subject, name, None)
    return method if callable(method) else None


def _takes(method: Callable[..., Any], count: int) -> bool:
    """Tells whether `method` can be called with `count` positional arguments."""
    try:
        inspect.signature(method).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _is_bound_to_instance(subject: Any, method: Callable[..., Any]) -> bool:
    static = inspect.getattr_static(subject, getattr(method, "__name__", ""), None)
    return not isinstance(static, (classmethod, staticmethod))


def _saving(save: Callable[[str], Any]) -> Callable[[str], None]:
    """Lets a plain class write a folder or, when it wants a file's path, one file in it."""
    wants_file = any("file" in argument.name for argument in positional(save))

    def save_into(path: str) -> None:
        if not wants_file:
            try:
                save(path)
                return
            except (IsADirectoryError, PermissionError):
                pass
            except RuntimeError as error:  # torch.save says so of a folder
                if "directory" not in str(error).lower():
                    raise
        folder = Path(path) / _ONE_FILE
        folder.mkdir(exist_ok=True)
        save(str(folder / _ONE_FILE))

    return save_into


def _loading(load: Callable[[str], Any]) -> Callable[[str], None]:
    def load_from(path: str) -> None:
        one_file = Path(path) / _ONE_FILE
        load(str(one_file / _ONE_FILE) if one_file.is_dir() else path)

    return load_from


def _resetting(reset: Callable[..., Any] | None, findings: list[Finding]) -> Callable[[Any], None] | None:
    if reset is None:
        return None
    arguments = positional(reset)
    if not arguments or (positional_required(reset) == 0 and arguments[0].name not in ("mask", "dones", "done")):
        return lambda _mask: reset()
    if arguments[0].name in ("mask", "dones", "done") and len(arguments) == 1:
        return reset
    told = ", ".join(argument.name for argument in arguments)
    findings.append(Finding("reset", f"{_name(reset)} needs {told}: not called at a new episode", "inferred"))
    return None


def _state(subject: Any) -> Callable[[], Mapping[str, Any]] | None:
    if isinstance(subject, AInimal) and not is_written(subject, "state"):
        return None
    static = inspect.getattr_static(subject, "state", None)
    if static is None:
        return None
    if inspect.isroutine(static):
        method = subject.state
        return (lambda: _mapping(method())) if positional_required(method) == 0 else None
    if not isinstance(static, (property, Mapping)):
        return None  # a plain class's own affair
    return lambda: _mapping(subject.state)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {"state": value}


def _name(method: Callable[..., Any]) -> str:
    return str(getattr(method, "__qualname__", method))


def _certainty(subject: Any, spec: Mapping[str, Any], key: str) -> Any:
    if spec.get(key):
        return "configured"
    return "declared" if isinstance(subject, AInimal) else "inferred"
