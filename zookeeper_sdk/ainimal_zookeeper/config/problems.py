"""What is wrong with a configuration: gathered one by one, reported all at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ainimal_zookeeper.domain.errors import InvalidInput

_SHORTEST_SECRET = 4  # shorter values are in half of all words: hiding them would hide the message


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written; `line` counts from 1, None where it is not known."""

    file: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        if self.file is None:
            return ""
        return str(self.file) if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `path` leads to it from the top of the configuration (`envs[0].path`), empty for all of it."""

    place: Place
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.place), self.path, self.message) if part)


class ConfigurationError(InvalidInput):
    """A configuration cannot be used; `problems` holds everything that is wrong with it, never only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        count = len(self.problems)
        heading = "the configuration has a problem" if count == 1 else f"the configuration has {count} problems"
        super().__init__("\n".join([f"{heading}:", *(f"  {problem}" for problem in self.problems)]))


class Problems:
    """Gathers problems. Values in `secrets` are hidden in every message."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted((text for text in secrets if len(text) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._found: list[Problem] = []

    def add(self, place: Place, path: str, message: str) -> None:
        for secret in self._secrets:
            message = message.replace(secret, "***")
        problem = Problem(place, path, message)
        if problem not in self._found:
            self._found.append(problem)

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def all(self) -> tuple[Problem, ...]:
        """What was added, in the order of the file."""
        return tuple(sorted(self._found, key=lambda found: found.place.line or 0))

    def raise_if_any(self) -> None:
        """Raises: ConfigurationError with all that was added, in the order of the file."""
        if self._found:
            raise ConfigurationError(self.all)


def nearest(word: str, known: Sequence[str]) -> str:
    """Returns the end of a message about the unknown `word`: what it was probably meant to be, else what there is."""
    by_fold = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(by_fold), n=1)
    if close:
        return f"did you mean {by_fold[close[0]]!r}?"
    return f"there are: {', '.join(known)}" if known else "there are none"


def shown(value: object) -> str:
    """Returns `value` for a message, as short as it takes."""
    if isinstance(value, str):
        text = f"the text {value!r}"
    elif value is None:
        text = "nothing"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, dict):
        text = "a mapping"
    elif isinstance(value, list):
        text = "a list"
    else:
        text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
