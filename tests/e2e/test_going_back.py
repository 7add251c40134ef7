"""A real runner process that goes back to a checkpoint while it runs, and saves before it is terminated."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ainimal_zookeeper.domain.documents import Desired

from tests.e2e.runners import Processes, ended
from tests.e2e.test_departure import texts, warnings
from tests.e2e.test_saving import asking, calls_in, launch_in, told
from tests.fakes.runner_link import FakeRunnerLink, wanted


def granted(link: FakeRunnerLink, point: dict[str, Any], number: int, **changes: Any) -> dict[str, Any]:
    """Lets request `number` to restore have `point`, on the timeline of that number, and returns what is granted."""
    data = link.objects[point["object"]]
    grant = link.point(point["object"], data, point["step"], point["episode"], timeline=number, **changes)
    link.granted[f"res_{number}"] = grant
    return grant


def sent_back(point: dict[str, Any], number: int, phase: Any = "RUNNING", **changes: Any) -> Desired:
    request: Any = {"id": f"res_{number}", "tag": "steady", "authorId": None, "point": point}
    return wanted(phase, restore=request, **changes)


def answers(link: FakeRunnerLink, count: int) -> list[dict[str, Any]]:
    """Waits until `count` requests to restore have been answered, and returns what was said."""
    link.until("ins_1", lambda _: len(link.restored("ins_1")) >= count)
    return link.restored("ins_1")


def saved(link: FakeRunnerLink) -> dict[str, Any]:
    """Lets it save once and returns the checkpoint."""
    link.phase("ins_1", "RUNNING")
    link.desire("ins_1", asking(1))
    point: dict[str, Any] = told(link, 1)[0]["checkpoint"]
    return point


def at_step(link: FakeRunnerLink, step: int, timeline: int) -> None:
    """Waits until it has said that it is beyond a step of a timeline."""
    link.until(
        "ins_1",
        lambda said: any(
            each["report"]["timeline"] == timeline and each["report"]["stats"]["step"] > step for each in said
        ),
    )


def test_it_goes_back_and_on_in_its_process(processes: Processes) -> None:
    """Twice: each time exactly as many calls as steps, which count from there on a timeline of their own."""
    link = processes.link(launch_in(processes))
    process = processes.start(link)
    first = saved(link)
    at_step(link, first["step"], 0)
    for number in (1, 2):
        granted(link, first, number)
        link.desire("ins_1", sent_back(first, number))
        assert answers(link, number)[-1] == {"id": f"res_{number}", "timeline": number}
        at_step(link, first["step"], number)
        link.desire("ins_1", asking(number + 1))
        again = told(link, number + 1)[-1]["checkpoint"]
        assert calls_in(link, again) == again["step"] > first["step"]
    link.desire("ins_1", wanted("TERMINATED"))
    assert ended(process) == 0

    timelines = [each["report"]["timeline"] for each in link.reports["ins_1"]]
    assert timelines == sorted(timelines)
    assert {series["timeline"] for series in link.said("ins_1", "series")} == {0, 1, 2}
    shown = [each for each in link.reports["ins_1"] if "series" in each]
    assert all(len({series["timeline"] for series in each["series"]}) == 1 for each in shown)
    assert link.reports["ins_1"][0]["report"].get("restorable") in {None, True}
    assert link.reports["ins_1"][-1]["report"]["restorable"]
    assert len(link.claimed_by) == 1


def test_a_pause_lasts_when_it_goes_back(processes: Processes) -> None:
    """It stands where the checkpoint was, and steps from there when somebody lets it."""
    link = processes.link(launch_in(processes))
    process = processes.start(link)
    first = saved(link)
    link.desire("ins_1", wanted("PAUSED"))
    link.phase("ins_1", "PAUSED")
    granted(link, first, 1)
    link.desire("ins_1", sent_back(first, 1, "PAUSED"))
    answers(link, 1)
    at = link.reports["ins_1"][-1]["report"]
    link.desire("ins_1", sent_back(first, 1, "PAUSED", steps=2))
    at_step(link, first["step"] + 1, 1)
    link.desire("ins_1", wanted("TERMINATED", steps=2))
    assert ended(process) == 0

    assert (at["phase"], at["stats"]["step"], at["timeline"]) == ("PAUSED", first["step"], 1)
    assert link.reports["ins_1"][-1]["report"]["stats"]["step"] == first["step"] + 2


def test_it_steps_on_while_a_checkpoint_comes(processes: Processes) -> None:
    """A download that takes a second costs it nothing."""
    link = processes.link(launch_in(processes))
    process = processes.start(link)
    first = saved(link)
    granted(link, first, 1)
    link.downloading = lambda: time.sleep(1.0)
    before = link.reports["ins_1"][-1]["report"]["stats"]["step"]
    link.desire("ins_1", sent_back(first, 1))
    answers(link, 1)
    process.kill()

    last = max(each["report"]["stats"]["step"] for each in link.reports["ins_1"] if not each["report"]["timeline"])
    assert last > before + 1_000


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_a_checkpoint_that_is_damaged_changes_nothing(processes: Processes, damage: str) -> None:
    """Whoever asked is told; no step is lost, and the timeline goes on."""
    link = processes.link(launch_in(processes))
    process = processes.start(link)
    first = saved(link)
    grant = granted(link, first, 1)
    if damage == "altered":
        grant["sha256"] = "0" * 64
    else:
        del link.objects[first["object"]]
    link.desire("ins_1", sent_back(first, 1))
    (answer,) = answers(link, 1)
    link.desire("ins_1", asking(2))
    again = told(link, 2)[-1]["checkpoint"]
    process.kill()

    assert (answer["id"], answer["code"]) == ("res_1", "DATA_CORRUPT")
    assert calls_in(link, again) == again["step"] > first["step"]
    assert {each["report"]["timeline"] for each in link.reports["ins_1"]} == {0}


def test_a_load_that_raises_ends_the_attempt_where_another_can_follow(processes: Processes) -> None:
    """It does not go on with half a state: it leaves, unsaved, and whoever asked learns that it starts again."""
    model = launch_in(processes)
    model["model"] = processes.model(
        "import json\nfrom pathlib import Path\nclass Counter:\n    calls = 0\n"
        "    def act(self, observation):\n        return 0\n"
        "    def save(self, path):\n        (Path(path) / 'calls.json').write_text('1')\n"
        "    def load(self, path):\n        raise ValueError('no such weights')\n"
    )
    link = processes.link(model)
    process = processes.start(link)
    first = saved(link)
    granted(link, first, 1)
    link.desire("ins_1", sent_back(first, 1))
    (answer,) = answers(link, 1)
    assert ended(process) == 1

    assert answer["code"] == "AINIMAL_FAULT"
    assert "ValueError: no such weights" in answer["message"]
    assert "starts again from its newest checkpoint" in answer["message"]
    assert link.reports["ins_1"][-1]["report"]["phase"] == "STOPPING"
    assert len(link.saves("ins_1")) == 1
    assert any("no such weights" in text for text in texts(link))


def test_a_load_that_raises_where_nothing_can_follow_is_the_instances_fault(processes: Processes) -> None:
    """The traceback is in the failure, and whoever asked is told too."""
    link = processes.link(launch_in(processes))
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    other = processes.link(launch_in(processes))
    processes.start(other)
    stranger = saved(other)
    data = other.objects[stranger["object"]].replace(b"calls.json", b"slips.json")
    link.objects["there"] = data
    granted(link, {**stranger, "object": "there"}, 1)
    link.desire("ins_1", sent_back(stranger, 1))
    (answer,) = answers(link, 1)
    assert ended(process) == 1

    last = link.reports["ins_1"][-1]["report"]
    assert answer["code"] == "AINIMAL_FAULT"
    assert last["phase"] == "FAILED"
    assert "FileNotFoundError" in last["failure"]["message"]
    assert "in load" in last["failure"]["traceback"]


def test_who_asks_for_a_state_and_for_the_end_gets_both(processes: Processes) -> None:
    """Also in one breath: it is saved where it stands, arrives, and only then is the end told."""
    link = processes.link(launch_in(processes, "time.sleep(0.3)"))
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    link.desire("ins_1", asking(1, "TERMINATED"))
    assert ended(process) == 0

    (save,) = link.saves("ins_1")
    said = [each["report"] for each in link.reports["ins_1"]]
    at = next(number for number, each in enumerate(said) if "checkpoint" in each)
    assert (save["save"]["id"], save["save"]["kind"]) == ("sav_1", "ASKED")
    assert calls_in(link, save["checkpoint"]) == save["checkpoint"]["step"]
    assert not {"TERMINATED", "FAILED"} & {each["phase"] for each in said[:at]}
    assert said[-1]["phase"] == "TERMINATED"
    assert said[-1]["stats"]["step"] == save["checkpoint"]["step"]
    assert warnings(link) == []


def test_a_state_that_takes_longer_than_the_grace_is_given_up(processes: Processes) -> None:
    """Whoever asked learns that it ended before."""
    link = processes.link(launch_in(processes, "time.sleep(60)"))
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    link.desire("ins_1", asking(1, "TERMINATED"))
    ended(process)

    (save,) = link.saves("ins_1")
    assert save["save"]["id"] == "sav_1"
    assert save["save"]["code"] in {"INVALID_TRANSITION", "UNAVAILABLE"}
    assert link.reports["ins_1"][-1]["report"]["phase"] == "TERMINATED"
