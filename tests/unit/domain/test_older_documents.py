"""Documents that an older version of the zoo has left in its store."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import InstanceDoc
from ainimal_zookeeper.domain.errors import Conflict

from tests.fakes import zoo

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)


def running() -> InstanceDoc:
    """An instance whose runner outlived the zoo that is replaced: it has claimed without a name."""
    document = lifecycle.claim(zoo.instance(NOW, "ins_a"), 1, NOW)
    del document["status"]["claimedBy"]  # type: ignore[misc]
    return document


def test_a_runner_of_an_older_zoo_keeps_its_instance() -> None:
    """It may claim again, and no other may."""
    document = running()
    assert lifecycle.claim(document, 1, NOW) is document
    with pytest.raises(Conflict, match="another runner has claimed attempt 1"):
        lifecycle.claim(document, 1, NOW, "r2")


def test_what_an_older_zoo_left_ends_as_any_other() -> None:
    """Its runner is gone, and it left no checkpoint."""
    assert lifecycle.recover(running(), NOW, "killed")["status"]["phase"] == "LOST"
