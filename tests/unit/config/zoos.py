"""Zoos on disk for tests: a folder with a model, a world and whatever a test writes beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ainimal_zookeeper import config

MODEL = '''
from ainimal_zookeeper import AInimal

class Walker(AInimal):
    """Walks."""

    AINIMAL_PARAMETERS = [
        {"name": "depth", "display": "Hidden layers", "type": "int", "default": 5, "range": [1, 10]},
    ]

    def __init__(self, depth=5): ...
    def forward(self, inputs): return {}
'''

WORLD = """
class Field:
    def __init__(self, size: int = 3): ...
    def reset(self): ...
    def step(self, action): ...
"""


def furnish(folder: Path) -> Path:
    """Writes models/walker.py and field.py into `folder`."""
    (folder / "models").mkdir()
    (folder / "models" / "walker.py").write_text(MODEL)
    (folder / "field.py").write_text(WORLD)
    return folder


def load(folder: Path, text: str, environ: Mapping[str, str] | None = None, name: str = "zoo.yaml") -> config.Server:
    path = folder / name
    path.write_text(text)
    return config.load(path, {"PATH": "/usr/bin:/bin"} if environ is None else environ)


def problems(folder: Path, text: str, environ: Mapping[str, str] | None = None, name: str = "zoo.yaml") -> list[str]:
    """Returns what is wrong with a configuration as "line: path: message", [] when nothing is."""
    try:
        load(folder, text, environ, name)
    except config.ConfigurationError as error:
        return [f"{problem.place.line}: {problem.path}: {problem.message}" for problem in error.problems]
    return []
