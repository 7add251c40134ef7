"""How a zoo goes along with a script: it holds it, saves it, sends it back, and lets it end as it likes."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper import attachment

from tests.fakes.live_client import LiveClient

from .conftest import Attached
from .worlds import Line

Attach = Callable[..., Attached]
Beside = Callable[[Callable[[], Any]], threading.Thread]


def stepping(attached: Attached, beside: Beside, env: Any) -> threading.Thread:
    """Steps an environment in a thread of its own until somebody asks the script to end."""

    def loop() -> None:
        env.reset()
        while not attached.run.stopping:
            if any(env.step(1)[2:4]):
                env.reset()

    return beside(loop)


def logging(attached: Attached, beside: Beside, count: Callable[[int], int | None] = lambda number: number) -> Any:
    """Logs in a thread of its own until somebody asks the script to end."""

    def loop() -> None:
        number = 0
        while not attached.run.stopping:
            number += 1
            attached.run.log({"loss": 1 / number}, count(number))

    return beside(loop)


def test_a_pause_holds_the_script_within_a_step(attach: Attach, beside: Beside) -> None:
    """It makes as many steps as it is granted, and goes on when it is resumed."""
    attached, inner = attach(), Line()
    env = attached.run.env(inner)
    loop = stepping(attached, beside, env)
    attached.link.phase("ins_1", "RUNNING")
    held = attached.followed(attached.desire("PAUSED"))
    granted = attached.followed(attached.desire("PAUSED", steps=3))
    attached.link.until("ins_1", lambda said: said[-1]["report"]["stats"]["step"] == held["stats"]["step"] + 3)
    made = len(inner.done)
    assert (held["phase"], granted["phase"]) == ("PAUSED", "PAUSED")
    assert made == held["stats"]["step"] + 3
    attached.followed(attached.desire())
    attached.link.until("ins_1", lambda said: said[-1]["report"]["stats"]["step"] > made)
    attached.desire("TERMINATED")
    loop.join(20)

    assert not loop.is_alive()


def test_without_an_environment_a_pause_holds_the_script_where_it_logs(attach: Attach, beside: Beside) -> None:
    """Its steps are those that it logs; they are what a chart shows."""
    attached = attach()
    loop = logging(attached, beside, lambda number: 10 * number)
    attached.link.phase("ins_1", "RUNNING")
    held = attached.followed(attached.desire("PAUSED"))
    assert (held["phase"], held["stats"]["step"] % 10) == ("PAUSED", 0)
    attached.followed(attached.desire())
    attached.desire("TERMINATED")
    loop.join(20)
    attached.run.close()

    (series,) = attached.link.reports["ins_1"][-1]["series"]
    assert series["path"] == "metrics.loss"
    assert sum(series["counts"]) * 10 == series["steps"][-1]


def test_a_script_that_is_asked_to_end_ends_when_it_likes(attach: Attach) -> None:
    """Until it does it is stopping, and whatever it still does is seen."""
    attached = attach()
    run = attached.run
    env = run.env(Line(length=1000))
    env.reset()
    env.step(1)
    attached.desire("TERMINATED")
    while not run.stopping:
        env.step(1)
    before = run._companion._session.counters.step
    env.step(1)
    run.log({"late": 1.0})
    run.close()
    last = attached.link.reports["ins_1"][-1]

    assert (last["report"]["phase"], last["report"]["stats"]["step"]) == ("TERMINATED", before + 1)


def test_a_script_that_fails_is_told_of_with_its_traceback(attach: Attach) -> None:
    """As `with` sees it, and the hook for what nobody has caught."""
    attached = attach()
    with pytest.raises(ZeroDivisionError), attached.run as run:
        run.log({"loss": 1 / 0})
    last = attached.link.reports["ins_1"][-1]["report"]

    assert (last["phase"], last["failure"]["code"]) == ("FAILED", "AINIMAL_FAULT")
    assert "ZeroDivisionError" in last["failure"]["message"]
    assert "run.log" in last["failure"]["traceback"]


def test_an_interrupt_is_no_failure(attach: Attach) -> None:
    """Whoever presses Ctrl-C has ended the script."""
    attached = attach()
    with pytest.raises(KeyboardInterrupt), attached.run:
        raise KeyboardInterrupt

    assert attached.link.reports["ins_1"][-1]["report"]["phase"] == "TERMINATED"


def test_a_script_goes_on_alone_when_the_zoo_will_have_it_no_more(
    attach: Attach, caplog: pytest.LogCaptureFixture
) -> None:
    """It is warned once, and its steps are its own."""
    attached, inner = attach(), Line(length=1_000_000)
    env = attached.run.env(inner)
    env.reset()
    env.step(1)
    attached.link.fenced.add("ins_1")
    while attached.run._companion.present:
        env.step(1)
    made = len(inner.done)
    for _ in range(3):
        env.step(2)
    attached.run.log({"loss": 1.0})

    assert inner.done[made:] == [2, 2, 2]
    assert [each.message.startswith("this script goes on without the zoo") for each in caplog.records] == [True]


def test_a_failure_of_the_zoo_itself_does_not_reach_the_script(
    attach: Attach, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever stands at its steps may break: the script makes them all the same."""

    class Broken:
        active = True

        def took(self, *_: Any) -> None:
            raise RuntimeError("the recorder is broken")

        def began(self) -> None:
            raise RuntimeError("the recorder is broken")

    attached, inner = attach(), Line()
    env = attached.run.env(inner)
    attached.run._companion._arrows.sinks.append(Broken())
    env.reset()
    env.step(2)
    env.step(1)

    assert inner.done == [2, 1]
    assert "the recorder is broken" in caplog.text


def test_it_is_saved_and_sent_back_by_its_own_functions(attach: Attach, beside: Beside, tmp_path: Path) -> None:
    """`save` and `load` are called between two steps, with a folder; then the next timeline begins."""
    attached = attach()
    weights = np.arange(3.0)

    def save(folder: str) -> None:
        np.save(f"{folder}/weights.npy", weights)

    def load(folder: str) -> None:
        weights[:] = np.load(f"{folder}/weights.npy")

    env = attached.run.env(Line(length=50))
    attached.run.checkpoints(save, load)
    stepping(attached, beside, env)
    attached.link.phase("ins_1", "RUNNING")
    attached.desire(save={"id": "sav_1", "tag": None, "authorId": None})
    (saved,) = attached.link.until("ins_1", lambda _: attached.link.saves("ins_1"))
    weights += 5
    point = saved["checkpoint"]
    bytes_of_it = attached.link.objects[point["object"]]
    attached.link.granted["res_1"] = {
        **attached.link.point("again.zip", bytes_of_it, point["step"], point["episode"]), "timeline": 1,
    }  # fmt: skip
    request: Any = {"id": "res_1", "tag": "calm", "authorId": None, "point": {}}
    attached.desire(restore=request)
    (restored,) = attached.link.until("ins_1", lambda _: attached.link.restored("ins_1"))
    attached.desire("TERMINATED")

    assert restored == {"id": "res_1", "timeline": 1}
    assert weights.tolist() == [0.0, 1.0, 2.0]
    assert any(each["report"].get("restorable") for each in attached.link.reports["ins_1"])


@pytest.mark.parametrize("hopeless", [False, True])
def test_a_checkpoint_that_the_script_cannot_load(attach: Attach, beside: Beside, *, hopeless: bool) -> None:
    """It stays what it was, by its own save and load; where these fail as well, the script gets its own exception."""
    attached = attach()
    held: dict[str, Any] = {"weights": 1, "loads": 0}

    def save(folder: str) -> None:
        Path(folder, "weights").write_text(str(held["weights"]))

    def load(folder: str) -> None:
        held["loads"] += 1
        held["weights"] = None
        if hopeless or held["loads"] == 1:
            raise LookupError("there is no such layer")
        held["weights"] = int(Path(folder, "weights").read_text())

    attached.run.checkpoints(save, load)
    raised: list[BaseException] = []

    def loop() -> None:
        number = 0
        try:
            while not attached.run.stopping:
                number += 1
                attached.run.log({}, number)
        except LookupError as error:
            raised.append(error)

    thread = beside(loop)
    attached.link.phase("ins_1", "RUNNING")
    attached.desire(save={"id": "sav_1", "tag": None, "authorId": None})
    (saved,) = attached.link.until("ins_1", lambda _: attached.link.saves("ins_1"))
    data = attached.link.objects[saved["checkpoint"]["object"]]
    attached.link.granted["res_1"] = {**attached.link.point("again.zip", data, 3, 0), "timeline": 1}
    request: Any = {"id": "res_1", "tag": "calm", "authorId": None, "point": {}}
    attached.desire(restore=request)
    (restored,) = attached.link.until("ins_1", lambda _: attached.link.restored("ins_1"))
    if hopeless:
        failed = attached.link.phase("ins_1", "FAILED")
        thread.join(20)

        assert "no such layer" in failed["failure"]["message"]
        assert [str(each) for each in raised] == ["there is no such layer"]
        return
    attached.desire("TERMINATED")
    thread.join(20)

    assert (held["weights"], raised) == (1, [])
    assert "it is what it was" in restored["message"]


def test_a_script_without_a_save_says_so(attach: Attach, beside: Beside) -> None:
    """Nothing of it is copied by the zoo, which could not put all of it back."""
    attached = attach()
    logging(attached, beside)
    attached.link.phase("ins_1", "RUNNING")
    attached.desire(save={"id": "sav_1", "tag": None, "authorId": None})
    (saved,) = attached.link.until("ins_1", lambda _: attached.link.saves("ins_1"))
    attached.desire("TERMINATED")

    assert saved["save"]["code"] == "INVALID_TRANSITION"


def test_the_arrays_that_a_function_returns_are_shown(attach: Attach, beside: Beside) -> None:
    """By their paths, as they are between two steps; also where the script gives them late."""
    attached = attach()
    values = {"layer": {"kernel": np.ones((2, 2), np.float32)}, "scale": 3.0}
    logging(attached, beside)
    attached.link.phase("ins_1", "RUNNING")
    attached.run.watch(lambda: values)
    manifest = attached.link.until(
        "ins_1",
        lambda said: next((each["manifest"] for each in said if "state.scale" in str(each.get("manifest"))), None),
    )
    assert {"state.layer.kernel", "state.scale"} <= {each["path"] for each in manifest["signals"]}
    client = LiveClient(
        attached.run._companion._session.live_address or "", attached.link.launches["ins_1"]["liveToken"]
    )
    client.watch(1, "state.layer.kernel", maxRate=5)
    shown = np.frombuffer(client.value(1)["payload"], np.float32)
    client.close()
    attached.desire("TERMINATED")

    assert shown.tolist() == [1.0, 1.0, 1.0, 1.0]


def test_what_cannot_be_watched_or_logged_is_warned_of(attach: Attach, caplog: pytest.LogCaptureFixture) -> None:
    """And changes nothing for the script."""
    run = attach().run
    run.watch(dict)
    run.watch(dict)
    assert run.watch("weights") == "weights"
    run.log({"name": "no number"})
    messages = [record.message for record in caplog.records]

    assert ["already" in messages[0], "not str" in messages[1], "is not logged" in messages[2]] == [True] * 3


def test_a_forked_process_has_no_place_in_the_zoo(attach: Attach) -> None:
    """Workers of data loaders are copies of the script, and step alone."""
    attached = attach()
    env = attached.run.env(Line())
    env.reset()
    env.step(1)
    child = os.fork()
    if child == 0:
        attached.run.close()
        env.step(1)
        os._exit(0 if not attached.run._companion.present else 1)
    _, status = os.waitpid(child, 0)
    env.step(1)

    assert (status, attached.run._companion._session.counters.step) == (0, 2)


def test_what_goes_to_another_process_has_no_place_in_the_zoo_there(attach: Attach) -> None:
    """A run becomes one without a zoo, an environment the one within it."""
    attached = attach()
    env = attached.run.env(Line())
    there, inner = pickle.loads(pickle.dumps((attached.run, env)))  # noqa: S301 - ours

    assert (type(there), type(inner)) == (attachment.Run, Line)


def test_a_rate_is_held_between_steps(attach: Attach) -> None:
    """From the next step on the script makes as many in a second as are asked for."""
    attached = attach()
    env = attached.run.env(Line(length=1_000_000))
    env.reset()
    generation = attached.desire(rate=100.0)
    session = attached.run._companion._session
    while session.report()["observedGeneration"] < generation:
        env.step(1)
    begun = time.monotonic()
    for _ in range(30):
        env.step(1)

    assert time.monotonic() - begun > 0.2
