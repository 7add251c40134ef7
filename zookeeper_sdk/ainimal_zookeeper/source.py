"""Authors' files: importing them, finding the class in them, and telling what went wrong in the author's own frames."""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib.util
import inspect
import os
import sys
import tokenize
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ainimal_zookeeper.domain.errors import UserCodeFault

Fault = type[UserCodeFault]
Stage = Callable[[str], None]

_SLOW_TO_IMPORT = ("torch", "tensorflow", "jax", "keras", "transformers", "stable_baselines3", "onnxruntime", "sklearn")
_PACKAGE = Path(__file__).parent
_AUTHORED = _PACKAGE / "example"


def load_module(path: str | Path, fault: Fault, stage: Stage, name: str | None = None) -> ModuleType:
    """Imports the file at `path`, its folder on `sys.path` so that its own imports work; once for the same text.

    name: of the module, for a file that lies elsewhere each time; else it is made of the path.
    Raises: `fault` with file and line when the file is missing, is no Python, or raises.
    """
    file = Path(path).resolve()
    try:
        with tokenize.open(file) as opened:
            text = opened.read()
        tree = ast.parse(text, str(file))
    except FileNotFoundError:
        raise fault(f"there is no file {file}; correct the path in the configuration") from None
    except OSError as error:
        raise fault(f"{file} cannot be read: {error.strerror}") from error
    except SyntaxError as error:
        line = (error.text or "").strip()
        shown = "".join(traceback.format_exception_only(type(error), error)).strip()
        raise fault(f"{file}:{error.lineno}: {error.msg}{f': {line}' if line else ''}", shown) from error
    except ValueError as error:
        raise fault(f"{file} is no Python source: {error}") from error

    name = name or f"ainimal_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__source_text__", None) == text:
        return known
    slow = [package for package in _slow_imports(tree) if package not in sys.modules]
    stage(f"importing {' and '.join(slow)}" if slow else f"importing {file.name}")
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise fault(f"{file} is no Python source; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    module.__dict__["__source_text__"] = text
    sys.modules[name] = module  # before it runs: dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise failed(f"importing {file.name}", error, fault) from error
    return module


def find_class(module: ModuleType, name: str | None, fault: Fault, *, base: type, methods: tuple[str, ...]) -> Any:
    """Returns the class, or the function that makes the object, called `name`.

    Without a name: the only subclass of `base`, else the only class with one of the methods.

    Raises: `fault` that lists the classes of the file, the nearest first named.
    """
    own = {key: value for key, value in vars(module).items() if isinstance(value, type) and not key.startswith("_")}
    defined = {key: value for key, value in own.items() if value.__module__ == module.__name__}
    if name is not None:
        found = getattr(module, name, None)
        if isinstance(found, type) or inspect.isfunction(found):
            return found
        close = difflib.get_close_matches(name, defined, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise fault(f"{module.__file__} has no class {name}; it has: {', '.join(defined) or 'none'}{hint}")
    fitting = [value for value in defined.values() if issubclass(value, base) and not _is_abstract(value)]
    if not fitting:
        fitting = [
            value
            for value in defined.values()
            if any(callable(vars(kind).get(method)) for kind in value.__mro__ for method in methods)
        ]
    if not fitting and len(defined) == 1:
        fitting = list(defined.values())  # whoever uses it says what it lacks
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(value.__name__ for value in fitting)
        raise fault(f"{module.__file__} has several classes that fit ({names}); name one as class_name")
    raise fault(
        f"{module.__file__} has no class that fits: none is an {base.__name__} or has a method "
        f"{' or '.join(methods)}; it has: {', '.join(defined) or 'none'}"
    )


def failed(doing: str, error: BaseException, fault: Fault) -> UserCodeFault:
    """Returns the fault that tells of `error`: what, where in the author's file, and the traceback from there on."""
    if isinstance(error, UserCodeFault):
        return error
    frame = _author_frame(error)
    where = f" ({frame.filename}:{frame.lineno})" if frame is not None else ""
    text = f"{doing} raised {type(error).__name__}: {error}{where}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        text = (
            f"{doing} needs the package {package}, which {sys.executable} does not have{where}; install it there, or "
            f"name another interpreter as `python` in the configuration"
        )
    return fault(text, author_traceback(error))


def author_traceback(error: BaseException) -> str:
    """Returns what Python prints of `error`, without the frames of the zoo that lead to the author's code."""
    told = traceback.TracebackException.from_exception(error)
    frames = list(told.stack)
    first = next((index for index, frame in enumerate(frames) if _is_author(frame.filename)), len(frames))
    told.stack = traceback.StackSummary.from_list(frames[first:])
    return "".join(told.format())


def _author_frame(error: BaseException) -> traceback.FrameSummary | None:
    """Returns the innermost frame in the author's own files, not in a library that they use."""
    libraries = ("site-packages", "dist-packages", str(Path(os.__file__).parent), "<")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_author(frame.filename)]
    own = [frame for frame in frames if not any(library in frame.filename for library in libraries)]
    return own[-1] if own else None


def _is_author(filename: str) -> bool:
    if filename.startswith("<"):
        return not filename.startswith("<frozen")
    path = Path(filename)
    if _AUTHORED in path.parents:
        return True
    return _PACKAGE not in path.parents and "zookeeper_runner" not in path.parts


def _is_abstract(value: type) -> bool:
    return bool(getattr(value, "__abstractmethods__", ()))


def _slow_imports(tree: ast.Module) -> list[str]:
    """Returns the packages that take seconds and are imported when the module runs, not inside functions."""
    found: list[str] = []
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            waiting.extend(ast.iter_child_nodes(node))
        elif isinstance(node, ast.ExceptHandler):
            waiting.extend(node.body)
        for name in names:
            package = name.partition(".")[0]
            if package in _SLOW_TO_IMPORT and package not in found:
                found.append(package)
    return found
