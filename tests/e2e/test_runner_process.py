"""A real runner process against a small runner link: from the claim to the end."""

from __future__ import annotations

import base64
import signal
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from tests.e2e.runners import CARTPOLE, Processes, ended
from tests.fakes.live_client import LiveClient
from tests.fakes.runner_link import FakeRunnerLink, launch_of, wanted, world_of

STEADY = """
class Steady:
    def __init__(self):
        self.calls = 0
    @property
    def state(self):
        return {"calls": self.calls, "table": {"row": [1.0, 2.0]}}
    def act(self, observation):
        self.calls += 1
        return self.calls % 2
    def train(self, trajectory):
        return {"loss": float(len(trajectory)), "seen": 1.0}
"""

INDISCREET = """
import os
class Indiscreet:
    def __init__(self, key):
        self.key = key
    @property
    def state(self):
        if os.path.exists(__file__ + ".watched"):
            raise ValueError(f"{self.key} was refused")
        return {"calls": 1}
    def act(self, observation):
        return 0
"""


def viewer_of(link: FakeRunnerLink, instance_id: str = "ins_1") -> LiveClient:
    """Connects to a runner once it has told its address."""
    address = link.until(
        instance_id, lambda said: next((each["report"].get("liveAddress") for each in reversed(said)), None)
    )
    return LiveClient(address, link.launches[instance_id]["liveToken"])


def with_manifest(said: list[dict[str, Any]]) -> Any:
    return next((each["manifest"] for each in said if "manifest" in each), None)


def until(condition: Callable[[], Any], patience_s: float = 10.0) -> Any:
    deadline = time.monotonic() + patience_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen")
        time.sleep(0.01)
    return value


def test_a_runner_claims_runs_is_watched_and_steered_and_ends_when_asked(processes: Processes) -> None:
    """The life of an instance, with every way in which it is seen and changed."""
    link = processes.link(launch_of(model=processes.model(STEADY), environment=CARTPOLE))
    process = processes.start(link)

    report = link.phase("ins_1", "RUNNING")
    manifest = link.until("ins_1", with_manifest)
    paths = [signal["path"] for signal in manifest["signals"]]
    assert report["observedGeneration"] == 1
    assert report["stats"]["step"] >= 1
    assert manifest["trainable"]
    assert {"inputs.observation", "outputs.action", "action", "env.frame", "env.reward"} <= set(paths)
    assert {"state.calls", "state.table.row", "metrics.episode_return"} <= set(paths)
    assert manifest["previewPaths"] == ["env.frame"]

    live = viewer_of(link)
    live.watch(1, "inputs.observation", maxRate=50)
    live.watch(2, "env.frame", maxRate=10, reduce="JPEG", maxSize=64)
    live.watch(3, "state.calls", maxRate=20)
    live.watch(4, "inputs.observatoin")
    observation = live.value(1)
    frame = live.value(2)
    assert np.frombuffer(observation["payload"], "<f4").shape == (4,)
    assert (observation["dtype"], observation["shape"], observation["encoding"]) == ("float32", [4], "RAW")
    assert frame["encoding"] == "JPEG"
    assert frame["payload"].startswith(b"\xff\xd8")
    assert max(frame["shape"][:2]) == 64
    assert live.value(3)["scalar"] >= 1
    problem = live.until(lambda message: message["type"] == "problem")
    assert problem["code"] == "NOT_FOUND"
    assert "inputs.observation" in problem["message"]

    live.send({"type": "desired", "desired": wanted(training=True), "generation": 2})
    status = live.until(lambda m: m["type"] == "status" and m["report"]["observedGeneration"] == 2)
    assert status["report"]["acknowledgedAtStep"] >= 1
    link.until("ins_1", lambda said: said[-1]["report"]["stats"]["loss"])
    link.desire("ins_1", wanted(training=True))
    link.desire("ins_1", wanted("PAUSED"))
    paused = live.until(lambda m: m["type"] == "status" and m["report"]["phase"] == "PAUSED")
    step = paused["report"]["stats"]["step"]
    live.send({"type": "desired", "desired": wanted("PAUSED", steps=3), "generation": 10})
    live.until(lambda m: m["type"] == "status" and m["report"]["stats"]["step"] == step + 3)
    live.watch(5, "inputs.observation", reduce="STATISTICS")
    assert live.value(5)["statistics"]["count"] == 4
    live.close()

    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0
    assert link.reports["ins_1"][-1]["report"]["phase"] == "STOPPING"
    series = next(each["series"] for each in reversed(link.reports["ins_1"]) if "series" in each)
    assert {"env.reward", "metrics.episode_return", "metrics.loss"} <= {each["path"] for each in series}
    thumbnails = [each["thumbnail"] for each in link.reports["ins_1"] if "thumbnail" in each]
    assert base64.b64decode(thumbnails[0]["data"]).startswith(b"\xff\xd8")


def test_a_signal_that_cannot_be_read_tells_no_secret(processes: Processes) -> None:
    """What user code raises while it is watched goes to viewers past every report, and is told as those are."""
    model = processes.model(INDISCREET)
    model["spec"] |= {"init_params": {"key": "Bearer ${env.KEY}"}, "variables": {"KEY": "sk-hunter2-hunter2"}}
    link = processes.link(launch_of(model=model, environment=CARTPOLE))
    processes.start(link)
    link.until("ins_1", with_manifest)
    live = viewer_of(link)

    processes.file("model.py.watched", "")
    live.watch(1, "state.calls")

    problem = live.until(lambda message: message["type"] == "problem")
    assert problem["message"] == "state.calls cannot be read: ValueError: Bearer *** was refused"


def test_termination_is_reported_as_such(processes: Processes) -> None:
    """Whoever is asked to terminate says TERMINATED and leaves with status 0."""
    link = processes.link(launch_of(model=processes.model(STEADY), environment=CARTPOLE))
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")

    link.desire("ins_1", wanted("TERMINATED"))

    assert ended(process) == 0
    assert link.reports["ins_1"][-1]["report"]["phase"] == "TERMINATED"


def test_values_arrive_soon_after_they_are_made(processes: Processes) -> None:
    """With a step thread that never rests, a value is received within 20 ms in the median."""
    link = processes.link(launch_of(model=processes.model(STEADY), environment=CARTPOLE))
    processes.start(link)
    link.until("ins_1", with_manifest)
    live = viewer_of(link)
    live.watch(1, "env.reward", maxRate=30)

    delays = [value["receivedAt"] - value["time"] for value in (live.value(1) for _ in range(40))]

    live.close()
    assert statistics.median(delays) < 0.02


def test_a_wrong_token_is_turned_away(processes: Processes) -> None:
    """Only who holds the attempt's live token gets in."""
    link = processes.link(launch_of(model=processes.model(STEADY), environment=CARTPOLE))
    processes.start(link)
    address = link.phase("ins_1", "RUNNING")["liveAddress"]

    with pytest.raises(ConnectionClosed) as closed:
        LiveClient(address, "wrong")

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


@pytest.mark.parametrize(
    ("model", "world", "code", "words"),
    [
        (
            "class A:\n  def act(self, o):\n    raise ValueError('no idea')",
            "pass",
            "AINIMAL_FAULT",
            "ValueError: no idea",
        ),
        ("class A:\n  def act(self, o):\n    raise SystemExit(3)", "pass", "AINIMAL_FAULT", "exit with 3"),
        ("class A:\n  def act(self, o):\n    return 7", "pass", "AINIMAL_FAULT", "from 0 to 2"),
        ("class A:\n  def act(self, o):\n    return float('nan')", "pass", "AINIMAL_FAULT", "move"),
        ("class A:\n  def act(self, o):\n    return {'other': 1}", "pass", "AINIMAL_FAULT", "other"),
        ("class A:\n  def act(self, o)\n    return 1", "pass", "AINIMAL_FAULT", "model.py:2"),
        (
            "class A:\n  def __init__(self):\n    1/0\n  def act(self, o):\n    return 1",
            "pass",
            "AINIMAL_FAULT",
            "division",
        ),
        ("class A:\n  def act(self, o):\n    return 1", "raise OSError('broken')", "ENV_FAULT", "OSError: broken"),
        ("class A:\n  def act(self, o):\n    return 1", "raise KeyboardInterrupt", "ENV_FAULT", "KeyboardInterrupt"),
    ],
)
def test_user_code_that_fails_ends_its_instance_as_failed(
    processes: Processes, model: str, world: str, code: str, words: str
) -> None:
    """What broke, where, and at which step is reported, and the process leaves in order with status 1."""
    link = processes.link(launch_of(model=processes.model(model), environment=processes.world(world)))

    process = processes.start(link)

    assert ended(process) == 1
    report = link.reports["ins_1"][-1]["report"]
    assert report["phase"] == "FAILED"
    assert report["failure"]["code"] == code
    assert words in report["failure"]["message"]
    assert "zookeeper_runner" not in (report["failure"]["traceback"] or "")


def test_a_hang_is_seen_with_its_stack_and_does_not_stop_the_end(processes: Processes) -> None:
    """Code that never returns is shown with the line where it stands, and the process leaves within its grace."""
    model = "import time\nclass A:\n  def act(self, o):\n    while True:\n      time.sleep(0.01)"
    link = processes.link(launch_of(model=processes.model(model), environment=processes.world()))
    process = processes.start(link)

    event = link.until(
        "ins_1", lambda said: next((e for each in said for e in each.get("events", []) if e["kind"] == "HANG"), None)
    )
    assert "act (model.py:5)" in event["message"]
    assert any(said["report"]["stage"] == "making the first step" for said in link.reports["ins_1"])
    live = viewer_of(link)
    live.send({"type": "ping", "at": 5})
    assert live.until(lambda message: message["type"] == "pong")["at"] == 5
    live.close()
    link.desire("ins_1", wanted("TERMINATED"))
    begun = time.monotonic()

    assert ended(process) == 0
    assert time.monotonic() - begun < 5
    assert link.reports["ins_1"][-1]["report"]["phase"] == "TERMINATED"


def test_what_is_printed_is_logged_and_nothing_printed_breaks_the_runner(processes: Processes) -> None:
    """Binary garbage, a closed descriptor and child processes: the instance goes on and lines arrive."""
    model = """
import os, subprocess, sys, threading
class A:
    def __init__(self):
        print("made")
        os.write(1, b"\\xff\\x00\\xfe\\n")
        subprocess.run(["echo", "from a child"])
        print("to stderr", file=sys.stderr)
        threading.Thread(target=threading.Event().wait).start()
        sys.stdout.close()
        os.close(1)
    def act(self, o):
        return 1
"""
    link = processes.link(launch_of(model=processes.model(model), environment=processes.world()))
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")

    link.until("ins_1", lambda said: sum(len(each.get("logs", [])) for each in said) >= 4)
    texts = [(line["stream"], line["text"]) for line in link.said("ins_1", "logs")]
    link.desire("ins_1", wanted("TERMINATED"))

    assert ("stdout", "made") in texts
    assert ("stdout", "from a child") in texts
    assert ("stderr", "to stderr") in texts
    assert ended(process) == 0


def test_steps_do_not_wait_until_all_that_was_loaded_is_searched_for_garbage(processes: Processes) -> None:
    """What was there before the first step is left alone by the collector, however much was imported."""
    model = processes.model(
        """
import gc
class Heavy:
    def __init__(self):
        self.many = [[number] for number in range(100_000)]
        self.told = False
    def act(self, o):
        if not self.told:
            print("searched:", "little" if len(gc.get_objects()) < 100_000 else "all")
        self.told = True
        return 0
"""
    )
    link = processes.link(launch_of(model=model, environment=CARTPOLE))
    processes.start(link)
    link.until("ins_1", lambda said: any(each.get("logs") for each in said))
    assert "searched: little" in {line["text"] for line in link.said("ins_1", "logs")}


def test_a_worker_that_is_ended_does_not_end_the_runner(processes: Processes) -> None:
    """Data loaders and vector environments end their forked workers by SIGTERM: that is theirs alone."""
    model = """
import multiprocessing, time
class A:
    def __init__(self):
        worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        worker.start()
        worker.terminate()
        worker.join(5)
        print("worker ended with", worker.exitcode)
    def act(self, o):
        return 1
"""
    link = processes.link(launch_of(model=processes.model(model), environment=processes.world()))
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")

    link.until("ins_1", lambda _: "worker ended with -15" in [line["text"] for line in link.said("ins_1", "logs")])
    assert link.reports["ins_1"][-1]["report"]["phase"] == "RUNNING"
    link.desire("ins_1", wanted("TERMINATED"))
    assert ended(process) == 0


def test_a_process_that_exits_by_itself_is_left_to_the_zoo(processes: Processes) -> None:
    """`os._exit` in user code ends only that process; nothing but its silence tells."""
    model = "import os\nclass A:\n  def act(self, o):\n    os._exit(9)"
    link = processes.link(launch_of(model=processes.model(model), environment=processes.world()))

    assert ended(processes.start(link)) == 9


def test_a_fenced_attempt_leaves_without_a_word(processes: Processes) -> None:
    """When another attempt runs, the older one ends by itself."""
    link = processes.link(launch_of(model=processes.model(STEADY), environment=processes.world()))
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")

    link.fenced.add("ins_1")

    assert ended(process) == 3


def test_an_orphan_ends(processes: Processes) -> None:
    """A runner that hears nothing for long enough belongs to nobody."""
    launch = launch_of(model=processes.model(STEADY), environment=processes.world(), settings={"orphanSeconds": 0.5})
    link = processes.link(launch)
    process = processes.start(link)
    link.phase("ins_1", "RUNNING")

    link.away = True

    assert ended(process) == 4


def test_a_model_without_an_environment_answers_questions(processes: Processes) -> None:
    """Inputs are read by their modality, what is bad harms one question only, and each conversation has its memory."""
    model = """
import numpy as np
from ainimal_zookeeper import AInimal, Modality
class Sum(AInimal):
    def __init__(self):
        self.recurrent_state = 0.0
    input_modalities = {"numbers": Modality.vector("numbers", 3)}
    output_modalities = {"total": Modality.scalar("total")}
    def forward(self, inputs):
        if inputs["numbers"][0] > 100:
            raise RuntimeError("too much")
        self.recurrent_state += float(inputs["numbers"].sum())
        return {"total": np.float32(self.recurrent_state)}
"""
    link = processes.link(launch_of(model=processes.model(model)))
    process = processes.start(link)
    link.until("ins_1", with_manifest)
    live = viewer_of(link)

    def asked(numbers: Any, conversation: str | None = None) -> dict[str, Any]:
        live.send({"type": "infer", "id": 1, "inputs": {"numbers": numbers}, "conversation": conversation})
        return live.until(lambda message: message["type"] == "inferred")

    assert asked([1, 2, 3])["outputs"] == {"total": 6.0}
    assert asked([1, 2, 3], "a")["outputs"] == {"total": 6.0}
    assert asked([1, 1, 1], "b")["outputs"] == {"total": 3.0}
    assert asked([1, 2, 3], "a")["outputs"] == {"total": 12.0}
    assert asked([1, 2])["code"] == "INVALID_INPUT"
    assert asked([101, 0, 0])["code"] == "AINIMAL_FAULT"
    assert asked([1, 0, 0])["outputs"] == {"total": 1.0}
    live.watch(7, "outputs.total")
    assert live.value(7)["scalar"] == 1.0
    link.desire("ins_1", wanted("PAUSED"))
    live.until(lambda m: m["type"] == "status" and m["report"]["phase"] == "PAUSED")
    assert asked([1, 0, 0])["code"] == "INVALID_TRANSITION"
    live.close()
    link.desire("ins_1", wanted("TERMINATED"))
    assert ended(process) == 0


def test_two_instances_play_in_one_world(processes: Processes) -> None:
    """A world launched on its own steps when both seats have acted, and goes on when one leaves."""
    world = """
import numpy as np
from ainimal_zookeeper import Env, Modality
class Pair(Env):
    seats = 2
    observation_modalities = {"place": Modality.vector("place", 2)}
    action_modalities = {"move": Modality.discrete("move", 3, start=-1)}
    def reset(self, seed=None):
        self.steps, self.places = 0, {"0": 0.0, "1": 0.0}
        return self.seen()
    def seen(self):
        return {seat: np.array([place, self.steps], np.float32) for seat, place in self.places.items()}
    def step(self, actions):
        self.steps += 1
        for seat, action in actions.items():
            self.places[seat] += float(action)
        over = self.steps >= 20
        return {seat: (seen, self.places[seat], over, False, {}) for seat, seen in self.seen().items()}
    def render(self):
        return np.zeros((32, 32, 3), np.uint8)
"""
    model = "class Go:\n  def act(self, place):\n    return 1"
    spec = {"type": "python_class", "path": processes.file("pair.py", world), "class_name": "Pair", "step_timeout": 0.3}
    shared = launch_of(
        "env_1", kind="environment", environment={"id": "world_2", "name": "pair", "spec": spec}, model=None
    )
    joiners = [launch_of(f"ins_{n}", model=processes.model(model)) for n in (1, 2)]
    for joiner in joiners:
        joiner["world"] = world_of(shared, None, joiner["instanceId"])
    link = processes.link(shared, *joiners)
    host = processes.start(link, "env_1")
    players = [processes.start(link, joiner["instanceId"]) for joiner in joiners]
    address = link.phase("env_1", "RUNNING")["liveAddress"]
    assert link.reports["env_1"][-1]["report"]["stats"]["step"] == 0
    for joiner in joiners:
        joiner["world"] = world_of(shared, address, joiner["instanceId"])

    for joiner in joiners:
        link.until(joiner["instanceId"], lambda said: said and said[-1]["report"]["stats"]["episode"] >= 2)
    returns = link.reports["ins_1"][-1]["report"]["stats"]["episodeReturn"]
    assert returns == sum(range(1, 21))
    live = viewer_of(link, "env_1")
    for seat in (0, 1):
        live.watch(seat, f"agents.{seat}.action", maxRate=20)
        assert live.value(seat)["scalar"] == 1
    link.desire("ins_2", wanted("TERMINATED"))
    assert ended(players[1]) == 0
    # Where nobody sits any more, the neutral action acts.
    live.until(lambda message: message["type"] == "value" and message["scalar"] == 0)
    live.close()
    link.desire("env_1", wanted("TERMINATED"))
    assert ended(host) == 0
    assert ended(players[0]) == 1
    assert link.reports["ins_1"][-1]["report"]["failure"]["code"] == "ENV_FAULT"
