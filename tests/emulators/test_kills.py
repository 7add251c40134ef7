"""Hundreds of kill -9 at random moments, of everything a deployed zoo is made of, while its users go on working."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random

import psutil
import pytest
from ainimal_zookeeper.checkpoints import Repository
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain.documents import FINAL_PHASES
from ainimal_zookeeper.domain.errors import Transient

from tests.e2e.hosting import until
from tests.e2e.promises import FILES, ZOO, Keeper, check_names
from tests.emulators.deployed import DeployedZoo, Function, deployed

pytestmark = pytest.mark.emulators

KILLS = int(os.environ.get("ZOO_TEST_KILLS", "200"))
SEED = int(os.environ.get("ZOO_TEST_SEED", "20261"))
PACE_S = 120.0  # for all kills; whoever is behind waits for no answers
BUDGET_S = 210.0  # when it is given up
QUIET_S = 90.0  # for everything to come to rest afterwards

_LONGEST_PAUSE_S = 0.4  # between two kills of one burst
_WAVES = (1, 5)  # kills in one burst


class Killer:
    """Kills one process after the other, each chosen at random."""

    def __init__(self, zoo: DeployedZoo, random: Random) -> None:
        self.kills: Counter[str] = Counter()
        self._zoo = zoo
        self._random = random

    @property
    def count(self) -> int:
        """How many processes have been killed that lived until then."""
        return self.kills.total()

    def strike(self) -> None:
        """Kills something; does nothing where nobody of the chosen kind lives just now."""
        zoo = self._zoo
        kind = self._random.choices(
            ("graphql", "link", "launch", "reconcile", "runner", "function", "notice"), (5, 5, 6, 3, 7, 1, 2)
        )[0]
        if kind == "runner":
            runner = self._runner()
            if runner is not None:
                runner.kill()
                self.kills[kind] += 1
        elif kind == "notice":  # a node that goes away lets its runners save: then later attempts have a checkpoint
            runner = self._runner()
            if runner is not None:
                runner.terminate()
        elif kind == "function":
            self._random.choice(zoo.functions).restart()
            self.kills[kind] += 1
        else:
            self.kills[kind] += self._function(kind).kill_worker()

    def _function(self, target: str) -> Function:
        return next(function for function in self._zoo.functions if function.target == target)

    def _runner(self) -> psutil.Process | None:
        living = sorted(self._zoo.runners().items())
        return self._random.choice(living)[1] if living else None


@pytest.mark.timeout(480)
def test_nothing_acknowledged_is_lost_whatever_is_killed(
    tmp_path: Path, firestore_emulator: None, pubsub_emulator: None, storage_emulator: None
) -> None:
    """After 200 kills each instance is where it was asked to be, or has ended with a reason; no attempt ran twice."""
    print(f"seed {SEED}: ZOO_TEST_SEED={SEED} gives the same choices again")
    random = Random(SEED)
    pause = threading.Event()
    with deployed(tmp_path, ZOO, FILES) as zoo:
        keepers = [Keeper(zoo.url, Random(f"{SEED} {name}"), name) for name in ("ada", "bob")]
        try:
            killer = Killer(zoo, random)
            begun = time.monotonic()
            while killer.count < KILLS and (elapsed := time.monotonic() - begun) < BUDGET_S:
                for _ in range(random.randint(*_WAVES)):
                    pause.wait(random.uniform(0, _LONGEST_PAUSE_S))
                    killer.strike()
                if elapsed / PACE_S <= killer.count / KILLS:
                    for keeper in keepers:
                        keeper.await_answers(random.randint(1, 3), timeout_s=10)
            elapsed = time.monotonic() - begun
            answers = sum(keeper.answered for keeper in keepers)
            print(f"{killer.count} kills in {elapsed:.0f} s, {answers} changes acknowledged: {dict(killer.kills)}")
            assert killer.count >= KILLS, f"only {killer.count} kills within {BUDGET_S:g} s"
            for keeper in keepers:
                keeper.finish()
            check_promises(zoo, keepers)
            check_end(zoo)
            print(f"{len(zoo.starts())} runners started; all at rest {time.monotonic() - begun - elapsed:.0f} s later")
        finally:
            for keeper in keepers:
                keeper.close()


def check_promises(zoo: DeployedZoo, keepers: list[Keeper]) -> None:
    """Waits until everything is at rest and compares it with what was acknowledged."""
    deadline = time.monotonic() + QUIET_S
    with Zookeeper(zoo.url) as client:
        until(lambda: serves(client))
        check_names(client, keepers)
        for keeper in keepers:
            for promise in keeper.promises.values():
                info = promise.check(client, max(1.0, deadline - time.monotonic()))
                if info is not None and info.phase not in FINAL_PHASES:
                    living = {(start.instance_id, start.attempt) for start in zoo.runners()}
                    assert (info.id, info.attempt) in living, info
    assert not zoo.doubles()


def check_end(zoo: DeployedZoo) -> None:
    """Ends everything: then no runner, no job and no place under a limit is left, and all objects are of attempts."""
    with Zookeeper(zoo.url) as client:
        for row in client.instances():
            if row.phase not in FINAL_PHASES:
                client.instance(row.id).terminate()
        until(lambda: all(row.phase in FINAL_PHASES for row in client.instances()), QUIET_S)
        attempts = {row.id: client.instance(row.id).info.attempt for row in client.instances()}
        check_checkpoints(zoo, client)
    until(lambda: not zoo.runners(), QUIET_S)
    until(lambda: not list((zoo.state_dir / "jobs").glob("*.json")), QUIET_S)
    until(lambda: not any(zoo.members(name) for name in ("models", "environments")), QUIET_S)
    assert not zoo.doubles()
    for start in zoo.starts():
        assert start.attempt <= attempts.get(start.instance_id, start.attempt)
    for found in zoo.bucket.list("runs/"):
        _, instance_id, attempt, _ = found.name.split("/", 3)
        assert (instance_id, int(attempt)) in {(start.instance_id, start.attempt) for start in zoo.starts()}


def check_checkpoints(zoo: DeployedZoo, client: Zookeeper) -> None:
    """What runners have saved when they had to leave is whole, wherever it says that it is."""
    repository = Repository(zoo.bucket, client.model("Walker").id)
    whole = {repository.verify(tag).id for tag in repository}
    listed = {row.id for row in client.checkpoints("Walker")}
    print(f"{len(whole)} checkpoints are whole, {len(listed)} of them listed")
    assert listed <= whole


def serves(client: Zookeeper) -> bool:
    try:
        return bool(client.server())
    except Transient:
        return False
