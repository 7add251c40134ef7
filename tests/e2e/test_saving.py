"""A real runner process that is asked for its state while it runs."""

from __future__ import annotations

import io
import json
import signal
import time
import zipfile
from itertools import pairwise
from typing import Any

import pytest
from ainimal_zookeeper.domain.documents import Desired

from tests.e2e.runners import Processes, ended
from tests.e2e.test_departure import texts, warnings
from tests.fakes.runner_link import FakeRunnerLink, launch_of, wanted

COUNTER = """
import json, time
from pathlib import Path
class Counter:
    saves = 0
    calls = 0
    def act(self, observation):
        self.calls += 1
        return self.calls %% 2
    def save(self, path):
        self.saves += 1
        (Path(path) / "calls.json").write_text(json.dumps(self.calls))
        %s
    def load(self, path):
        self.calls = json.loads((Path(path) / "calls.json").read_text())
"""


def launch_in(processes: Processes, saves: str = "pass", **changes: Any) -> dict[str, Any]:
    return launch_of(model=processes.model(COUNTER % saves), environment=processes.world(), **changes)


def asking(number: int, phase: Any = "RUNNING") -> Desired:
    return wanted(phase, save={"id": f"sav_{number}", "tag": None, "authorId": None})


def told(link: FakeRunnerLink, count: int) -> list[dict[str, Any]]:
    """Waits until `count` saves have been spoken of, and returns what was said."""
    said: list[dict[str, Any]] = []
    link.until("ins_1", lambda _: said.extend(link.saves("ins_1")[len(said) :]) or len(said) >= count)
    return said


def calls_in(link: FakeRunnerLink, point: dict[str, Any]) -> int:
    with zipfile.ZipFile(io.BytesIO(link.objects[point["object"]])) as zipped:
        (name,) = (name for name in zipped.namelist() if name.endswith("calls.json"))
        return int(json.loads(zipped.read(name)))


def test_a_running_instance_is_saved_and_goes_on(processes: Processes) -> None:
    """Twice, each time exactly as many calls as steps, and no step is lost; then once more while it is paused."""
    link = processes.link(launch_in(processes))
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    for number in (1, 2):
        link.desire("ins_1", asking(number))
        told(link, number)
    link.desire("ins_1", asking(3, "PAUSED"))
    saves = told(link, 3)
    step = link.phase("ins_1", "PAUSED")["acknowledgedAtStep"]
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0

    steps = [each["checkpoint"]["step"] for each in saves]
    assert [each["save"]["id"] for each in saves] == ["sav_1", "sav_2", "sav_3"]
    assert steps == sorted(set(steps))
    assert steps[-1] == step
    assert [calls_in(link, each["checkpoint"]) for each in saves] == steps
    assert saves[0]["save"]["seeds"] == {"numpy": 7, "random": 7}
    assert "numpy" in saves[0]["save"]["libraries"]


def test_a_save_that_raises_is_told_and_it_goes_on(processes: Processes) -> None:
    """The failure of a save is not one of the instance."""
    link = processes.link(launch_in(processes, "if self.saves == 1: raise OSError('no such luck')"))
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    link.desire("ins_1", asking(1))
    told(link, 1)
    link.desire("ins_1", asking(2))
    failed, saved = told(link, 2)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0

    assert failed["save"]["code"] == "AINIMAL_FAULT"
    assert failed["save"]["message"] == "OSError: no such luck, in save (model.py:13)"
    assert "checkpoint" not in failed
    assert saved["save"]["id"] == "sav_2"
    assert any("no such luck" in text for text in texts(link))
    assert not any("zookeeper_runner" in text for text in texts(link))


def test_it_runs_while_its_state_is_sent(processes: Processes) -> None:
    """An upload that takes a second costs no step of it."""
    link = processes.link(launch_in(processes))
    link.uploading = lambda: time.sleep(1.0)
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    link.desire("ins_1", asking(1))
    point = told(link, 1)[0]["checkpoint"]
    report = link.reports["ins_1"][-1]["report"]
    process.kill()

    assert report["stats"]["step"] > point["step"] + 1_000


def test_sigterm_waits_for_the_state_that_is_on_its_way(processes: Processes) -> None:
    """Who asked gets it, and the next attempt the newer one, which is told last."""
    link = processes.link(launch_in(processes))
    waits = iter([0.7])
    link.uploading = lambda: time.sleep(next(waits, 0.0))
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    asked = len(link.paths)
    link.desire("ins_1", asking(1))
    while not any(path.endswith("/ticket") for path in link.paths[asked:]):
        asked_now = len(link.paths) + 1
        link.until_asked(asked_now)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0

    saves = link.saves("ins_1")
    assert [(each["save"]["kind"], each["save"]["id"]) for each in saves] == [("ASKED", "sav_1"), ("DEPARTURE", None)]
    assert saves[0]["checkpoint"]["step"] < saves[1]["checkpoint"]["step"]


@pytest.mark.parametrize("ends", ["TERMINATED", "a fault"])
def test_an_end_waits_for_the_state_that_is_on_its_way(processes: Processes, ends: str) -> None:
    """It is told before the end is, after which nothing is taken."""
    link = processes.link(launch_in(processes, "self.calls = None" if ends == "a fault" else "pass"))
    link.uploading = lambda: time.sleep(0.5)
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    link.desire("ins_1", asking(1))
    if ends == "TERMINATED":
        while not any(path.endswith("/ticket") for path in link.paths):
            link.until_asked(len(link.paths) + 1)
        link.desire("ins_1", asking(1, "TERMINATED"))
    ended(process)

    phases = [each["report"]["phase"] for each in link.reports["ins_1"]]
    at = next(i for i, each in enumerate(link.reports["ins_1"]) if "checkpoint" in each["report"])
    assert link.saves("ins_1")[0]["save"]["id"] == "sav_1"
    assert not {"TERMINATED", "FAILED"} & set(phases[:at])
    assert phases[-1] in {"TERMINATED", "FAILED"}


def test_a_checkpoint_that_the_zoo_refuses_is_told_as_a_failure(processes: Processes) -> None:
    """The rest of that report is taken, and it goes on."""
    link = processes.link(launch_in(processes))
    link.refused = {"checkpoint"}
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    link.desire("ins_1", asking(1))
    save = told(link, 1)[0]["save"]
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0, link.reports["ins_1"][-1]

    assert (save["id"], save["code"]) == ("sav_1", "INVALID_INPUT")
    assert len(link.saves("ins_1")) == 1
    assert any("was refused" in text for text in warnings(link))


def test_it_is_saved_by_itself_as_configured(processes: Processes) -> None:
    """Every so many steps; nobody else is told."""
    link = processes.link(launch_in(processes, desired=wanted(rate=100.0), autosave={"steps": 10, "minutes": None}))
    process = processes.start(link)
    saves = told(link, 3)
    process.kill()

    steps = [each["checkpoint"]["step"] for each in saves]
    assert [each["save"]["kind"] for each in saves] == ["AUTOSAVE"] * 3
    assert steps[0] == 10
    assert all(after - before >= 10 for before, after in pairwise(steps))
    assert warnings(link) == []
