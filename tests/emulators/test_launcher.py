"""The launcher and the reconciler on Firestore and Pub/Sub: everything at once, and what a run costs."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest
from ainimal_zookeeper.adapters.gcp.firestore import FirestoreStore
from ainimal_zookeeper.adapters.gcp.pubsub import PubsubQueue
from ainimal_zookeeper.adapters.gcp.pubsub_topics import Names, make_topic
from ainimal_zookeeper.domain import lifecycle, limits, queries
from ainimal_zookeeper.domain.documents import COMMAND_LIFE_S, Collections, Ref
from ainimal_zookeeper.domain.lifecycle import timestamp
from ainimal_zookeeper.domain.queries import Page
from ainimal_zookeeper.ports.compute import JobPhase
from ainimal_zookeeper.ports.queue import LAUNCH_TOPIC, Delivery, Message
from google.cloud import firestore
from job_launcher import Launcher, Reconciler
from job_launcher.catalogue import CONFIGURATION, Catalogue, Offer
from job_launcher.dead_letters import ALARM, DeadLetters
from job_launcher.old_commands import OldCommands

from tests.conformance.deadline import eventually
from tests.conformance.runner_link_suite import Runner, asking
from tests.emulators.rpcs import CountedClient
from tests.emulators.test_firestore_store import new_project
from tests.fakes import zoo
from tests.fakes.bucket import MemoryBucket
from tests.fakes.clock import FakeClock, SequentialIds
from tests.fakes.compute import FakeCompute
from tests.fakes.queue import FakeQueue
from tests.fakes.secrets import FakeSecrets

pytestmark = pytest.mark.emulators

NAMES = ("ins_1", "ins_2", "ins_3", "env_1")


class Cloud:
    """A zoo on Firestore; each part opens the database for itself, as separate processes do."""

    def __init__(self) -> None:
        self.project = new_project()
        self.clock, self.compute, self.queue = FakeClock(), FakeCompute(), FakeQueue()
        self._opened: list[FirestoreStore] = []
        self.store = self.open()
        zoo.furnish(self.store)

    def open(self) -> FirestoreStore:
        self._opened.append(FirestoreStore(self.project))
        return self._opened[-1]

    def reconciler(self) -> Reconciler:
        return Reconciler(
            store=self.open(),
            queue=self.queue,
            compute=self.compute,
            bucket=MemoryBucket,
            clock=self.clock,
            ids=SequentialIds(),
        )

    def launcher(self) -> Launcher:
        return Launcher(
            store=self.open(), compute=self.compute, clock=self.clock, secret=zoo.SECRET, link_url="http://link"
        )

    def close(self) -> None:
        for store in self._opened:
            store.close()


@pytest.fixture
def cloud(firestore_emulator: None) -> Iterator[Cloud]:
    cloud = Cloud()
    yield cloud
    cloud.close()


@pytest.mark.parametrize("seed", range(5))
async def test_everything_at_once_comes_right(cloud: Cloud, seed: int) -> None:
    """Two reconcilers, two launchers with doubled and late messages, runners that claim, report, die or are silent."""
    chance = random.Random(seed)
    for name in NAMES:
        zoo.add(cloud.store, zoo.instance(cloud.clock.now(), name))
    reconcilers, launchers = [cloud.reconciler(), cloud.reconciler()], [cloud.launcher(), cloud.launcher()]
    runners: dict[tuple[str, int], Runner] = {}

    async with asking(cloud.open(), cast(Any, None), cloud.clock, FakeSecrets()) as client:

        async def runner(key: tuple[str, int]) -> None:
            asked = runners.setdefault(key, Runner(client, *key))
            if (await asked.ask("claim")).status_code == 200:
                await asked.report({"phase": "RUNNING", "stage": None})

        async def at_once(fate: float) -> None:
            messages = [
                Message(f"msg_{index}", topic, data, 1) for index, (topic, data) in enumerate(cloud.queue.published)
            ]
            chance.shuffle(messages)
            await asyncio.gather(
                *(asyncio.to_thread(reconciler.run_once) for reconciler in reconcilers),
                *(asyncio.to_thread(chance.choice(launchers).deliver, message) for message in messages[:6] * 2),
                *(runner(key) for key in list(cloud.compute.jobs)),
            )
            for key in list(cloud.compute.jobs):
                if chance.random() < fate:
                    cloud.compute.set(*key, JobPhase.FAILED, "its node went away", interrupted=True)
            cloud.clock.advance(chance.choice([1, 7, 30]))

        for _ in range(10):
            await at_once(0.5)
        for _ in range(4):
            await at_once(0)
        current = {name: zoo.read(cloud.store, name) for name in NAMES}
        for (name, attempt), asked in runners.items():
            answer = await asked.report({"stage": "late"})
            is_current = attempt == current[name]["attempt"] and not lifecycle.is_final(current[name])
            assert answer.status_code == (200 if is_current else 409)

    made = cloud.compute.made
    assert len(made) == len(set(made))
    for name, document in current.items():
        jobs = [attempt for other, attempt in cloud.compute.jobs if other == name]
        if lifecycle.is_final(document):
            assert document["status"]["failure"] is not None
            assert jobs == []
        else:
            assert document["status"]["claimed"]
            assert jobs == [document["attempt"]]
        listed = cloud.store.query(queries.EVENTS.bind(resource_id=name), Page(100)).documents
        assert sum(event["kind"] == "RELAUNCHED" for event in listed) == document["attempt"] - 1
    living = {name for name in NAMES if not lifecycle.is_final(current[name])}
    assert set(zoo.members(cloud.store, limits.ENVIRONMENTS)) == living


async def test_two_reconcilers_fail_lose_and_recover_once(cloud: Cloud) -> None:
    """Whatever both of them find at the same moment happens once."""
    lost = lifecycle.report(
        lifecycle.claim(zoo.instance(cloud.clock.now(), "ins_2"), 1, cloud.clock.now()),
        1,
        {"phase": "RUNNING", "stats": {**lifecycle.no_stats(), "step": 9}},
        cloud.clock.now(),
    )
    cloud.compute.set("ins_3", 1, JobPhase.FAILED, "killed by SIGTERM", interrupted=True)
    cloud.compute.set("ins_9", 1, JobPhase.RUNNING)
    zoo.add(cloud.store, zoo.instance(cloud.clock.now() - timedelta(seconds=901), "ins_1"))
    zoo.add(cloud.store, lost)
    zoo.add(cloud.store, zoo.instance(cloud.clock.now(), "ins_3"))
    zoo.add(cloud.store, zoo.instance(cloud.clock.now() - timedelta(seconds=10), "ins_4"))
    zoo.put(cloud.store, Collections.LIMITS, {"id": limits.MODELS, "members": ["ins_7", "ins_8"]})
    reconcilers = [cloud.reconciler() for _ in range(3)]
    await asyncio.gather(*(asyncio.to_thread(reconciler.run_once) for reconciler in reconcilers))
    status = {name: zoo.read(cloud.store, name)["status"] for name in ("ins_1", "ins_2", "ins_3")}
    assert {name: one["phase"] for name, one in status.items()} == {
        "ins_1": "FAILED",
        "ins_2": "LOST",
        "ins_3": "PENDING",
    }
    assert zoo.read(cloud.store, "ins_3")["attempt"] == 2
    published = [(data["instanceId"], data["attempt"]) for _, data in cloud.queue.published]
    assert published.count(("ins_3", 2)) == 1
    assert set(published) == {("ins_3", 2), ("ins_4", 1)}  # a launch without a job is asked for by each of them
    assert zoo.members(cloud.store, limits.MODELS) == ["ins_3", "ins_4"]
    assert ("ins_9", 1) not in cloud.compute.states
    for name, kinds in {"ins_1": ["FAILED"], "ins_2": ["LOST"], "ins_3": ["RELAUNCHED"]}.items():
        listed = cloud.store.query(queries.EVENTS.bind(resource_id=name), Page(10)).documents
        assert [event["kind"] for event in listed] == kinds


def test_a_quiet_run_reads_each_living_instance_once(firestore_emulator: None) -> None:
    """And little more, however many jobs there are; it writes no more than that it was there."""
    counted = CountedClient(new_project())
    store, clock, compute = FirestoreStore(counted.project, client=counted), FakeClock(), FakeCompute()
    zoo.furnish(store)
    for index in range(30):
        claimed = lifecycle.claim(zoo.instance(clock.now(), f"ins_{index}"), 1, clock.now())
        zoo.add(store, lifecycle.report(claimed, 1, {"phase": "RUNNING", "stage": None}, clock.now()))
        compute.set(f"ins_{index}", 1, JobPhase.RUNNING)

    def reconcile() -> None:
        Reconciler(
            store=store, queue=FakeQueue(), compute=compute, bucket=MemoryBucket, clock=clock, ids=SequentialIds()
        ).run_once()

    reconcile()
    clock.advance(29)
    counted.rpcs.reset()
    reconcile()
    # Instances, worlds, environments, commands and recordings are asked for; configuration, pulse, limits and letters
    # are read.
    assert sum(counted.rpcs.calls.values()) <= 9
    assert counted.rpcs.documents <= 30 + 8
    assert counted.rpcs.writes == 0
    store.close()


def test_old_commands_are_forgotten_and_expire(cloud: Cloud) -> None:
    """The reconciler deletes them; so may a TTL policy, which wants a timestamp of Firestore's."""
    now = cloud.clock.now()

    def command(name: str, age_s: float) -> dict[str, Any]:
        at = now - timedelta(seconds=age_s)
        expires = timestamp(at + timedelta(seconds=COMMAND_LIFE_S))
        return {"id": name, "resourceId": "ins_1", "at": timestamp(at), "userId": None, "expiresAt": expires}

    old = [command(f"old_{index}", COMMAND_LIFE_S + 60 + index) for index in range(120)]
    young = command("young", 60.000001)
    zoo.put(cloud.store, Collections.COMMANDS, *old, young)
    raw = firestore.Client(project=cloud.project).collection(Collections.COMMANDS)
    stored = raw.document("young").get().to_dict()
    assert isinstance(stored["expiresAt"], datetime)
    assert stored["expiresAt"].astimezone(timezone.utc) == now + timedelta(seconds=COMMAND_LIFE_S - 60.000001)
    assert cloud.store.get(Ref(Collections.COMMANDS, "young")) == young
    OldCommands(store=cloud.store, clock=cloud.clock).forget()
    assert [snapshot.id for snapshot in raw.stream()] == ["young"]


def test_more_than_one_transaction_takes_is_published(cloud: Cloud) -> None:
    """Production takes 500 writes and 10 MiB at a time."""
    models: Any = [{**zoo.model(note="x" * 20_000), "id": f"mod_{index}", "name": f"m{index}"} for index in range(620)]
    configuration: Any = {"id": "zoo", "revision": "r2", "launchDeadlineSeconds": 900.0}
    Catalogue(cloud.store).publish(Offer(configuration, models, []))
    assert cloud.store.get(CONFIGURATION) == configuration
    assert cloud.store.count(queries.MODELS.bind()) == 620
    Catalogue(cloud.store).publish(Offer(configuration, models[:1], []))
    assert cloud.store.count(queries.MODELS.bind()) == 1
    assert cloud.store.count(queries.ENVIRONMENTS.bind()) == 0


def test_dead_letters_of_pubsub_alarm_once(
    cloud: Cloud, pubsub_emulator: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Messages that were given up on are told once, by whichever process looks, and stay where they are."""
    names = Names("tests", f"t{uuid.uuid4().hex[:12]}-")
    make_topic(names, LAUNCH_TOPIC, max_deliveries=5, retry_base_s=0, ack_deadline_s=10)
    queue = PubsubQueue("tests", prefix=names.prefix)
    subscription = queue.subscribe(LAUNCH_TOPIC, lambda _: Delivery.RETRY)
    published = {queue.publish(LAUNCH_TOPIC, {"instanceId": name, "attempt": 1}) for name in NAMES}

    def all_are_dead() -> bool:
        return {letter.id for letter in queue.dead_letters(LAUNCH_TOPIC)} == published

    eventually(all_are_dead, "all messages are dead letters")
    subscription.close()
    for _ in range(3):
        DeadLetters(store=cloud.open(), queue=queue, clock=cloud.clock).tell()
        cloud.clock.advance(301)
    told = [record.__dict__ for record in caplog.records if record.getMessage() == ALARM]
    assert {record["message_id"] for record in told} == published
    assert {record["instance_id"] for record in told} == set(NAMES)
    assert len(told) == len(NAMES)
    assert all_are_dead()
    queue.close()
