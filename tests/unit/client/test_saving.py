"""The Python client: an instance that is held or ended is saved before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain import errors

from tests.fakes.zoo_api import FakeZoo, checkpoint_row, instance_row, model_row, naps

STILL = {"code": "UNAVAILABLE", "message": "still saving", "retryAfterSeconds": 1.0}
BROKEN = {"code": "AINIMAL_FAULT", "message": "save raised ValueError"}


@pytest.fixture
def fake() -> FakeZoo:
    fake = FakeZoo()
    fake.models = [model_row("Painter")]
    fake.instances = [instance_row("Rex")]
    fake.checkpoints = [checkpoint_row("calm", 20)]
    return fake


@pytest.fixture
def sleeps() -> list[float]:
    return []


@pytest.fixture
def zoo(fake: FakeZoo, sleeps: list[float]) -> Iterator[Zookeeper]:
    with Zookeeper("http://zoo.test", transport=fake.transport, sleep=naps(sleeps)) as zoo:
        yield zoo


def asked(fake: FakeZoo) -> list[str]:
    return [name for name, _given in fake.asked]


@pytest.mark.parametrize(("save", "tag"), [(True, None), ("calm", "calm")])
def test_it_is_held_and_saved_as_it_is_held(zoo: Zookeeper, fake: FakeZoo, save: bool | str, tag: str | None) -> None:
    """Nothing happens between the two; the handle has the checkpoint."""
    instance = zoo["Rex"]
    assert instance.pause(save=save) is instance
    assert asked(fake) == ["instancePause", "checkpointSave"]
    assert fake.asked[1][1].get("tag") == tag
    assert instance.saved is not None
    assert (instance.saved.tag, instance.saved.model) == ("calm", "Painter")


def test_it_ends_once_it_is_saved(zoo: Zookeeper, fake: FakeZoo) -> None:
    """What is saved is what it ended as."""
    assert zoo["Rex"].terminate(save="last").saved is not None
    assert asked(fake) == ["instancePause", "checkpointSave", "instanceTerminate"]


def test_without_it_nothing_is_saved(zoo: Zookeeper, fake: FakeZoo) -> None:
    """As ever."""
    assert zoo["Rex"].pause().terminate().saved is None
    assert asked(fake) == ["instancePause", "instanceTerminate"]


@pytest.mark.parametrize("desired", ["RUNNING", "PAUSED"])
def test_what_cannot_be_saved_does_not_end(zoo: Zookeeper, fake: FakeZoo, desired: str) -> None:
    """It goes on, if it did before; the error says why, and that it lives."""
    instance = zoo["Rex"]
    fake.instances[0]["desiredPhase"] = desired  # since somebody else has asked
    fake.not_saved = [BROKEN]
    with pytest.raises(errors.AInimalFault, match="save raised ValueError; it is not terminated"):
        instance.terminate(save=True)
    resumed = ["instanceResume"] if desired == "RUNNING" else []
    assert asked(fake) == ["instancePause", "checkpointSave", *resumed]
    assert instance.saved is None


def test_what_has_ended_meanwhile_says_why_it_was_not_saved(zoo: Zookeeper, fake: FakeZoo) -> None:
    """Not that it cannot go on."""
    fake.not_saved = [BROKEN]
    refused = {"code": "INVALID_TRANSITION", "message": "instance ins_rex is FAILED"}
    fake.refusals = {"instanceResume": [refused]}
    with pytest.raises(errors.AInimalFault, match="it is not terminated"):
        zoo["Rex"].terminate(save=True)
    assert asked(fake)[-1] == "instanceResume"


@pytest.mark.parametrize("mutation", ["pause", "terminate"])
def test_what_stops_already_is_not_touched(zoo: Zookeeper, fake: FakeZoo, mutation: str) -> None:
    """The zoo's refusal comes as it is."""
    fake.refusals = {"instancePause": [{"code": "INVALID_TRANSITION", "message": "instance ins_rex is stopping"}]}
    with pytest.raises(errors.InvalidTransition, match=r"^instance ins_rex is stopping$"):
        getattr(zoo["Rex"], mutation)(save=True)
    assert asked(fake) == ["instancePause"]


def test_what_is_held_stays_so_unsaved(zoo: Zookeeper, fake: FakeZoo) -> None:
    """Half of what was asked is done, and the error says which half."""
    fake.not_saved = [{"code": "ALREADY_EXISTS", "message": "there is a tag calm already"}]
    with pytest.raises(errors.AlreadyExists, match="there is a tag calm already; it is paused all the same"):
        zoo["Rex"].pause(save="calm")
    assert asked(fake) == ["instancePause", "checkpointSave"]


def test_a_save_that_takes_long_is_waited_for(zoo: Zookeeper, fake: FakeZoo, sleeps: list[float]) -> None:
    """The same save is asked for again, and no other is made."""
    fake.not_saved = [STILL, STILL]
    zoo["Rex"].terminate(save=True)
    saves = [given for name, given in fake.asked if name == "checkpointSave"]
    assert len({given["commandId"] for given in saves}) == 1
    assert (len(saves), sleeps) == (3, [1.0, 1.0])
    assert asked(fake)[-1] == "instanceTerminate"


def test_a_save_that_takes_for_ever_is_given_up(zoo: Zookeeper, fake: FakeZoo) -> None:
    """And it goes on."""
    fake.not_saved = [STILL] * 100
    with pytest.raises(errors.Transient, match="still saving; it is not terminated"):
        zoo["Rex"].terminate(save=True)
    assert asked(fake)[-1] == "instanceResume"
    assert asked(fake).count("checkpointSave") == 21
