"""Functions: the entry points that are deployed, served by functions-framework in this process."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from functions_framework.aio import create_asgi_app_from_module
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ainimal_zookeeper.domain.errors import NotFound

_CARRIED = Path(__file__).parents[1] / "staging" / "functions"  # where a wheel keeps what a clone has beside packages


def entry_point(function: str) -> Path:
    """Returns the main.py of `function`, in a clone or in an installed wheel. Raises: NotFound."""
    package = find_spec(function)
    beside = Path(package.origin).parents[1] if package is not None and package.origin is not None else None
    candidates = [folder / "main.py" for folder in (_CARRIED / function, beside) if folder is not None]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise NotFound(f"the entry point of {function} is neither {' nor '.join(map(str, candidates))}; install anew")
    return found


async def _nothing() -> None:
    """Closes what has nothing to close."""


@dataclass(frozen=True, slots=True)
class Function:
    """A main.py that was read."""

    applications: Mapping[str, ASGIApp]
    """By the name of the target."""
    close: Callable[[], Awaitable[None]] = _nothing
    """Its own function of this name: ends what it has open, on the loop that served."""


def load(function: str, *targets: str) -> Function:
    """Returns the applications of `targets`, names in the main.py of `function`.

    The file is read once, so that its targets share what it makes, and reads its settings from `os.environ` now.
    Raises: NotFound, and what the file raises: InvalidInput for settings.
    """
    source = entry_point(function)
    name = f"zoo_function_{function}"
    spec = spec_from_file_location(name, source)
    assert isinstance(spec, ModuleSpec)  # noqa: S101  a file that ends in .py has one
    assert spec.loader is not None  # noqa: S101
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    make: Any = create_asgi_app_from_module  # it has no annotations
    applications = {target: make(target, str(source), "http", module, spec) for target in targets}
    return Function(applications, getattr(module, "close", _nothing))


class Gate:
    """An application that can be closed: from then on its callers are told to come again.

    first: what is done before each call, in a thread.
    """

    def __init__(self, app: ASGIApp, first: Callable[[], None] | None = None) -> None:
        self._app = app
        self._first = first
        self._changed = threading.Condition()
        self._open = True
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._changed:
            enters = self._open
            self._inside += enters
        if not enters:
            await Response(status_code=503, headers={"Retry-After": "5"})(scope, receive, send)
            return
        try:
            if self._first is not None:
                await asyncio.to_thread(self._first)
            await self._app(scope, receive, send)
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def close(self, patience_s: float) -> bool:
        """Lets nobody in and waits, elsewhere than on the loop that serves, until all have left; tells whether."""
        with self._changed:
            self._open = False
            return self._changed.wait_for(lambda: not self._inside, patience_s)
