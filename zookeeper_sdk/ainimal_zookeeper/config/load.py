"""Finds and reads a configuration: zoo.py, zoo.yaml, zoo.json, or the example."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

from .problems import ConfigurationError, Place, Problem, Problems
from .references import Variables
from .server import STATE_FOLDER, Reading, Server, reading
from .written import read_written

NAMES: Final = ("zoo.py", "zoo.yaml", "zoo.yml", "zoo.json")

_PACKAGE = Path(__file__).resolve().parents[1]
_EXAMPLES = (_PACKAGE / "example" / "zoo.py", _PACKAGE.parents[1] / "zoo.py")  # in a wheel, in a clone


def load(path: Path | None, environ: Mapping[str, str]) -> Server:
    """Returns the zoo that `path` describes; None: the one in this folder, else the example.

    A .py file is executed: it is the operator's own program.

    Raises: ConfigurationError with everything that is wrong.
    """
    if path is None:
        return _load_default(environ)
    path = path.expanduser().absolute()
    if path.is_dir():
        found = next((path / name for name in NAMES if (path / name).is_file()), None)
        if found is None:
            raise _refusal(path, f"has no configuration: none of {', '.join(NAMES)}")
        path = found
    if not path.exists():
        raise _refusal(path, "does not exist")
    if path.suffix in {".yaml", ".yml", ".json"}:
        return Server.written(read_written(path), path.parent, Variables(environ).beside(path.parent))
    if path.suffix == ".py":
        return _execute(path, environ)
    raise _refusal(path, "is not a configuration; it must end in .py, .yaml, .yml or .json")


def _load_default(environ: Mapping[str, str]) -> Server:
    here = Path.cwd()
    found = next((here / name for name in NAMES if (here / name).is_file()), None)
    if found is not None:
        return load(found, environ)
    example = next((path for path in _EXAMPLES if path.is_file()), None)
    if example is None:
        raise _refusal(here, f"has no configuration: none of {', '.join(NAMES)}")
    server = load(example, environ)
    server.keep_state_in(here / STATE_FOLDER)  # a package's own folder may be read-only
    return server


def _execute(path: Path, environ: Mapping[str, str]) -> Server:
    """Runs the operator's file and returns the Server that it made."""
    variables = Variables(environ).beside(path.parent)
    problems = Problems(variables.secrets.values())
    with reading(variables) as current, _variables_set(variables.all), _importing_from(path.parent):
        module = _run(path, "zoo_configuration", problems)
        if not current.servers and "__main__" in path.read_text(encoding="utf-8", errors="replace"):
            module = _run(path, "__main__", problems)
    return _chosen(path, module, current)


def _run(path: Path, name: str, problems: Problems) -> ModuleType:
    """Executes `path` as the module `name`. Raises: ConfigurationError for whatever it raises."""
    module = ModuleType(name)
    module.__file__ = str(path)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)  # noqa: S102 - the operator's own program
    except ConfigurationError:
        raise
    except SyntaxError as error:
        file = Path(error.filename) if error.filename else path
        problems.add(Place(file, error.lineno), "", f"is not Python: {error.msg}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises is the operator's to read
        place, note = _raised_at(path, error)
        problems.add(place, "", f"{type(error).__name__}: {error}{note}")
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
    problems.raise_if_any()  # outside the handlers: what was raised may hold secrets, and is not chained
    return module


def _raised_at(path: Path, error: BaseException) -> tuple[Place, str]:
    """Returns the deepest line of the operator's file that led to `error`, and where else to look."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == str(path)]
    place = Place(path, own[-1].lineno if own else None)
    last = frames[-1] if frames else None
    if isinstance(error, KeyError) and last is not None and last.name == "__getitem__":
        return place, "; this variable is not set: export it or write it into .env.local beside this file"
    if last is None or last.filename == str(path) or last.filename.startswith("<"):
        return place, ""
    return place, f" (raised in {last.filename}:{last.lineno})"


def _chosen(path: Path, module: ModuleType, current: Reading) -> Server:
    """Returns the variable `server`, else the one that listens, else the only one."""
    by_name = {name: value for name, value in vars(module).items() if isinstance(value, Server)}
    if "server" in by_name:
        return by_name["server"]
    if current.listening:
        return current.listening[-1]
    distinct = {id(server): server for server in (*by_name.values(), *current.servers)}
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    if distinct:
        listed = ", ".join(sorted(by_name)) or "none in a variable"
        raise _refusal(path, f"makes {len(distinct)} servers ({listed}); call the one to run `server`")
    raise _refusal(path, "makes no Server; write: server = Server(...)")


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Within it, `import` finds the files in `folder`, as when Python runs a file there."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _variables_set(variables: Mapping[str, str]) -> Iterator[None]:
    """Within it, `os.environ` also has those of `variables` that it lacks, so that a zoo.py can read its secrets."""
    added = [name for name in variables if name not in os.environ]
    for name in added:
        os.environ[name] = variables[name]
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _refusal(path: Path, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(Place(path), "", message)])
