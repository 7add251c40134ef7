"""Fixtures for tests of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.hosting import HostedZoo, furnish
from tests.e2e.runners import Processes

ZooStarter = Callable[..., HostedZoo]


@pytest.fixture(scope="session")
def start_zoo() -> Iterator[ZooStarter]:
    """Starts the zoo of a configuration file or folder: `start_zoo(path, *arguments)`, on a free port without any.

    `with` ends it; what is left over ends with the tests.
    """
    started: list[HostedZoo] = []

    def start(configuration: Path, *arguments: str) -> HostedZoo:
        hosted = HostedZoo(configuration, *arguments)
        started.append(hosted)
        return hosted

    yield start
    for hosted in started:
        hosted.close()


@pytest.fixture
def zoo(tmp_path: Path, start_zoo: ZooStarter) -> Iterator[HostedZoo]:
    """The tiny zoo (one model, CartPole) in `tmp_path`, serving."""
    furnish(tmp_path)
    with start_zoo(tmp_path) as hosted:
        yield hosted


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Starts runners against a link of the test's own."""
    started = Processes(tmp_path)
    yield started
    started.close()
