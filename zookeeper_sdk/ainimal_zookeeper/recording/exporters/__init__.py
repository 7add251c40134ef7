"""Exporters: recordings in the formats of others, one file each. What a format needs is imported when it is asked for.

from ainimal_zookeeper.recording.exporters import export
export(Recording.open(folder), "NPZ", Path("run.npz"), signals=["inputs.*", "action"])
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...domain.errors import AlreadyExists, InvalidInput
from .excerpt import Excerpt, Recorded


@dataclass(frozen=True, slots=True)
class Format:
    """A format to export to.

    module: beside this file; None where there is none, and `lacking` says why. suffix: of the file; "" where it is a
    folder. install: the line that installs what it needs beyond the product.
    """

    name: str
    suffix: str
    module: str | None
    install: str | None = None
    lacking: str = ""


FORMATS: Final[Mapping[str, Format]] = {
    each.name: each
    for each in (
        Format("MCAP_FOXGLOVE", ".mcap", "foxglove", "pip install foxglove-sdk"),
        Format("RERUN", ".rrd", "rerun", "pip install rerun-sdk"),
        Format("MINARI", "", "minari", 'pip install "minari[hdf5]"'),
        Format("NPZ", ".npz", "npz"),
        Format(
            "LEROBOT",
            "",
            None,
            lacking="LeRobot's packages bring torch, torchvision, a video codec and a dataset service, which is more "
            "than an export is worth; export MINARI or NPZ, and read that",
        ),
    )
}


def format_of(name: str) -> Format:
    """Returns the format called `name`. Raises: InvalidInput for one that there is not."""
    found = FORMATS.get(name.upper())
    offered = ", ".join(each.name for each in FORMATS.values() if each.module is not None)
    if found is None:
        raise InvalidInput(f"there is no format {name!r}; choose one of {offered}", ("format",))
    if found.module is None:
        raise InvalidInput(f"{found.name} is not written: {found.lacking}", ("format",))
    return found


def export(
    recording: Recorded,
    format: str,
    target: Path,
    *,
    signals: Sequence[str] | None = None,
    from_step: int | None = None,
    to_step: int | None = None,
) -> Path:
    """Writes `recording`, or a part of it, to the file or folder `target`, and returns that.

    signals: globs; None: all. from_step, to_step: both inclusive; None: to either end. Raises: InvalidInput for what is
    not recorded, or where the format's library is not installed; AlreadyExists; DataCorrupt as reading does. What was
    written until then is taken away.
    """
    chosen = format_of(format)
    if target.exists():
        raise AlreadyExists(f"{target} exists already; choose another name, or remove it")
    excerpt = Excerpt(recording, signals, from_step, to_step)
    try:
        module = importlib.import_module(f"{__name__}.{chosen.module}")
        module.write(excerpt, target)
    except ImportError as error:
        raise InvalidInput(
            f"{chosen.name} needs {error.name}, which is not installed; {chosen.install}", ("format",)
        ) from error
    except BaseException:
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)
        raise
    return target
