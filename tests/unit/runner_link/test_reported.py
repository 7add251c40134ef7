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
