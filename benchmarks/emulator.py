"""A Firestore emulator to measure on: the one that FIRESTORE_EMULATOR_HOST names, else one that is started here."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ainimal_zookeeper.server.emulators import FIRESTORE, Emulators


@contextmanager
def firestore_emulator() -> Iterator[None]:
    """The client library finds it. Raises: NotFound for programs that are missing."""
    with tempfile.TemporaryDirectory() as folder:
        emulators = Emulators(Path(folder), [FIRESTORE], os.environ, lasting=False)
        emulators.start()
        try:
            os.environ.update(emulators.variables)
            yield
        finally:
            emulators.end()
