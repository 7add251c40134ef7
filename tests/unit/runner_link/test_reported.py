"""What a runner may say of its instance."""

from __future__ import annotations

import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from runner_link.requests import reported


def test_whether_it_learns_is_yes_or_no() -> None:
    """Anything else is refused with the path to it."""
    assert reported({"sequence": 1, "report": {"trainable": False}}).report["trainable"] is False
    with pytest.raises(InvalidInput) as caught:
        reported({"sequence": 1, "report": {"trainable": "no"}})
    assert caught.value.path == ("report", "trainable")


def test_the_end_of_a_lease_and_what_became_of_it_are_told() -> None:
    """A runner says which lease has lapsed, and tells events of who drives."""
    said = {"control": {"id": "ctl_1", "ended": "LAPSED"}}
    told = {"kind": "CONTROL", "message": "ada is silent for 0.5 s: the model acts", "step": 7}
    taken = reported({"sequence": 1, "report": said, "events": [told]})
    assert taken.report["control"] == said["control"]
    assert [(each.kind, each.step) for each in taken.events] == [("CONTROL", 7)]
