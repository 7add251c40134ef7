"""Packed folders as agents: a zip of source and what its `save` wrote, or of a pickle and its modules. In runners only.

At the root of the zip, or in the one folder that it holds:

    ainimal.py        the source with the model class; any other name when it is the only .py file
    saved/            what `save(path)` wrote: given to the constructor as save_path, and to `load`
    walker.pkl        instead of a source: one pickled object, with the modules that it needs beside it
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ainimal_zookeeper import source
from ainimal_zookeeper.domain.errors import AInimalFault, InvalidInput
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.models import pickled, python_class
from ainimal_zookeeper.models.agent import Agent
from ainimal_zookeeper.models.unpacking import unpack

SOURCE: Final = "ainimal.py"
SAVED: Final = "saved"
_PICKLES = (".pkl", ".pickle")
_FOREIGN = ("__MACOSX", ".DS_Store", "__pycache__")  # what packing programs add


def load(
    spec: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    observation: Mapping[str, Modality] | None,
    action: Mapping[str, Modality] | None,
    stage: Callable[[str], None],
) -> Agent:
    """Unpacks the zip into a folder that goes with the process, and loads what is in it."""
    path = spec.get("path")
    if not path:
        raise InvalidInput("a model of type archive needs the path of its file", ("path",))
    archive = Path(path)
    stage(f"unpacking {archive.name}")
    root = _unpacked(archive)
    found, is_pickle = _model_in(root, archive.name)
    if is_pickle:
        return pickled.load(
            {**spec, "path": str(found)}, parameters, observation=observation, action=action, stage=stage
        )
    saved, given = root / SAVED, _given(spec)
    spec = {**spec, "path": str(found), "module": f"ainimal_{found.stem}_packed"}
    if given is None and saved.is_dir():
        spec["save_path"] = str(saved)
    agent = python_class.load(spec, parameters, observation=observation, action=action, stage=stage)
    if given is None and saved.is_dir():
        _become(agent, saved, archive.name)
    return agent


def _given(spec: Mapping[str, Any]) -> str | None:
    """Returns the folder of what a checkpoint's `save` wrote; None without a checkpoint of that kind."""
    path = spec.get("save_path")
    return path if path and any(Path(path).iterdir()) else None


def _unpacked(archive: Path) -> Path:
    """Returns the folder that the files are in."""
    if not archive.is_file():
        raise AInimalFault(f"there is no file {archive}; put it back, or correct the path")
    try:
        place = Path(tempfile.mkdtemp(prefix="ainimal-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        unpack(archive, place)
    except OSError as error:
        reason = error.strerror or error
        raise AInimalFault(f"{archive.name} cannot be unpacked below {tempfile.gettempdir()}: {reason}") from error
    inside = [path for path in place.iterdir() if path.name not in _FOREIGN]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() and inside[0].name != SAVED else place


def _model_in(root: Path, name: str) -> tuple[Path, bool]:
    """Returns the file with the model, and whether it is a pickle. Raises: AInimalFault for none, and for several."""
    if (root / SOURCE).is_file():
        return root / SOURCE, False
    files = sorted(path for path in root.iterdir() if path.is_file() and not path.name.startswith("."))
    pickles = [path for path in files if path.suffix.lower() in _PICKLES]
    sources = [path for path in files if path.suffix == ".py"]
    if len(pickles) == 1:
        return pickles[0], True
    if len(pickles) > 1:
        raise AInimalFault(f"{name} holds {len(pickles)} pickles ({_listed(pickles)}); pack one model into a zip")
    if len(sources) == 1:
        return sources[0], False
    if sources:
        raise AInimalFault(
            f"{name} holds {len(sources)} Python files ({_listed(sources)}); call the one with the model {SOURCE}"
        )
    raise AInimalFault(
        f"{name} holds no model: at its root is neither {SOURCE}, nor any other Python file, nor a pickle; it has "
        f"{_listed(sorted(root.iterdir())) or 'nothing'}"
    )


def _become(agent: Agent, saved: Path, name: str) -> None:
    if agent.can.load is not None:
        try:
            agent.can.load(str(saved))
        except (Exception, SystemExit) as error:
            raise source.failed(f"loading {SAVED}/ of {name}", error, AInimalFault) from error
    elif not agent.takes_save_path:
        raise AInimalFault(
            f"{name} has {SAVED}/, and its model nothing to read it with: write load(path), or take save_path in its "
            "constructor"
        )


def _listed(paths: list[Path]) -> str:
    names = [path.name for path in paths if path.name not in _FOREIGN]
    return ", ".join([*names[:5], *(["..."] if len(names) > 5 else [])])
