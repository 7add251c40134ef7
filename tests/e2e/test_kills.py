"""Kill -9 at any moment, of anything: what was acknowledged stays, and everything ends up where it should be."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import pytest
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain.documents import FINAL_PHASES
from ainimal_zookeeper.domain.errors import NotFound

from tests.e2e.hosting import HostedZoo, furnish, until
from tests.e2e.promises import FILES, ZOO, Keeper, check_names

ROUNDS = 20
BUDGET_S = 30.0  # a busy machine makes fewer rounds
BLOWS = ("runner", "runner", "host", "host and runner", "host, and again while it starts")


def runners(links: set[str]) -> dict[psutil.Process, tuple[str, str]]:
    """Returns the runner processes of the zoo at `links`, each with its instance and attempt."""
    seen = {process: _variables(process) for process in psutil.process_iter()}
    return {
        process: (variables["ZOO_INSTANCE"], variables["ZOO_ATTEMPT"])
        for process, variables in seen.items()
        if variables.get("ZOO_LINK") in links
    }


def _variables(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ() if "zookeeper_runner" in process.cmdline() else {}
    except psutil.Error:
        return {}


class Target:
    """A zoo that is hit and opened again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.zoo = HostedZoo(folder)
        self.links = {f"{self.zoo.url}/runner"}

    def kill_host(self) -> None:
        self.zoo.process.kill()
        self.zoo.process.wait()

    def kill_runner(self, random: Random) -> tuple[str, int] | None:
        """Returns the instance and the attempt whose runner it was."""
        living = sorted(runners(self.links).items(), key=lambda found: found[0].pid)
        if not living:
            return None
        process, (instance_id, attempt) = random.choice(living)
        process.kill()
        return instance_id, int(attempt)

    def await_notice(self, instance_id: str, attempt: int) -> None:
        """Returns when the zoo has seen that this attempt is gone."""
        with Zookeeper(self.zoo.url) as zoo, suppress(NotFound):  # it may have been deleted meanwhile
            instance = zoo.instance(instance_id)
            until(lambda: instance.refresh().ended or instance.info.attempt > attempt, timeout_s=15)

    def open(self) -> str:
        self.zoo = HostedZoo(self._folder)
        self.links.add(f"{self.zoo.url}/runner")
        return self.zoo.url

    def open_and_kill(self, random: Random) -> None:
        """Kills the host somewhere in its start, at the latest when it serves."""
        self.zoo = HostedZoo(self._folder)
        started = psutil.Process(self.zoo.process.pid)
        cpu_s = random.uniform(0.0, 1.2)
        until(lambda: sum(started.cpu_times()[:2]) >= cpu_s or "is open at" in self.zoo.output)
        self.kill_host()


@pytest.mark.parametrize("seed", [20])
def test_nothing_acknowledged_is_lost_whatever_is_killed(tmp_path: Path, seed: int) -> None:
    """Each instance is where it was asked to be, or has ended with a reason; no attempt runs twice; nothing stays."""
    random = Random(seed)
    furnish(tmp_path, ZOO, FILES)
    target = Target(tmp_path)
    keeper = Keeper(target.zoo.url, Random(seed + 1))
    try:
        begun = time.monotonic()
        for _ in range(ROUNDS):
            if time.monotonic() - begun > BUDGET_S:
                break
            assert keeper.await_answers(random.randint(1, 5))
            blow = random.choice(BLOWS)
            if "host" in blow:
                target.kill_host()
                keeper.zoo_is_gone()
            hit = target.kill_runner(random) if "runner" in blow else None
            if hit is not None and blow == "runner":
                target.await_notice(*hit)
            if "again" in blow:
                target.open_and_kill(random)
            if "host" in blow:
                keeper.zoo_is_at(target.open())
            attempts = Counter(runners(target.links).values())
            assert not [attempt for attempt, count in attempts.items() if count > 1]
        keeper.finish()
        with Zookeeper(target.zoo.url) as zoo:
            check_names(zoo, [keeper])
            for promise in keeper.promises.values():
                info = promise.check(zoo)
                if info is not None and info.phase not in FINAL_PHASES:
                    assert (info.id, str(info.attempt)) in runners(target.links).values()
            for row in zoo.instances():
                if row.phase not in FINAL_PHASES:
                    zoo.instance(row.id).terminate()
            until(lambda: all(row.phase in FINAL_PHASES for row in zoo.instances()), timeout_s=20)
        until(lambda: not runners(target.links), timeout_s=15)
        assert target.zoo.stop() == 0
        assert not runners(target.links)
    finally:
        keeper.close()
        target.zoo.close()
        for left in runners(target.links):
            left.kill()
