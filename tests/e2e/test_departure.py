"""A real runner process that is asked to leave, and the one that carries on where it left."""

from __future__ import annotations

import hashlib
import io
import json
import re
import signal
import subprocess
import time
import zipfile
from typing import Any

import pytest
from zookeeper_runner.state.tensors import parse

from tests.e2e.runners import CARTPOLE, Processes, ended
from tests.fakes.runner_link import FakeRunnerLink, launch_of, wanted

COUNTER = """
import json, time
from pathlib import Path
class Counter:
    def __init__(self%s):
        self.calls = 0
        %s
    def act(self, observation):
        self.calls += 1
        return self.calls %% 2
    def save(self, path):
        %s
        (Path(path) / "calls.json").write_text(json.dumps(self.calls))
    %s
"""
LOAD = """def load(self, path):
        self.calls = json.loads((Path(path) / "calls.json").read_text())
        print("loaded", self.calls)"""
FROM_FOLDER = """
        saved = Path(save_path) / "calls.json"
        if saved.exists():
            self.calls = json.loads(saved.read_text())
            print("made with", self.calls)"""


def counter(processes: Processes, *, arguments: str = "", made: str = "", saves: str = "", load: str = LOAD) -> Any:
    return processes.model(COUNTER % (arguments, made or "pass", saves or "pass", load))


def left(link: FakeRunnerLink, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Sends SIGTERM once it runs, and returns its last report, with the last checkpoint that it told."""
    link.phase("ins_1", "RUNNING")
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0
    told = [each for each in link.saves("ins_1") if "checkpoint" in each]
    assert all(each["save"]["kind"] == "DEPARTURE" for each in told)
    return {**link.reports["ins_1"][-1]["report"], **(told[-1] if told else {})}


def warnings(link: FakeRunnerLink) -> list[str]:
    return [event["message"] for event in link.said("ins_1", "events") if event["kind"] == "WARNING"]


def texts(link: FakeRunnerLink) -> list[str]:
    return [line["text"] for line in link.said("ins_1", "logs")]


def packed(**files: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as zipped:
        for name, text in files.items():
            zipped.writestr(name.replace("_json", ".json"), text)
    return data.getvalue()


def test_sigterm_saves_and_the_next_attempt_carries_on(processes: Processes) -> None:
    """What it has become is uploaded, reported, and exactly what the next one starts from, with its counters."""
    link = processes.link(launch_of(model=counter(processes), environment=CARTPOLE))
    report = left(link, processes.start(link))
    point = report["checkpoint"]
    data = link.objects[point["object"]]
    assert report["phase"] == "STOPPING"
    assert point["object"].startswith("runs/ins_1/1/")
    assert (point["step"], point["episode"]) == (report["stats"]["step"], report["stats"]["episode"])
    assert (point["sizeBytes"], point["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert any(f"leaves a checkpoint of step {point['step']:,}" in text for text in texts(link))
    calls = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("saved/calls.json"))
    assert calls >= point["step"] >= 1

    again = launch_of(attempt=2, timeline=2, model=counter(processes), environment=CARTPOLE)
    second = processes.link(again)
    again["checkpoint"] = second.point("saved.zip", data, step=point["step"], episode=point["episode"])
    report = left(second, processes.start(second))
    stages = [each["report"].get("stage") for each in second.reports["ins_1"]]
    assert f"loaded {calls}" in texts(second)
    assert f"loading checkpoint of step {point['step']:,}" in stages or report["checkpoint"]["step"] > point["step"]
    assert second.reports["ins_1"][0]["report"]["stats"]["step"] >= point["step"]
    assert report["checkpoint"]["step"] > point["step"]
    assert report["checkpoint"]["episode"] >= point["episode"]
    assert report["checkpoint"]["object"].startswith("runs/ins_1/2/")


COUNTS = """
import numpy as np

class Counts:
    def __init__(self):
        self.calls, self.drawn = np.zeros(1, np.int64), np.random.default_rng(1)

    def act(self, observation):
        self.told = True
        self.calls += 1
        return int(self.drawn.integers(2))
"""


def test_a_model_without_save_carries_on_as_well(processes: Processes) -> None:
    """Its attributes are in the checkpoint, also those that the constructor does not make; nothing is pickled."""
    model = processes.model(COUNTS)
    link = processes.link(launch_of(model=model, environment=CARTPOLE))
    point = left(link, processes.start(link))["checkpoint"]
    data = link.objects[point["object"]]
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        values = json.loads(zipped.read("model/values.json"))
        facts = json.loads(zipped.read("zoo.json"))
    assert values["items"]["told"] is True
    assert (facts["class"], facts["needsPickle"]) == ("Counts", False)

    again = launch_of(attempt=2, timeline=2, model=model, environment=CARTPOLE)
    second = processes.link(again)
    again["checkpoint"] = second.point("saved.zip", data, step=point["step"], episode=point["episode"])
    report = left(second, processes.start(second))

    assert report["checkpoint"]["step"] > point["step"]
    assert report["checkpoint"]["episode"] >= point["episode"]
    with zipfile.ZipFile(io.BytesIO(second.objects[report["checkpoint"]["object"]])) as zipped:
        tensors = parse(memoryview(zipped.read("model/tensors.safetensors")))
    assert tensors["calls"].data.item() == report["checkpoint"]["step"]


def test_a_constructor_that_takes_save_path_needs_no_load(processes: Processes) -> None:
    """It gets the folder of the checkpoint, where a first attempt gets an empty one."""
    model = counter(processes, arguments=", save_path", made=FROM_FOLDER, load="")
    launch = launch_of(attempt=2, model=model, environment=CARTPOLE)
    link = processes.link(launch)
    launch["checkpoint"] = link.point("saved.zip", packed(calls_json="500"), step=7)

    report = left(link, processes.start(link))

    assert "made with 500" in texts(link)
    assert report["checkpoint"]["step"] > 7


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"load": ""}, "the model has no load, and its constructor takes no save_path"),
        ({"saves": "raise OSError('no such luck')"}, "OSError: no such luck, in save (model.py:12)"),
    ],
)
def test_a_model_that_cannot_be_saved_says_so_and_leaves(
    processes: Processes, changes: dict[str, str], reason: str
) -> None:
    """It is told in the log and as an event why nothing is kept."""
    link = processes.link(launch_of(model=counter(processes, **changes), environment=CARTPOLE))

    report = left(link, processes.start(link))

    assert report["phase"] == "STOPPING"
    assert "checkpoint" not in report
    assert warnings(link) == [f"it leaves without a checkpoint: {reason}"]
    assert any(reason in text for text in texts(link))
    assert not any("zookeeper_runner" in text for text in texts(link))
    assert link.objects == {}


def test_a_save_that_takes_too_long_is_given_up(processes: Processes) -> None:
    """The process leaves within its grace, without a checkpoint, and says so."""
    launch = launch_of(model=counter(processes, saves="time.sleep(60)"), environment=CARTPOLE)
    link = processes.link(launch)
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    began = time.monotonic()
    report = left(link, process)

    assert time.monotonic() - began < launch["settings"]["graceSeconds"]
    assert "checkpoint" not in report
    assert warnings(link) == ["it leaves without a checkpoint: saving took too long"]


def test_a_bucket_that_is_away_does_not_hold_it_up(processes: Processes) -> None:
    """An upload that hangs is given up in time."""
    launch = launch_of(model=counter(processes), environment=CARTPOLE)
    link = processes.link(launch)
    link.uploading = lambda: time.sleep(20)
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    began = time.monotonic()
    report = left(link, process)

    assert time.monotonic() - began < launch["settings"]["graceSeconds"]
    assert "checkpoint" not in report
    assert len(warnings(link)) >= 1


def test_who_is_terminated_or_broken_saves_nothing(processes: Processes) -> None:
    """There is no next attempt for it; and what user code has broken is not worth keeping."""
    link = processes.link(launch_of(model=counter(processes), environment=CARTPOLE))
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    link.desire("ins_1", wanted("TERMINATED"))
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0
    assert link.reports["ins_1"][-1]["report"]["phase"] == "TERMINATED"
    assert link.objects == {}

    model = processes.model((COUNTER % ("", "pass", "pass", LOAD)).replace("return", "1 / (self.calls < 50); return"))
    broken = processes.link(launch_of(model=model, environment=CARTPOLE))
    assert ended(processes.start(broken)) == 1
    assert broken.saves("ins_1") == []
    assert broken.objects == {}


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "the checkpoint is damaged"),
        (lambda data: data[:-5], "the checkpoint is damaged"),
        (lambda data: data + b"more", "the checkpoint is damaged"),
        (None, "the checkpoint of step 7 cannot be had"),
    ],
)
def test_damaged_checkpoint_fails_before_anything_is_loaded(processes: Processes, damage: Any, words: str) -> None:
    """Not one byte of it reaches user code."""
    launch = launch_of(attempt=2, model=counter(processes), environment=CARTPOLE)
    link = processes.link(launch)
    good = packed(calls_json="500")
    launch["checkpoint"] = link.point("saved.zip", good, step=7)
    if damage is None:
        del link.objects["saved.zip"]
    else:
        link.objects["saved.zip"] = damage(good)

    assert ended(processes.start(link)) == 1

    report = link.reports["ins_1"][-1]["report"]
    assert (report["phase"], report["failure"]["code"]) == ("FAILED", "DATA_CORRUPT")
    assert words in report["failure"]["message"]
    assert not any(re.match("loaded|made", text) for text in texts(link))


def test_a_load_that_raises_fails_with_its_traceback(processes: Processes) -> None:
    """A model that was changed since and cannot read what it saved says where."""
    launch = launch_of(attempt=2, model=counter(processes), environment=CARTPOLE)
    link = processes.link(launch)
    launch["checkpoint"] = link.point("saved.zip", packed(other_json="500"), step=7)

    assert ended(processes.start(link)) == 1

    failure = link.reports["ins_1"][-1]["report"]["failure"]
    assert failure["code"] == "AINIMAL_FAULT"
    assert failure["message"].startswith("it cannot load its checkpoint of step 7: FileNotFoundError")
    assert "in load" in failure["traceback"]


def test_a_pause_holds_over_the_next_attempt(processes: Processes) -> None:
    """Whoever paused finds it paused, at the step it had."""
    launch = launch_of(attempt=2, model=counter(processes), environment=CARTPOLE, desired=wanted("PAUSED", steps=5))
    link = processes.link(launch)
    launch["checkpoint"] = link.point("saved.zip", packed(calls_json="500"), step=7, episode=2)
    process = processes.start(link)

    report = link.phase("ins_1", "PAUSED")
    process.send_signal(signal.SIGTERM)

    assert ended(process) == 0
    assert (report["stats"]["step"], report["stats"]["episode"]) == (7, 2)
    assert [each["checkpoint"]["step"] for each in link.saves("ins_1")] == [7]
