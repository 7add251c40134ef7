"""Making an author's object: which argument gets which value."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ainimal_zookeeper.domain.references import parameters_in, substitute
from ainimal_zookeeper.source import Fault, failed


@dataclass(frozen=True, slots=True)
class Constructed:
    """An author's object; `arguments` it was made with, `unused`: parameters that nothing took."""

    subject: Any
    arguments: dict[str, Any]
    unused: tuple[str, ...]


def construct(
    made_by: Any,
    init_params: Mapping[str, Any],
    parameters: Mapping[str, Any],
    offered: Mapping[str, Any],
    fault: Fault,
    variables: Mapping[str, str] | None = None,
) -> Constructed:
    """Calls the class `made_by` with init_params, parameters by name, and what it asks for of `offered`.

    Values of `offered` that are callable are called when they are asked for. `variables`: what ${env.X} stands for.
    Raises: `fault` when an argument is missing or unknown, naming the nearest, or the class raises.
    """
    name = f"{made_by.__name__}.__init__" if isinstance(made_by, type) else str(made_by.__name__)
    names, required, takes_any = _arguments(made_by)
    arguments = {key: substitute(value, parameters, variables) for key, value in init_params.items()}
    for key in arguments:
        if key not in names and not takes_any:
            close = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it takes: {', '.join(names) or 'nothing'}"
            raise fault(f"init_params names {key!r}, which {name} does not take; {hint}")
    used = parameters_in(init_params) | set(arguments)
    for key, value in parameters.items():
        if key not in used and (key in names or takes_any):
            arguments[key] = value
            used.add(key)
    for key, value in offered.items():
        if key in names and key not in arguments:
            arguments[key] = value() if callable(value) else value
    missing = [key for key in required if key not in arguments]
    if missing:
        raise fault(
            f"{name} needs {', '.join(missing)}, and nothing gives it; give it a default, declare it in "
            f"AINIMAL_PARAMETERS or create_params, or set it in init_params"
        )
    try:
        subject = made_by(**arguments)
    except (Exception, SystemExit) as error:
        raise failed(name, error, fault) from error
    return Constructed(subject, arguments, tuple(key for key in parameters if key not in used))


def _arguments(made_by: Any) -> tuple[list[str], list[str], bool]:
    """Returns the names of a constructor's arguments, those without default, and whether it takes any other."""
    try:
        signature = inspect.signature(made_by)
    except (ValueError, TypeError):  # a class written in C without a signature
        return [], [], True
    names: list[str] = []
    required: list[str] = []
    takes_any = False
    for argument in signature.parameters.values():
        if argument.kind is argument.VAR_KEYWORD:
            takes_any = True
        elif argument.kind is not argument.VAR_POSITIONAL:
            names.append(argument.name)
            if argument.default is argument.empty:
                required.append(argument.name)
    return names, required, takes_any
