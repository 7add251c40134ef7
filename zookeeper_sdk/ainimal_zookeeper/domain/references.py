"""The `${...}` in a specification: `${params.x}`, which a user chooses, and `${env.X}`, a variable of the zoo.

Both stay in place until the author's object is made, in its runner, and are then replaced in one pass: neither what a
user writes nor what a variable holds is ever looked through for references.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .errors import InvalidInput

FILLED_IN = ("init_params", "env_name")  # keys of a specification that may name variables

_PARAMETER = re.compile(r"\$\{\s*params\.([A-Za-z_][A-Za-z0-9_]*)\s*\}")
_VARIABLE = re.compile(r"\$\{\s*env\.(\w+)\s*\}")
_EITHER = re.compile(f"{_PARAMETER.pattern}|{_VARIABLE.pattern}")


def is_own(variable: str) -> bool:
    """Tells whether a variable is the zoo's own (its secret, its tokens) and never for specifications."""
    return variable.startswith("ZOO_")


def variables_in(spec: Mapping[str, Any]) -> list[str]:
    """Returns the names of the variables that a specification needs, sorted."""
    return sorted({name for key in FILLED_IN for text in _texts(spec.get(key)) for name in _VARIABLE.findall(text)})


def parameters_in(value: Any) -> set[str]:
    """Returns the names of the parameters that the texts in `value` refer to."""
    return {name for text in _texts(value) for name in _PARAMETER.findall(text)}


def substitute(value: Any, parameters: Mapping[str, Any], variables: Mapping[str, str] | None = None) -> Any:
    """Returns `value` with every reference replaced; a text that is one ${params.x} becomes the parameter itself.

    Raises: InvalidInput for a parameter or a variable that does not exist.
    """
    if isinstance(value, Mapping):
        return {key: substitute(part, parameters, variables) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [substitute(part, parameters, variables) for part in value]
    if not isinstance(value, str):
        return value

    def filled(match: re.Match[str]) -> Any:
        if match.group(1) is None:
            return _variable(match.group(2), variables or {})
        return _parameter(match.group(1), parameters)

    whole = _PARAMETER.fullmatch(value.strip())
    return filled(whole) if whole else _EITHER.sub(lambda match: str(filled(match)), value)


def _parameter(name: str, parameters: Mapping[str, Any]) -> Any:
    if name not in parameters:
        close = difflib.get_close_matches(name, parameters, n=1)
        hint = f"; did you mean {close[0]}?" if close else "; declare it in create_params"
        raise InvalidInput(f"${{params.{name}}} names no parameter{hint}", ("parameters", name))
    return parameters[name]


def _variable(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        raise InvalidInput(f"the zoo did not send the variable {name}; set it where the zoo runs and launch again")
    return variables[name]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
