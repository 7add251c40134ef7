"""Recordings of instances that run: what is read back is what ran, also of a runner that was killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil
import pytest
from ainimal_zookeeper.domain.documents import Desired
from ainimal_zookeeper.domain.recordings import FIRST, FLAGS, TERMINATED
from ainimal_zookeeper.recording import Ranges, Recording

from tests.e2e.conftest import ZooStarter
from tests.e2e.hosting import HostedZoo, furnish, until
from tests.e2e.runners import Processes, ended
from tests.fakes.runner_link import FakeRunnerLink, launch_of, wanted

ZOO = """
name: recorded
models:
  - path: walker.py
environments:
  - name: line
    type: python_class
    path: line.py
    class_name: Line
"""
WALKER = """
import numpy as np
from ainimal_zookeeper import AInimal


class Walker(AInimal):
    def __init__(self):
        self.weight = np.full(3, 0.5, np.float32)

    def forward(self, inputs):
        return {"move": int(inputs["place"][0] * 1e6) % 3}
"""
LINE = """
import os, struct, time
import numpy as np
from ainimal_zookeeper import Env, Modality


class Line(Env):
    # Writes down each step that it makes: what it saw before, what was done, and what that was worth.
    observation_modalities = {"place": Modality.vector("place", 2)}
    action_modalities = {"move": Modality.discrete("move", 3)}

    def __init__(self):
        self.truth = open(os.path.join(os.path.dirname(__file__), f"truth-{os.getpid()}"), "ab", buffering=0)
        self.rng = np.random.default_rng(3)

    def reset(self, seed=None):
        self.at = 0
        self.seen = self.rng.random(2)
        return self.seen

    def step(self, action):
        time.sleep(0.0005)
        self.at += 1
        before, self.seen = self.seen, self.rng.random(2)
        reward = float(self.seen[0]) - action
        self.truth.write(struct.pack("<dddqd", *before, reward, int(action), time.time()))
        return self.seen, reward, self.at >= 100, False, {}
"""
PUSHER = """
class Pusher:
    def __init__(self):
        self.calls = 0
    def act(self, observation):
        self.calls += 1
        return self.calls % 2
"""
TRUTH = np.dtype([("place", "<f8", 2), ("reward", "<f8"), ("move", "<i8"), ("at", "<f8")])
SHOWN = "id phase signals firstStep lastStep droppedSteps sizeBytes problem checkpointId access { baseUrl headers }"


@pytest.fixture
def zoo(tmp_path: Path, start_zoo: ZooStarter) -> HostedZoo:
    furnish(tmp_path, ZOO, {"walker.py": WALKER, "line.py": LINE})
    return start_zoo(tmp_path)


def asked(zoo: HostedZoo, mutation: str, kind: str, **input: Any) -> dict[str, Any]:
    query = f"mutation($i: {kind}!) {{ {mutation}(input: $i) {{ recording {{ {SHOWN} }} userErrors {{ message }} }} }}"
    payload = zoo.ask(query, i=input)[mutation]
    assert payload["userErrors"] == []
    recording: dict[str, Any] = payload["recording"]
    return recording


def recording_of(zoo: HostedZoo, id: str) -> dict[str, Any]:
    found: dict[str, Any] = zoo.ask(f"query($i: ID!) {{ recording(id: $i) {{ {SHOWN} }} }}", i=id)["recording"]
    return found


def opened(recording: dict[str, Any]) -> Recording:
    access = recording["access"]
    return Recording.open(Ranges(access["baseUrl"], access["headers"]))


def truth(zoo: HostedZoo) -> np.ndarray[Any, Any]:
    """Returns all steps that one runner made, of all episodes; step 1 comes first."""
    written = b"".join(file.read_bytes() for file in zoo.folder.glob("truth-*"))
    return np.frombuffer(written, TRUTH, count=len(written) // TRUTH.itemsize)


def runner_of(zoo: HostedZoo, instance_id: str) -> psutil.Process:
    def found() -> psutil.Process | None:
        for child in psutil.Process(zoo.process.pid).children(recursive=True):
            with child.oneshot():
                if (
                    "zookeeper_runner" in " ".join(child.cmdline())
                    and child.environ().get("ZOO_INSTANCE") == instance_id
                ):
                    return child
        return None

    return until(found)


def check(read: Recording, ran: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Compares all that was recorded with what ran, to the bit. Returns the steps."""
    steps, _, _, places = read.read("inputs.place", 0, 2**53)
    rows = ran[np.asarray(steps) - 1]
    assert np.array_equal(np.diff(steps), np.ones(len(steps) - 1))
    assert np.array_equal(places, rows["place"])
    assert np.array_equal(read.read("env.reward", 0, 2**53)[3], rows["reward"])
    assert np.array_equal(read.read("action", 0, 2**53)[3], rows["move"])
    assert np.array_equal(read.read("outputs.move", 0, 2**53)[3], rows["move"])
    flags = np.asarray(read.read(FLAGS, 0, 2**53)[3])
    ends = steps % 100 == 0
    assert np.array_equal(flags & TERMINATED != 0, ends)
    assert np.array_equal(flags[1:] & FIRST != 0, (steps[1:] - 1) % 100 == 0)
    return np.asarray(steps)


def test_what_is_read_back_is_what_ran(zoo: HostedZoo) -> None:
    """To the bit, from the start to the stop, with weights and the checkpoint of the state before; then it goes."""
    instance_id = zoo.launch()
    zoo.wait(instance_id, "RUNNING")
    until(lambda: len(truth(zoo)) > 50)
    patterns = ["inputs.*", "outputs.*", "action", "env.reward", "weights.*"]
    begun = asked(zoo, "recordingStart", "RecordingStartInput", instanceId=instance_id, signals=patterns)
    assert begun["phase"] == "OPEN"
    assert set(begun["signals"]) >= {"inputs.place", "outputs.move", "action", "env.reward", "weights.weight"}
    until(lambda: recording_of(zoo, begun["id"])["lastStep"] > begun["firstStep"] + 1000)
    zoo.ask("mutation($i: InstanceModeSetInput!) { instanceModeSet(input: $i) { userErrors { message } } }",
            i={"instanceId": instance_id, "mode": {"training": True, "inference": True}})  # fmt: skip
    done = asked(zoo, "recordingStop", "RecordingInput", recordingId=begun["id"])
    assert (done["phase"], done["droppedSteps"], done["problem"]) == ("SEALED", 0, None)

    read = opened(done)
    steps = check(read, truth(zoo))
    assert (steps[0], steps[-1]) == (begun["firstStep"], done["lastStep"])
    assert read.manifest["recordingId"] == begun["id"]
    first = int(steps[0]) - 1
    assert next(event["data"] for event in read.events if event["kind"] == "mode")["inference"] is True
    assert np.array_equal(read.weights(first)["weight"], np.full(3, 0.5, np.float32))
    checkpoint = until(lambda: recording_of(zoo, begun["id"])["checkpointId"])
    saved = zoo.ask("query($i: ID!) { node(id: $i) { ... on Checkpoint { step kind kept } } }", i=checkpoint)["node"]
    assert saved == {"step": first, "kind": "RECORDING", "kept": True}
    read.close()

    folder = zoo.state_dir / "bucket/objects/runs" / instance_id / "1/recordings" / begun["id"]
    assert {path.name.rstrip("@") for path in folder.iterdir()} >= {"manifest.json", "000000.mcap"}
    deleting = "mutation($i: RecordingInput!) { recordingDelete(input: $i) { userErrors { message } } }"
    assert zoo.ask(deleting, i={"recordingId": begun["id"]})["recordingDelete"]["userErrors"] == []
    assert not folder.exists()


def test_runner_that_is_killed_loses_at_most_a_second(zoo: HostedZoo) -> None:
    """What was made a second before a kill -9 can be read, and equals what ran."""
    instance_id = zoo.launch()
    zoo.wait(instance_id, "RUNNING")
    begun = asked(zoo, "recordingStart", "RecordingStartInput", instanceId=instance_id)
    runner = runner_of(zoo, instance_id)
    until(lambda: recording_of(zoo, begun["id"])["lastStep"] > begun["firstStep"] + 2000)
    killed_at = time.time()
    os.kill(runner.pid, signal.SIGKILL)
    lost = until(lambda: found if (found := recording_of(zoo, begun["id"]))["phase"] == "LOST" else None)
    ran = np.frombuffer((zoo.folder / f"truth-{runner.pid}").read_bytes(), TRUTH)
    read = opened(lost)
    steps = check(read, ran)
    assert lost["problem"]
    assert steps[-1] == lost["lastStep"]
    assert killed_at - ran[steps[-1] - 1]["at"] < 1.0
    read.close()


def test_outage_is_ridden_out_and_leaving_seals(processes: Processes) -> None:
    """While the zoo and its bucket are away nothing is lost; who is asked to leave says that it is whole."""
    launch = launch_of(model=processes.model(PUSHER), environment=processes.world("import time; time.sleep(0.001)"))
    link = processes.link(launch)
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")
    request = {"id": "rec_1", "signals": None, "authorId": None, "attempt": 1}
    link.desire("ins_1", cast(Desired, {**wanted(), "recording": request}))
    until(lambda: told(link) > 500)
    link.away = True
    before = told(link)
    time.sleep(2.5)  # of an outage, which is what is tested
    assert told(link) == before
    link.away = False
    until(lambda: told(link) > before + 1000)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0

    assert link.recorded[0]["begun"]["signals"] == ["inputs.place", "outputs.move", "action", "env.reward"]
    assert link.recorded[-1]["sealed"] is True
    assert link.recorded[-1]["droppedSteps"] == 0
    whole = [one["index"] for said in link.recorded for one in said.get("arrived", ()) if one["tail"] is None]
    assert whole[0]["firstStep"] == link.recorded[0]["begun"]["step"]
    assert [after["firstStep"] for after in whole[1:]] == [one["lastStep"] + 1 for one in whole[:-1]]
    assert all(f"runs/ins_1/1/recordings/rec_1/{one['name']}" in link.objects for one in whole)
    assert link.saves("ins_1")[0]["save"]["recording"] == "rec_1"


def told(link: FakeRunnerLink) -> int:
    """Returns the newest step that has arrived."""
    return max((one["index"]["lastStep"] or 0 for said in link.recorded for one in said.get("arrived", ())), default=0)


def test_last_seconds_are_kept_after_the_fact(zoo: HostedZoo) -> None:
    """Steps of half a millisecond are remembered by themselves, and are read back as they ran."""
    instance_id = zoo.launch()
    zoo.wait(instance_id, "RUNNING")
    until(lambda: len(truth(zoo)) > 2500)
    kept = asked(zoo, "recordingSaveLast", "RecordingSaveLastInput", instanceId=instance_id, seconds=1)
    assert (kept["phase"], kept["problem"]) == ("SEALED", None)
    read = opened(kept)
    steps = check(read, truth(zoo))
    times = np.asarray(read.read("action", 0, 2**53)[2])
    assert 0.5e6 < times[-1] - times[0] <= 1.0e6
    assert steps[-1] == kept["lastStep"]
    assert kept["checkpointId"] is None
    read.close()


def test_going_back_goes_on_in_the_recording(zoo: HostedZoo) -> None:
    """Its steps are of the next timeline, and none is missing between what was before and what comes after."""
    instance_id = zoo.launch()
    zoo.wait(instance_id, "RUNNING")
    begun = asked(zoo, "recordingStart", "RecordingStartInput", instanceId=instance_id)
    checkpoint = until(lambda: recording_of(zoo, begun["id"])["checkpointId"])
    until(lambda: len(truth(zoo)) > begun["firstStep"] + 300)
    back = zoo.ask(
        "mutation($i: CheckpointRestoreInput!) { checkpointRestore(input: $i)"
        " { instance { timeline attempt } userErrors { message } } }",
        i={"instanceId": instance_id, "checkpointId": checkpoint},
    )["checkpointRestore"]
    assert back == {"instance": {"timeline": 2, "attempt": 1}, "userErrors": []}
    made = len(truth(zoo))
    until(lambda: len(truth(zoo)) > made + 300)
    done = asked(zoo, "recordingStop", "RecordingInput", recordingId=begun["id"])
    assert (done["phase"], done["droppedSteps"]) == ("SEALED", 0)

    read = opened(done)
    steps, timelines, _, places = read.read("inputs.place", 0, 2**53)
    first = int(begun["firstStep"])
    assert np.array_equal(places, truth(zoo)["place"][first - 1 : first - 1 + len(places)])
    assert set(timelines) == {1, 2}
    assert steps[timelines == 2][0] == first
    (event,) = (event for event in read.events if event["kind"] == "restored")
    assert (event["timeline"], event["step"], event["data"]) == (2, first - 1, {"timeline": 2})
    read.close()


def test_terminating_seals(zoo: HostedZoo) -> None:
    """Who ends in order leaves a whole recording, with its very last step."""
    instance_id = zoo.launch()
    zoo.wait(instance_id, "RUNNING")
    begun = asked(zoo, "recordingStart", "RecordingStartInput", instanceId=instance_id)
    until(lambda: len(truth(zoo)) > begun["firstStep"] + 200)
    zoo.ask(
        "mutation($i: InstanceInput!) { instanceTerminate(input: $i) { userErrors { message } } }",
        i={"instanceId": instance_id},
    )
    zoo.wait(instance_id, "TERMINATED")
    sealed = recording_of(zoo, begun["id"])
    assert sealed["phase"] == "SEALED"
    ran = truth(zoo)
    read = opened(sealed)
    assert check(read, ran)[-1] == len(ran)
    read.close()
