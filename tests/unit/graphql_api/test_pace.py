"""How often a stream may speak."""

from __future__ import annotations

from graphql_api.pace import Pace
from hypothesis import given
from hypothesis import strategies as st


def test_what_comes_alone_goes_out_at_once() -> None:
    """An event as late as the rate allows never waits, also one a little early."""
    pace = Pace(30, 3, 0.0)
    assert [pace.wait_s(at / 30) for at in range(10)] == [0.0] * 10
    assert pace.wait_s(9.5 / 30) == 0


@given(gaps=st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_the_rate_holds_in_the_long_run(gaps: list[float]) -> None:
    """Whoever waits as told speaks at most burst + rate x time often."""
    now = 0.0
    pace = Pace(30, 3, now)
    for spoken, gap in enumerate(gaps, 1):
        now += gap
        now += pace.wait_s(now)
        assert spoken <= 3 + 30 * now + 1e-6
