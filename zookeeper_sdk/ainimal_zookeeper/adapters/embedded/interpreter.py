"""Which Python runs a job, what it may import of ours, and what it learns of our environment."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

from ainimal_zookeeper.domain.errors import InvalidInput

# All that a runner imports from outside its own installation; websockets works without its compiled part.
_PACKAGES = ("ainimal_zookeeper", "zookeeper_runner", "websockets")

# User code sees what it needs to find devices, caches and the network, and none of the operator's secrets.
_INHERITED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_.*|TZ|TMPDIR|TEMP|TMP|XDG_.*|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY"
    r"|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|DYLD_FALLBACK_LIBRARY_PATH|CUDA_.*|NVIDIA_.*|HIP_.*|ROCR_.*"
    r"|OMP_.*|MKL_.*|OPENBLAS_.*|SDL_.*|MUJOCO_.*|HF_HOME|HF_HUB_CACHE|HF_HUB_OFFLINE|TORCH_HOME|KERAS_HOME"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|(?i:https?_proxy|all_proxy|no_proxy)"
)


def interpreter(python: str | None) -> str:
    """Returns the interpreter to start: `python`, a path or a command's name, or our own when it is None.

    Raises: InvalidInput when there is no such program.
    """
    if python is None:
        return sys.executable
    found = shutil.which(Path(python).expanduser())
    if found is None:
        raise InvalidInput(
            f"python {python!r} is no program that can be run here; give the path of an interpreter, such as "
            f"{sys.executable}",
            ("python",),
        )
    return str(Path(found).absolute())  # not resolved: the link in a virtual environment is what makes it one


def environment(executable: str, imports: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables of a job: the harmless ones of `inherited`, and a PYTHONPATH by which it finds the runner.

    Our own interpreter gets the folders our packages lie in. Another one gets `imports`, a folder with links to
    those packages alone: what else is installed here may be built for another Python.
    """
    variables = {name: value for name, value in inherited.items() if _INHERITED.fullmatch(name)}
    variables |= {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
    if executable == sys.executable:
        folders = [str(folder) for folder in dict.fromkeys(_location(name).parent for name in _PACKAGES)]
        path = [folder for folder in folders if "site-packages" not in Path(folder).parts]
        path += filter(None, inherited.get("PYTHONPATH", "").split(os.pathsep))
    else:
        _link_packages(imports)
        path = [str(imports)]
    if path:
        variables["PYTHONPATH"] = os.pathsep.join(path)
    return variables


def _link_packages(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in _PACKAGES:
        link, target = folder / name, _location(name)
        if not link.is_symlink() or link.readlink() != target:
            fresh = folder / uuid.uuid4().hex
            fresh.symlink_to(target)
            fresh.replace(link)


@functools.cache
def _location(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InvalidInput(f"a runner needs the package {package}, which is not installed for {sys.executable}")
    return Path(next(iter(spec.submodule_search_locations))).absolute()
