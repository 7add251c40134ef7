"""What the reconciler does besides instances: dead letters alarm, old commands go, and each part fails on its own."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import Any

import pytest
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import COMMAND_LIFE_S, Collections, Document, Ref
from ainimal_zookeeper.domain.errors import Transient
from ainimal_zookeeper.domain.lifecycle import timestamp
from ainimal_zookeeper.ports.compute import JobPhase, JobState
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Message
from job_launcher.dead_letters import ALARM
from job_launcher.old_commands import OldCommands

from tests.fakes import zoo
from tests.fakes.compute import FakeCompute
from tests.fakes.queue import FakeQueue
from tests.unit.job_launcher.pusher import Pusher


@pytest.fixture
def scene() -> Pusher:
    return Pusher()


def letter(number: int) -> Message:
    return Message(f"msg_{number}", LAUNCH_TOPIC, {"instanceId": f"ins_{number}", "attempt": 1}, 20)


def alarms(caplog: pytest.LogCaptureFixture) -> list[tuple[Any, ...]]:
    """Returns what was told with each alarm."""
    found = [record.__dict__ for record in caplog.records if record.getMessage() == ALARM]
    assert all(record["levelno"] == logging.ERROR for record in found)
    return [tuple(record[key] for key in ("message_id", "instance_id", "attempt", "deliveries")) for record in found]


def test_each_dead_letter_alarms_once(scene: Pusher, caplog: pytest.LogCaptureFixture) -> None:
    """However long it lies there, and whichever process looks."""
    scene.queue.dead = [letter(1), letter(2)]
    for minute in range(30):
        if minute == 12:
            scene.queue.dead.append(letter(3))
        scene.new_reconciler().run_once()
        scene.clock.advance(60)
    assert alarms(caplog) == [(f"msg_{number}", f"ins_{number}", 1, 20) for number in (1, 2, 3)]
    assert scene.queue.looks == 6  # every five minutes: a look takes a second where it is a pull


def test_a_dead_letter_changes_no_instance(scene: Pusher, caplog: pytest.LogCaptureFixture) -> None:
    """Its launch is asked for again all the same, until its deadline."""
    scene.queue.dead = [letter(1)]
    scene.clock.advance(10)
    scene.reconciler.run_once()
    assert len(alarms(caplog)) == 1
    assert zoo.read(scene.store)["status"]["phase"] == "PENDING"
    assert {data["instanceId"] for _, data in scene.queue.published} == {"ins_1", "ins_2", "env_1"}


def test_a_letter_without_an_instance_alarms_too(scene: Pusher, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it holds."""
    scene.queue.dead = [Message("msg_9", LAUNCH_TOPIC, {"x": 1}, 5)]
    scene.reconciler.run_once()
    assert alarms(caplog) == [("msg_9", None, None, 5)]


def test_no_letters_cost_nothing(scene: Pusher) -> None:
    """A process that lives looks at the store once in five minutes."""
    for _ in range(299):
        scene.reconciler.run_once()
        scene.clock.advance(1)
    assert scene.queue.looks == 1


def command(scene: Pusher, name: str, age_s: float) -> Document:
    at = scene.clock.now() - timedelta(seconds=age_s)
    return {"id": name, "resourceId": "ins_1", "at": timestamp(at), "userId": None, "digest": "d"}


def commands(scene: Pusher) -> set[str]:
    return {ref.id for ref in scene.store.documents if ref.collection == Collections.COMMANDS}


def test_commands_older_than_a_day_are_forgotten(scene: Pusher) -> None:
    """Younger ones are known as before."""
    old = [command(scene, f"old_{index}", COMMAND_LIFE_S + 1 + index) for index in range(250)]
    young = [command(scene, "young", COMMAND_LIFE_S - 1), command(scene, "new", 0)]
    zoo.put(scene.store, Collections.COMMANDS, *old, *young)
    scene.reconciler.run_once()
    assert commands(scene) == {"young", "new"}
    scene.clock.advance(61)
    scene.reconciler.run_once()
    assert commands(scene) == {"new"}


def test_a_great_many_old_commands_take_several_runs(scene: Pusher) -> None:
    """Each deletes a bounded number, in small transactions; a run goes on where the one before stopped."""
    zoo.put(scene.store, Collections.COMMANDS, *(command(scene, f"c{n}", COMMAND_LIFE_S + 9) for n in range(1500)))
    scene.new_reconciler().run_once()
    assert len(commands(scene)) == 1500 - 1 - 9 * 100
    for _ in range(2):
        scene.new_reconciler().run_once()
    assert commands(scene) == set()


def test_young_commands_cost_one_look_a_minute(scene: Pusher) -> None:
    """And no write."""
    zoo.put(scene.store, Collections.COMMANDS, command(scene, "young", 5))
    old_commands = OldCommands(store=scene.store, clock=scene.clock)
    runs = scene.store.runs
    old_commands.forget()
    zoo.put(scene.store, Collections.COMMANDS, command(scene, "old", COMMAND_LIFE_S + 5))
    scene.clock.advance(59)
    old_commands.forget()
    assert (commands(scene), scene.store.runs) == ({"young", "old"}, runs + 1)
    scene.clock.advance(1)
    old_commands.forget()
    assert commands(scene) == {"young"}


def test_document_that_cannot_be_read_holds_up_nothing_else(scene: Pusher, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and all others are settled."""
    broken = {**zoo.instance(scene.clock.now(), "ins_2"), "desired": "nonsense"}
    zoo.put(scene.store, Collections.INSTANCES, broken)
    scene.clock.advance(10)
    for _ in range(3):
        scene.reconciler.run_once()
    assert {data["instanceId"] for _, data in scene.queue.published} == {"ins_1", "env_1"}
    assert caplog.text.count("cannot settle ins_2") == 1


def test_trouble_with_one_instance_holds_up_nothing_else(scene: Pusher) -> None:
    """The timer is told of it when the rest is done."""
    scene.queue.broken = Transient("the topic is away")
    scene.compute.set("ins_9", 1, JobPhase.RUNNING)
    scene.clock.advance(10)
    with pytest.raises(Transient, match="the topic is away"):
        scene.reconciler.run_once()
    assert [name for name, _, _ in scene.compute.deleted] == ["ins_9"]


def test_run_is_bounded_in_time(caplog: pytest.LogCaptureFixture) -> None:
    """What a slow platform leaves no time for is done by the next runs; each gets further."""

    class SlowQueue(FakeQueue):
        def publish(self, topic: str, data: Any) -> str:
            scene.clock.advance(30)
            return super().publish(topic, data)

    scene = Pusher(queue=SlowQueue())
    scene.clock.advance(10)
    scene.reconciler.run_once()
    assert len(scene.queue.published) == 2
    assert "left to the next run" in caplog.text


def test_nothing_is_left_out_for_ever() -> None:
    """What takes all the time comes later in the next minutes' runs, so that everything has its turn."""

    class SlowQueue(FakeQueue):
        def publish(self, topic: str, data: Any) -> str:
            scene.clock.advance(50)
            return super().publish(topic, data)

    scene = Pusher(queue=SlowQueue())
    scene.clock.advance(10)
    for name in ("ins_8", "ins_9"):
        scene.compute.set(name, 1, JobPhase.RUNNING)
    for _ in range(8):
        scene.new_reconciler().run_once()
        scene.clock.advance(10)
    assert {data["instanceId"] for _, data in scene.queue.published} == {"ins_1", "ins_2", "env_1"}
    assert {name for name, _, _ in scene.compute.deleted} == {"ins_8", "ins_9"}


def test_overlapping_calls_do_not_wait_for_each_other() -> None:
    """A timer that calls again while a run lasts gets its answer at once."""
    entered, leave = threading.Event(), threading.Event()

    class SlowCompute(FakeCompute):
        def observe(self) -> list[JobState]:
            entered.set()
            assert leave.wait(10)
            return super().observe()

    scene = Pusher(compute=SlowCompute())
    thread = threading.Thread(target=scene.reconciler.run_once)
    thread.start()
    assert entered.wait(10)
    scene.reconciler.run_once()
    leave.set()
    thread.join()


def claim(scene: Pusher, name: str = "ins_1") -> None:
    scene.compute.set(name, 1, JobPhase.RUNNING)
    claimed = lifecycle.claim(zoo.read(scene.store, name), 1, scene.clock.now())
    zoo.put(scene.store, Collections.INSTANCES, dict(claimed))


def test_silent_runner_is_pointed_out_by_calls_in_new_processes(scene: Pusher) -> None:
    """A reconciler that lives for one call a minute sees what one that lives long sees."""
    claim(scene)
    for _ in range(2):
        scene.new_reconciler().run_once()
        scene.clock.advance(60)
    stage = zoo.read(scene.store)["status"]["stage"]
    assert stage is not None
    assert stage.startswith("has not reported for 60 s")
    assert Ref(Collections.EVENTS, "evt_ins_1-1-silent-0") in scene.store.documents


def test_absence_of_the_zoo_is_no_silence_for_new_processes(scene: Pusher) -> None:
    """After an hour without a call runners get the time to report."""
    claim(scene)
    scene.new_reconciler().run_once()
    scene.clock.advance(3600)
    scene.new_reconciler().run_once()
    assert zoo.read(scene.store)["status"]["stage"] == "starting"
    scene.clock.advance(60)
    scene.new_reconciler().run_once()
    assert "has not reported for 60 s" in str(zoo.read(scene.store)["status"]["stage"])


def test_new_processes_ask_for_a_lost_launch_once_a_call(scene: Pusher) -> None:
    """Until its deadline, at which it fails."""
    for _ in range(17):
        scene.clock.advance(60)
        scene.new_reconciler().run_once()
    status = zoo.read(scene.store)["status"]
    assert status["phase"] == "FAILED"
    assert "no runner took it within 900 s: no job was made for it" in str(status["failure"])
    assert len([1 for _, data in scene.queue.published if data["instanceId"] == "ins_1"]) == 15


def test_runner_that_claims_at_the_last_moment_is_not_failed() -> None:
    """What was read of it is older than its claim."""

    class LateClaim(FakeCompute):
        def observe(self) -> list[JobState]:
            states = super().observe()
            claim(scene)
            return states

    scene = Pusher(compute=LateClaim())
    scene.compute.set("ins_1", 1, JobPhase.PENDING, "pulling the image")
    scene.clock.advance(901)
    scene.reconciler.run_once()
    assert zoo.read(scene.store)["status"]["phase"] == "STARTING"
