"""A process that has gone back: the document follows it, once."""

from __future__ import annotations

from typing import Any

import pytest
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import InstanceDoc, RestoreAnswer
from ainimal_zookeeper.domain.errors import InvalidInput

from tests.fakes import zoo
from tests.unit.domain.test_lifecycle_machine import START, checkpoint, going_back

DONE: RestoreAnswer = {"id": "res_1", "timeline": 2, "failure": None}
POINT = checkpoint("ins_9", 4, 5)


@pytest.fixture
def going() -> InstanceDoc:
    """An instance that runs, and was asked to go back."""
    claimed = lifecycle.claim(zoo.instance(START), 1, START)
    said: Any = {"phase": "RUNNING", "restorable": True}
    return lifecycle.restore(lifecycle.report(claimed, 1, said, START), going_back(1, POINT), START)


def test_the_next_timeline_begins_in_the_same_attempt(going: InstanceDoc) -> None:
    """With the checkpoint that was asked for; telling it again changes nothing."""
    gone = lifecycle.restored(going, 1, DONE)

    assert (gone["attempt"], gone["timeline"], gone["status"]["checkpoint"]) == (1, 2, POINT)
    assert lifecycle.pending_restore(gone) is None
    assert lifecycle.restored(gone, 1, DONE) == gone


def test_who_could_not_go_back_stays_where_it_is(going: InstanceDoc) -> None:
    """On its timeline, with what it would start from, and nobody waits."""
    failure = {"code": "DATA_CORRUPT", "message": "other bytes"}
    stays = lifecycle.restored(going, 1, {"id": "res_1", "timeline": None, "failure": failure})

    assert (stays["timeline"], stays["status"]["checkpoint"]) == (1, going["status"]["checkpoint"])
    assert lifecycle.pending_restore(stays) is None


def test_no_timeline_is_left_out(going: InstanceDoc) -> None:
    """A runner that has begun another than the next is refused."""
    with pytest.raises(InvalidInput, match="the next timeline of ins_1 is 2, not 3"):
        lifecycle.restored(going, 1, {**DONE, "timeline": 3})
