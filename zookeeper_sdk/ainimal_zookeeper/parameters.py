"""Parameters: what a user may choose when launching, typed and ranged.

Standard library only, as the API checks launches with it.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ainimal_zookeeper.domain.documents import ParameterDoc
from ainimal_zookeeper.domain.errors import InvalidInput

ParameterType = Literal["float", "int", "bool", "str", "json"]

_TYPES: Final[dict[str, ParameterType]] = {
    "float": "float",
    "number": "float",
    "int": "int",
    "integer": "int",
    "bool": "bool",
    "boolean": "bool",
    "str": "str",
    "string": "str",
    "json": "json",
    "dict": "json",
    "list": "json",
}
_KEYS: Final = ("name", "type", "default", "description", "display", "range", "choices", "required")
_BOOLEANS: Final = {"true": True, "false": False}


class _Missing:
    """The default of a parameter that must be given."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing to choose at launch.

    default: MISSING when the user must choose; None makes the parameter optional.
    display: the label in a form; the name when None.
    minimum, maximum: inclusive, for "float" and "int" only; None where open.
    choices: the only values allowed, None when any is.
    Raises: InvalidInput when the description contradicts itself, such as a default out of range.
    """

    name: str
    type: ParameterType = "float"
    default: Any = MISSING
    description: str | None = None
    display: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        if not str.isidentifier(self.name):
            raise InvalidInput(f"parameter name {self.name!r} is not a Python identifier; it names an argument", ())
        canonical = _TYPES.get(str(self.type))
        if canonical is None:
            raise InvalidInput(
                f"parameter {self.name}: type is {self.type!r}; it must be one of float, int, bool, str, json",
                (self.name, "type"),
            )
        object.__setattr__(self, "type", canonical)
        for end in (self.minimum, self.maximum):
            if end is not None and (canonical not in {"float", "int"} or not _is_finite_number(end)):
                raise InvalidInput(
                    f"parameter {self.name}: range end {end!r}; a range is two finite numbers and belongs to "
                    f"a float or an int, and this is of type {canonical}",
                    (self.name, "range"),
                )
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise InvalidInput(
                f"parameter {self.name}: range [{self.minimum}, {self.maximum}] is empty; write the smaller end first",
                (self.name, "range"),
            )
        if self.choices is not None:
            object.__setattr__(self, "choices", tuple(self._typed(choice) for choice in self.choices))
        if self.default is not MISSING and self.default is not None:
            object.__setattr__(self, "default", self.check(self.default))

    @property
    def required(self) -> bool:
        return self.default is MISSING

    @classmethod
    def from_literal(cls, literal: Mapping[str, Any]) -> Parameter:
        """Reads an entry of AINIMAL_PARAMETERS or `create_params`.

        Keys: name, type (guessed from the default when absent, else "str"), default, description, display,
        range ([low, high], either may be None), choices, required.

        Raises: InvalidInput for keys that do not exist, naming the nearest, and for values that make no sense.
        """
        if not isinstance(literal, Mapping):
            raise InvalidInput(f"a parameter is a mapping with at least a name, not {literal!r}")
        name = literal.get("name")
        for key in literal:
            if key not in _KEYS:
                raise InvalidInput(f"parameter {name}: unknown key {key!r}{_nearest(str(key), _KEYS)}", (str(key),))
        if not isinstance(name, str):
            raise InvalidInput(f"a parameter has no name: {dict(literal)!r}", ("name",))
        default = literal.get("default", MISSING)
        kind = literal.get("type") or _type_of(default)
        required = literal.get("required", default is MISSING)
        if required is True:
            default = MISSING
        elif default is MISSING:
            default = None
        low, high = _range_ends(name, literal.get("range"))
        choices = literal.get("choices")
        if choices is not None and (isinstance(choices, (str, Mapping)) or not isinstance(choices, Sequence)):
            raise InvalidInput(f"parameter {name}: choices is {choices!r}; it must be a list", (name, "choices"))
        return cls(
            name=name,
            type=_TYPES.get(str(kind), kind),
            default=default,
            description=literal.get("description"),
            display=literal.get("display"),
            minimum=low,
            maximum=high,
            choices=None if choices is None else tuple(choices),
        )

    @classmethod
    def from_document(cls, document: ParameterDoc) -> Parameter:
        """Reads what `to_document` wrote."""
        default = document["defaultJson"]
        choices = document["choicesJson"]
        return cls(
            name=document["name"],
            type=_TYPES.get(document["type"], "json"),
            default=MISSING if default is None else json.loads(default),
            description=document["description"],
            display=document["display"],
            minimum=document["minimum"],
            maximum=document["maximum"],
            choices=None if choices is None else tuple(json.loads(choices)),
        )

    def to_document(self) -> ParameterDoc:
        return {
            "name": self.name,
            "type": self.type,
            "defaultJson": None if self.default is MISSING else json.dumps(self.default),
            "description": self.description,
            "display": self.display,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "choicesJson": None if self.choices is None else json.dumps(list(self.choices)),
            "required": self.required,
        }

    def check(self, value: Any) -> Any:
        """Returns `value` with the parameter's type: 3 and "3" become 3.0 for a float, "true" True for a bool.

        Raises: InvalidInput naming the parameter, the value and the rule.
        """
        if value is None and self.default is None:
            return None
        typed = self._typed(value)
        if self.choices is not None and typed not in self.choices:
            raise self._refusal(value, f"it must be one of {', '.join(map(repr, self.choices))}")
        if (self.minimum is not None and typed < self.minimum) or (self.maximum is not None and typed > self.maximum):
            raise self._refusal(value, f"it must be {self._range_in_words()}")
        return typed

    def _typed(self, value: Any) -> Any:
        if self.type == "float":
            return self._number(value, float)
        if self.type == "int":
            number = self._number(value, int)
            if number != int(number):
                raise self._refusal(value, "it must be a whole number")
            return int(number)
        if self.type == "bool":
            read = _BOOLEANS.get(value.strip().lower()) if isinstance(value, str) else value
            if not isinstance(read, bool):
                raise self._refusal(value, "it must be true or false")
            return read
        if self.type == "str":
            if not isinstance(value, str):
                raise self._refusal(value, "it must be text")
            return value
        try:
            return json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            raise self._refusal(value, f"it must be JSON without NaN or infinity ({error})") from error

    def _number(self, value: Any, kind: Callable[[Any], int | float]) -> Any:
        wanted = "a finite number" if kind is float else "a whole number"
        number: Any = value
        if isinstance(value, str):
            try:
                number = kind(value)
            except ValueError:
                raise self._refusal(value, f"it must be {wanted}") from None
        if not _is_finite_number(number):
            raise self._refusal(value, f"it must be {wanted}")
        try:
            return float(number) if kind is float else number
        except OverflowError:
            raise self._refusal(value, "it is too large for a float") from None

    def _range_in_words(self) -> str:
        if self.minimum is None:
            return f"at most {_number_text(self.maximum)}"
        if self.maximum is None:
            return f"at least {_number_text(self.minimum)}"
        return f"from {_number_text(self.minimum)} to {_number_text(self.maximum)}"

    def _refusal(self, value: Any, rule: str) -> InvalidInput:
        return InvalidInput(f"parameter {self.name} is {_short(value)}; {rule}", (self.name,))


def check_parameters(
    documents: Sequence[ParameterDoc], given: Mapping[str, Any], path: tuple[str, ...] = ("input", "parameters")
) -> dict[str, Any]:
    """Returns a typed value for every parameter, defaults filled in.

    Raises: InvalidInput that lists all that is wrong; its path leads to the first of it.
    """
    parameters = [Parameter.from_document(document) for document in documents]
    names = [parameter.name for parameter in parameters]
    problems: list[tuple[str, str]] = [
        (str(name), f"there is no parameter {name!r}{_nearest(str(name), names)}")
        for name in given
        if name not in names
    ]
    values: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.name in given:
            try:
                values[parameter.name] = parameter.check(given[parameter.name])
            except InvalidInput as refusal:
                problems.append((parameter.name, refusal.message))
        elif parameter.required:
            problems.append((parameter.name, f"parameter {parameter.name} has no default; give it a value"))
        else:
            values[parameter.name] = parameter.default
    if problems:
        raise InvalidInput(". ".join(text for _, text in problems), (*path, problems[0][0]))
    return values


def _is_finite_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isinstance(value, int) or math.isfinite(value)


def _range_ends(name: str, ends: Any) -> tuple[float | None, float | None]:
    if ends is None:
        return None, None
    if isinstance(ends, str) or not isinstance(ends, Sequence) or len(ends) != 2:
        raise InvalidInput(f"parameter {name}: range is {ends!r}; write [low, high]", (name, "range"))
    return ends[0], ends[1]


def _type_of(default: Any) -> ParameterType:
    if isinstance(default, bool):
        return "bool"
    if isinstance(default, int):
        return "int"
    if isinstance(default, float):
        return "float"
    return "json" if isinstance(default, (list, dict)) else "str"


def _number_text(number: float | None) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _nearest(word: str, known: Sequence[str]) -> str:
    """Returns the end of a message: the nearest of `known`, or all of it."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are: {', '.join(known)}" if known else "; there are none"
