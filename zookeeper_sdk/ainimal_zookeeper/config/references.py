"""The `${...}` in a configuration.

${params.depth}                           a parameter that is chosen at launch
${env.X}, ${process.env.X}, ${process.ENV.X}   a variable of the environment or of .env.local

What the host itself uses is replaced at once. In specifications both stay in place, variables in their short form: a
store must not hold what they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values

from .problems import ConfigurationError, Place, Problem

SECRETS_FILE = ".env.local"

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_PARAMETER = re.compile(r"params\.(\w+)\Z")
_VARIABLE = re.compile(r"(?:env|process\.env|process\.ENV)\.(\w+)\Z")


@dataclass(frozen=True, slots=True)
class Reference:
    """One `${...}` of a text: `text` as it stands there."""

    kind: Literal["parameter", "variable", "unknown"]
    name: str
    text: str


class Variables:
    """The environment together with the secrets in `files`, of which the first that has one wins; as they are now."""

    def __init__(self, environ: Mapping[str, str], files: Sequence[Path] = ()) -> None:
        """Raises: ConfigurationError when a file is there and cannot be read."""
        self.environ = dict(environ)
        self.files = tuple(dict.fromkeys(files))
        self.secrets: dict[str, str] = {}
        for path in reversed(self.files):
            self.secrets |= _written_in(path)
        self.all: dict[str, str] = {**self.secrets, **self.environ}

    def beside(self, folder: Path) -> Variables:
        """Returns these and those of `.env.local` in `folder`, read now. Raises: as the constructor."""
        return Variables(self.environ, (*self.files, folder / SECRETS_FILE))

    def __repr__(self) -> str:
        return f"Variables({len(self.all)} variables, {len(self.secrets)} of them from {SECRETS_FILE})"


def _written_in(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        values = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise ConfigurationError([Problem(Place(path), "", f"cannot be read: {reason}")]) from error
    return {name: value for name, value in values.items() if value is not None}


def references(text: str) -> list[Reference]:
    """Returns every `${...}` of `text` in order."""
    return [_reference(match) for match in _REFERENCE.finditer(text)]


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Returns `text` with every reference to a variable replaced; all of them must exist."""

    def replacement(match: re.Match[str]) -> str:
        reference = _reference(match)
        return variables[reference.name] if reference.kind == "variable" else reference.text

    return _REFERENCE.sub(replacement, text)


def shortened(text: str) -> str:
    """Returns `text` with every reference to a variable as `${env.NAME}`, the form that specifications have."""

    def replacement(match: re.Match[str]) -> str:
        reference = _reference(match)
        return f"${{env.{reference.name}}}" if reference.kind == "variable" else reference.text

    return _REFERENCE.sub(replacement, text)


def _reference(match: re.Match[str]) -> Reference:
    inside = match.group(1).strip()
    if parameter := _PARAMETER.match(inside):
        return Reference("parameter", parameter.group(1), match.group())
    if variable := _VARIABLE.match(inside):
        return Reference("variable", variable.group(1), match.group())
    return Reference("unknown", inside, match.group())
