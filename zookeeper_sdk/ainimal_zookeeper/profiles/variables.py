"""Variables: what a deployable reads from its environment, with everything that is wrong told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ainimal_zookeeper.domain.errors import InvalidInput

T = TypeVar("T")


class Variables:
    """Reads variables one by one and remembers what is wrong; an empty one counts as absent."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def get(self, name: str, default: str = "") -> str:
        return self._environ.get(name) or default

    def required(self, name: str, why: str) -> str:
        """Returns the variable; `why` says what it is for, where it is missing."""
        value = self.get(name)
        if not value:
            self.problems.append(f"{name} is not set; it must name {why}")
        return value

    def one_of(self, name: str, choices: Sequence[str], default: str) -> str:
        value = self.get(name, default)
        if value not in choices:
            self.problems.append(f"{name} is {value!r}; it must be one of: {', '.join(choices)}")
        return value

    def read(self, name: str, parse: Callable[[str], T], default: T, what: str) -> T:
        """Returns `parse` of the variable, or `default` where it is absent. `what` says what it must be."""
        value = self.get(name)
        if not value:
            return default
        try:
            return parse(value)
        except ValueError:
            self.problems.append(f"{name} is {value!r}; it must be {what}")
            return default

    def check(self) -> None:
        """Raises: InvalidInput that names every variable that is missing or wrong."""
        if self.problems:
            raise InvalidInput("; ".join(self.problems))
