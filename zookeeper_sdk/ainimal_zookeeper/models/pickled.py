"""Pickled objects as agents: a file that holds one model. Loading one runs what its author wrote: in runners only."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ainimal_zookeeper import source
from ainimal_zookeeper.ainimal import AInimal
from ainimal_zookeeper.domain.errors import AInimalFault, InvalidInput
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.models import python_class
from ainimal_zookeeper.models.agent import Agent, Finding
from ainimal_zookeeper.models.forwarding import ACT_NAMES

_OWN_READERS = ("joblib", "dill")  # packages whose files are pickles that only they read to the end
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bz2", b"\xfd7": "xz", b"x\x01": "zlib", b"x\x9c": "zlib", b"x\xda": "zlib"}


def load(
    spec: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    observation: Mapping[str, Modality] | None,
    action: Mapping[str, Modality] | None,
    stage: Callable[[str], None],
) -> Agent:
    """Unpickles the file and adapts the object in it; the modules beside the file can be imported meanwhile."""
    path = spec.get("path")
    if not path:
        raise InvalidInput("a model of type pickle needs the path of its file", ("path",))
    file = Path(path)
    stage(f"unpickling {file.name}")
    subject = unpickled(file)
    _check_acts(subject, file, spec.get("act_func"))
    findings = [
        Finding(
            "parameters", f"nothing takes the parameter {name}: the object was made before it was pickled", "inferred"
        )
        for name in parameters
    ]
    return python_class.adapt(subject, spec, observation=observation, action=action, findings=findings)


def unpickled(file: Path) -> Any:
    """Returns the object in `file`. Raises: AInimalFault that says what the file or this Python lacks."""
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        with file.open("rb") as opened:
            _check_head(file, opened)
            try:
                return _Unpickler(opened, file.name).load()
            except _OtherReader as other:
                return _read_with(other.package, file)
    except FileNotFoundError:
        raise AInimalFault(f"there is no file {file}; put it back, or correct the path") from None
    except EOFError as error:
        raise _damaged(file) from error
    except pickle.UnpicklingError as error:
        if "truncated" in str(error):
            raise _damaged(file) from error
        raise AInimalFault(f"{file.name} is no pickle: {error}; write it with pickle.dump(model, file)") from error
    except AInimalFault:
        raise
    except (Exception, SystemExit) as error:
        raise _told(file, error) from error


class _OtherReader(Exception):
    """The file is of a package that must read it itself."""

    def __init__(self, package: str) -> None:
        super().__init__(package)
        self.package = package


class _Unpickler(pickle.Unpickler):
    def __init__(self, opened: BinaryIO, name: str) -> None:
        super().__init__(opened)
        self._name = name

    def find_class(self, module: str, name: str) -> Any:
        package = module.partition(".")[0]
        if package in _OWN_READERS:
            raise _OtherReader(package)
        try:
            return super().find_class(module, name)
        except AttributeError as error:
            if module == "__main__":
                raise AInimalFault(
                    f"{self._name} needs {name} of the script that it was made in, which is not in it; move the class "
                    "into a module beside the file, or write the file with cloudpickle"
                ) from error
            raise AInimalFault(
                f"{self._name} needs {module}.{name}, which the module {module} here does not have; use the version of "
                "it that the file was made with"
            ) from error


def _read_with(package: str, file: Path) -> Any:
    __import__(package)
    reader = sys.modules[package]
    if package == "joblib":
        return reader.load(file)
    with file.open("rb") as opened:
        return reader.load(opened)


def _check_head(file: Path, opened: BinaryIO) -> None:
    """Raises: AInimalFault for what is no pickle that this Python reads; _OtherReader for what is compressed."""
    head = opened.read(4)
    opened.seek(0)
    if not head:
        raise AInimalFault(f"{file.name} is empty; write it with pickle.dump(model, file)")
    if head == b"PK\x03\x04":
        raise AInimalFault(
            f"{file.name} is a zip, not a pickle; call it .zip if it is a packed folder; what torch.save wrote is "
            "loaded by a class: pack both"
        )
    if head[:2] in _COMPRESSED:
        raise _OtherReader("joblib")
    if head[:1] == b"\x80" and head[1] > pickle.HIGHEST_PROTOCOL:
        raise AInimalFault(
            f"{file.name} is written with pickle protocol {head[1]}, and {sys.executable} reads at most "
            f"{pickle.HIGHEST_PROTOCOL}; write it with protocol={pickle.HIGHEST_PROTOCOL}, or name a newer interpreter "
            "as `python` in the configuration"
        )


def _check_acts(subject: Any, file: Path, configured: str | None) -> None:
    """Raises: AInimalFault for an object that is no model."""
    if isinstance(subject, type):
        raise AInimalFault(
            f"{file.name} holds the class {subject.__name__}, not an object; pickle {subject.__name__}(...)"
        )
    if isinstance(subject, AInimal) or any(
        callable(getattr(subject, each, None)) for each in (configured, *ACT_NAMES) if each
    ):
        return
    what = type(subject).__name__
    raise AInimalFault(
        f"{file.name} holds an object of type {what}, which is no model: it has none of {', '.join(ACT_NAMES)}; pickle "
        "the object that acts, or pack weights together with their class into a zip"
    )


def _damaged(file: Path) -> AInimalFault:
    return AInimalFault(f"{file.name} ends in the middle of a pickle; copy it again, or write it again")


def _told(file: Path, error: BaseException) -> AInimalFault:
    fault = source.failed(f"unpickling {file.name}", error, AInimalFault)
    if isinstance(error, (TypeError, SystemError)) and "cloudpickle" in sys.modules:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return AInimalFault(
            f"{fault}; cloudpickle writes code for one version of Python, and this is {version}: name the one that "
            "wrote it as `python` in the configuration",
            fault.traceback,
        )
    if isinstance(error, ModuleNotFoundError):
        # Most often the missing module is no package but the author's own file, which the pickle only names.
        return AInimalFault(f"{fault}; pack a module of your own into a zip with the pickle", fault.traceback)
    return AInimalFault(str(fault), fault.traceback)
