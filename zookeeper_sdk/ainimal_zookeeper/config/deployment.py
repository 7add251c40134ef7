"""What stands in the way of taking a configuration from this machine to others; each is a problem with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from .catalogue import model_files
from .check import Section
from .home import Home
from .problems import Problem, Problems
from .values import CreateParam, InitParams

_OFFERS: Final = ("models", "environments", "model_providers", "compute_providers")
_SHORTEST_SECRET: Final = 8  # shorter values stand in specifications by chance


def undeployable(zoo: Section, home: Home, secrets: Mapping[str, str]) -> tuple[Problem, ...]:
    """Returns everything of `zoo` that only this machine has, and every value of `secrets` that is written out."""
    problems = Problems(secrets.values())
    for key in _OFFERS:
        for section in zoo.get(key, []):
            _interpreter(section, problems)
            _files(section, home, problems)
            _nameless(section, home, problems)
    for key in ("models", "environments", "launch"):
        for section in zoo.get(key, []):
            _written_out(section, secrets, problems)
            _local_paths(section, home, problems)
    return problems.all


def _interpreter(section: Section, problems: Problems) -> None:
    if section.get("python"):
        message = "names an interpreter of this machine; leave it out: instances run in the zoo's image there"
        problems.add(section.place_of("python"), f"{section.path}.python", message)


def _files(section: Section, home: Home, problems: Problems) -> None:
    for key in ("path", "root"):
        path: Path | None = section.get(key)
        if path is None:
            continue
        strangers = [found for found in (path, *model_files(path)) if not home.holds(found)]
        if strangers:
            message = f"{strangers[0]} is not below {home.folder}, which is all that is deployed; move or copy it there"
            problems.add(section.place_of(key), f"{section.path}.{key}", message)


def _nameless(section: Section, home: Home, problems: Problems) -> None:
    """The name of a provider is part of its models' ids; that of the configuration's own folder differs elsewhere."""
    root: Path | None = section.get("root")
    if root is not None and not section.get("name") and home.relative(root) == ".":
        message = "the key 'name' is missing: it is the configuration's own folder, which has another name elsewhere"
        problems.add(section.place, section.path, message)


def _written_out(section: Section, secrets: Mapping[str, str], problems: Problems) -> None:
    for key, value in section.values.items():
        for part, advice in _shared(value):
            text = json.dumps(part, ensure_ascii=False)
            for name, secret in secrets.items():
                if len(secret) >= _SHORTEST_SECRET and json.dumps(secret, ensure_ascii=False)[1:-1] in text:
                    message = f"holds the value of {name}, a secret of .env.local; {advice.format(name)}"
                    problems.add(section.place_of(key), f"{section.path}.{key}", message)


def _local_paths(section: Section, home: Home, problems: Problems) -> None:
    """A zoo.py that passes `folder / "weights.bin"` on has written down where this clone lies."""
    for key, value in section.values.items():
        for part, _ in _shared(value):
            for text in _texts(part):
                if Path(text).is_absolute() and home.is_here(Path(text)):
                    message = f"holds {text}, which is only on this machine; let the class find it from its __file__"
                    problems.add(section.place_of(key), f"{section.path}.{key}", message)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _shared(value: Any) -> Iterator[tuple[Any, str]]:
    """Yields what of a key's value becomes part of documents, as JSON, and what to write instead of a secret in it."""
    if isinstance(value, InitParams):
        yield value.values, "write '${{env.{}}}' instead"
    elif isinstance(value, dict):
        yield value, "parameters are shown to users: give it in init_params as '${{env.{}}}'"
    elif isinstance(value, list):
        for part in value:
            if isinstance(part, CreateParam):
                yield part.literal, "parameters are shown to users: give it in init_params as '${{env.{}}}'"
