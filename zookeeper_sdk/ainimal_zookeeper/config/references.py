"""The `${...}` in a configuration: parameters stay in place for the runner, variables are replaced at once.

${params.depth}                           a parameter that is chosen at launch
${env.X}, ${process.env.X}, ${process.ENV.X}   a variable of the environment or of .env.local
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
    """The environment together with the secrets beside the configuration; the environment wins."""

    def __init__(self, environ: Mapping[str, str], secrets: Mapping[str, str] | None = None) -> None:
        self.secrets = dict(secrets or {})
        self.all: dict[str, str] = {**self.secrets, **environ}

    @classmethod
    def beside(cls, folder: Path, environ: Mapping[str, str]) -> Variables:
        """Reads `.env.local` in `folder`, when there is one. Raises: ConfigurationError when it cannot be read."""
        path = folder / SECRETS_FILE
        if not path.is_file():
            return cls(environ)
        try:
            values = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
            raise ConfigurationError([Problem(Place(path), "", f"cannot be read: {reason}")]) from error
        return cls(environ, {name: value for name, value in values.items() if value is not None})

    def __repr__(self) -> str:
        return f"Variables({len(self.all)} variables, {len(self.secrets)} of them from {SECRETS_FILE})"


def references(text: str) -> list[Reference]:
    """Returns every `${...}` of `text` in order."""
    return [_reference(match) for match in _REFERENCE.finditer(text)]


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Returns `text` with every reference to a variable replaced; all of them must exist."""

    def replacement(match: re.Match[str]) -> str:
        reference = _reference(match)
        return variables[reference.name] if reference.kind == "variable" else reference.text

    return _REFERENCE.sub(replacement, text)


def _reference(match: re.Match[str]) -> Reference:
    inside = match.group(1).strip()
    if parameter := _PARAMETER.match(inside):
        return Reference("parameter", parameter.group(1), match.group())
    if variable := _VARIABLE.match(inside):
        return Reference("variable", variable.group(1), match.group())
    return Reference("unknown", inside, match.group())
