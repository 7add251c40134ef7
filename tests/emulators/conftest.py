"""The emulators, each started once for all tests that want it; one that runs already is used as it is.

FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST and STORAGE_EMULATOR_HOST name emulators that run already.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ainimal_zookeeper.domain.errors import NotFound
from ainimal_zookeeper.server.emulators import FIRESTORE, PUBSUB, STORAGE, Emulators, Kind

from tests.conftest import give_up
from tests.emulators.processes import environment


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leaves these modules alone where their tests are not asked for: importing Google's libraries takes seconds."""
    return True if "not emulators" in config.option.markexpr else None


@contextmanager
def _emulator(kind: Kind, factory: pytest.TempPathFactory) -> Iterator[None]:
    emulators = Emulators(factory.mktemp(kind.name), [kind], os.environ, lasting=False)
    try:
        emulators.start()
    except NotFound as error:
        give_up(error.message)
    try:
        with environment(emulators.variables):
            yield
    finally:
        emulators.end()


@pytest.fixture(scope="session")
def firestore_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with _emulator(FIRESTORE, tmp_path_factory):
        yield


@pytest.fixture(scope="session")
def pubsub_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with _emulator(PUBSUB, tmp_path_factory):
        yield


@pytest.fixture(scope="session")
def storage_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with _emulator(STORAGE, tmp_path_factory):
        yield
