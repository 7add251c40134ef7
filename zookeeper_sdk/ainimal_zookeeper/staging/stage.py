"""Stages the functions: puts together what each deployed folder holds, and writes folders and archives."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ainimal_zookeeper.domain.errors import InvalidInput

from .archive import archive, wheel
from .function import FUNCTIONS, Function, sdk_files
from .reach import reached

CONFIGURATION = "configuration.json"
MANIFEST = "staged.json"

_DISTRIBUTION = "ainimal-zookeeper"
_WHEELS = "wheels"
_IGNORED = b"__pycache__/\n"  # what a trial run of the folder leaves in it is not uploaded
_LONG_AGO_S = 315532800  # 1980, as in the archives


@dataclass(frozen=True, slots=True)
class Staged:
    """A function that is ready to be deployed."""

    function: Function
    folder: Path
    archive: Path
    """A zip of the folder. Its name ends with the hash of its content: who deploys it by name does so on a change."""


def stage(configuration: Mapping[str, Any], target: Path) -> list[Staged]:
    """Writes the folder and the archive of every function to `target`, in place of those staged there before.

    configuration: as `deployable` returns it; the launcher brings it. `staged.json` beside the folders tells the
    archive and the entry points of each function.

    Raises: InvalidInput for a target that holds folders of the same names which were not staged; NotFound for an
    installation that lacks a function.
    """
    for function in FUNCTIONS:
        _refuse_a_stranger(target / function.name)
    staged = [_write(function, contents(function, configuration), target) for function in FUNCTIONS]
    manifest = {one.function.name: {"archive": one.archive.name, "targets": one.function.targets} for one in staged}
    _write_files(target, {MANIFEST: _json(manifest)})
    return staged


def contents(function: Function, configuration: Mapping[str, Any]) -> dict[str, bytes]:
    """Returns what the deployed folder of `function` holds, by name."""
    own = function.files()
    modules = sdk_files()
    needed = reached((content for name, content in own.items() if name.endswith(".py")), modules)
    root = Path(__file__).parents[2]
    sdk = {path.relative_to(root).as_posix(): path.read_bytes() for path in needed.values()}
    name, built = wheel(_DISTRIBUTION, _version(), sdk)
    vendored = f"./{_WHEELS}/{name} --hash=sha256:{hashlib.sha256(built).hexdigest()}\n"
    files = {
        **own,
        f"{_WHEELS}/{name}": built,
        "requirements.txt": (function.requirements() + vendored).encode(),
        ".gcloudignore": _IGNORED,
    }
    if function.configured:
        files[CONFIGURATION] = _json(configuration)
    return files


def _refuse_a_stranger(folder: Path) -> None:
    # What was staged before is removed, and the sources of a clone have the same names.
    if folder.exists() and not (folder / _WHEELS).is_dir():
        raise InvalidInput(f"{folder} was not staged and would be replaced; remove it or stage elsewhere: --to FOLDER")


def _write(function: Function, files: Mapping[str, bytes], target: Path) -> Staged:
    folder = target / function.name
    if folder.exists():
        shutil.rmtree(folder)
    for before in target.glob(f"{function.name}-*.zip"):
        before.unlink()
    _write_files(folder, files)
    zipped = archive(files)
    name = f"{function.name}-{hashlib.sha256(zipped).hexdigest()[:16]}.zip"
    _write_files(target, {name: zipped})
    return Staged(function, folder, target / name)


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o644)
        os.utime(path, (_LONG_AGO_S, _LONG_AGO_S))


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def _version() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return "0"
