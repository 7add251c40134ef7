"""What people are shown of exceptions in their own code."""

from __future__ import annotations

import pytest
from ainimal_zookeeper.domain.errors import AInimalFault
from zookeeper_runner.fault import fault_of


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no text today")


def test_an_exception_without_a_text_is_shown_by_its_kind_and_place() -> None:
    """What fails while an error is described never hides which error it was, and where."""
    with pytest.raises(Mute) as caught:
        raise Mute
    fault = fault_of(caught.value, AInimalFault)
    assert fault.message.startswith("Mute: (its text cannot be made), in test_an_exception")
    assert "in test_an_exception" in (fault.traceback or "")
