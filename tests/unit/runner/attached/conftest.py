"""A script that is attached to a runner link that the test decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ainimal_zookeeper import attachment
from zookeeper_runner.attached.companion import begin
from zookeeper_runner.attached.reach import Introduction
from zookeeper_runner.attached.run import AttachedRun
from zookeeper_runner.link import Link
from zookeeper_runner.settings import Settings

from tests.fakes.runner_link import FakeRunnerLink, launch_of, wanted
from tests.fakes.zoo_door import Door


class Attached:
    """A run, and the zoo that it is in. `desire` waits until the script has followed."""

    def __init__(self, **launch: Any) -> None:
        both = wanted(training=True)
        self.link = FakeRunnerLink(launch_of(origin="ATTACHED", desired=both, **launch))
        variables = self.link.variables("ins_1")
        settings = Settings(variables["ZOO_LINK"], "ins_1", 1, variables["ZOO_TOKEN"])
        link = Link(settings)
        self.run: AttachedRun = begin(Introduction(settings, "ins_1", "", is_here=True), link, link.claim())

    def desire(self, *phase: Any, **changes: Any) -> int:
        """Changes what is desired, and returns the generation."""
        return self.link.desire("ins_1", wanted(*phase, training=True, **changes))

    def followed(self, generation: int) -> dict[str, Any]:
        """Waits until a generation is acknowledged and returns the report that says so."""
        said: dict[str, Any] = self.link.until(
            "ins_1",
            lambda reports: next(
                (each["report"] for each in reports if each["report"].get("observedGeneration", 0) >= generation), None
            ),
        )
        return said

    def close(self) -> None:
        self.run.close()
        self.link.close()


@pytest.fixture
def attach() -> Iterator[Callable[..., Attached]]:
    """Attaches the test, as if it were a script."""
    made: list[Attached] = []

    def attach(**launch: Any) -> Attached:
        made.append(Attached(**launch))
        return made[-1]

    yield attach
    for each in made:
        each.close()


@pytest.fixture
def beside() -> Iterator[Callable[[Callable[[], Any]], threading.Thread]]:
    """Does something in a thread of its own, beside the script."""
    threads: list[threading.Thread] = []

    def start(work: Callable[[], Any]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        threads.append(thread)
        thread.start()
        return thread

    yield start
    for thread in threads:
        thread.join(20)


@pytest.fixture(autouse=True)
def unwarned() -> None:
    """Forgets what other tests were warned of."""
    attachment.forget_warnings()


@pytest.fixture
def door() -> Iterator[Door]:
    """Where scripts introduce themselves."""
    opened = Door()
    yield opened
    opened.close()
