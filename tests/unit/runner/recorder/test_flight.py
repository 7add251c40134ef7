"""The flight recorder: bounded, off where it would cost, and what it remembers is what ran."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import InvalidTransition
from ainimal_zookeeper.recording import Recording
from zookeeper_runner.arrows import Arrows
from zookeeper_runner.recorder.flight import BYTES, FlightRing, FlightSettings, uploads_of, write

from tests.fakes.recorder import WAIT_S, FakeBucket, session, signal, sources

SIGNALS = [signal("inputs.seen"), signal("action", "SCALAR"), signal("env.reward", "SCALAR")]


class Flight:
    """An instance that makes steps of `step_s`, as the flight recorder sees it."""

    def __init__(self, settings: FlightSettings | None = None, step_s: float = 0.001, size: int = 4) -> None:
        self.session, self.arrows, self.now = session(), Arrows(), 0.0
        self.step_s, self.size = step_s, size
        settings = settings or FlightSettings()
        self.ring = FlightRing(settings, self.session, self.arrows, sources(), clock=lambda: self.now)

    def fly(self, steps: int) -> None:
        """Makes steps; between each hundred it is looked at."""
        for _ in range(steps):
            self.session.counters.step += 1
            self.now += self.step_s
            step = self.session.counters.step
            for sink in self.arrows.sinks:
                seen = np.full(self.size, step, np.float32)
                over = step % 50 == 30
                sink.took({"seen": seen}, None, step % 3, step / 2, over, False, {"seen": seen + 0.5} if over else None)
            if step % 100 == 0:
                self.ring.look(SIGNALS)


def test_long_steps_are_remembered_and_quick_ones_are_not() -> None:
    """And it is said why not, and how that is changed."""
    long, quick = Flight(), Flight(step_s=1e-5)
    long.fly(2_000)
    quick.fly(60_000)
    assert long.ring.active
    assert long.ring.why_off is None
    assert not quick.ring.active
    assert quick.arrows.plain
    assert quick.ring.why_off is not None
    assert "10 us" in quick.ring.why_off
    assert "flight_seconds" in quick.ring.why_off
    with pytest.raises(InvalidTransition, match="flight_seconds"):
        quick.ring.last(5)


def test_settings_decide() -> None:
    """Seconds that are given hold for quick steps as well; none switch it off."""
    wanted = Flight(FlightSettings.from_launch({"seconds": 5}), step_s=1e-5)
    off = Flight(FlightSettings.from_launch({"seconds": 0}))
    for flight in (wanted, off):
        flight.fly(2_000)
    assert wanted.ring.active
    assert not off.ring.active
    assert "switched off" in (off.ring.why_off or "")
    assert FlightSettings.from_launch(None) == FlightSettings.from_launch({"seconds": None}) == FlightSettings()


def test_it_is_bounded_by_bytes() -> None:
    """However large the values are."""
    flight = Flight(FlightSettings(max_bytes=1 << 20, always=True), size=20_000)
    flight.fly(400)
    assert 0 < flight.ring.size_bytes <= 1 << 20
    remembered = flight.ring.last(600).steps
    assert len(remembered) == 13
    assert remembered[-1].step == 400
    assert BYTES == 32 << 20


def test_it_ends_where_steps_become_quick() -> None:
    """What was begun is not given up for a little less, so that it does not come and go."""
    flight = Flight()
    flight.fly(1_000)
    flight.step_s = 3.5e-4
    flight.fly(15_000)
    assert flight.ring.size_bytes > 0
    flight.step_s = 1e-5
    flight.fly(60_000)
    assert flight.ring.size_bytes == 0
    assert flight.arrows.plain


def test_what_it_remembers_becomes_a_recording(tmp_path: Path) -> None:
    """Values, flags, timelines, and what happened."""
    flight = Flight(FlightSettings(always=True))
    flight.fly(200)
    flight.ring.event("mode", {"training": True, "inference": True})
    flight.session.timeline = 2
    flight.session.counters.step = 150
    flight.fly(20)
    bucket = FakeBucket(tmp_path)
    bucket.come_back()
    remembered = flight.ring.last(600)
    uploads = uploads_of("rec_1", remembered, bucket)
    write(remembered, uploads)
    assert uploads.wait(WAIT_S)
    assert "failure" not in bucket.end
    assert bucket.told[0]["begun"] == {"signals": ["inputs.seen", "action", "env.reward"], "step": 101, "timeline": 1}
    read = Recording.open(bucket.manifest())
    steps, timelines, times, seen = read.read("inputs.seen", 0, 1_000)
    assert list(zip(steps.tolist(), timelines.tolist(), strict=True)) == [
        *((step, 1) for step in range(101, 201)),
        *((step, 2) for step in range(151, 171)),
    ]
    assert np.array_equal(np.asarray(seen)[:, 0], steps)
    assert np.all(np.diff(times) >= 0)
    steps, _, _, last = read.read("final_inputs.seen", 0, 1_000)
    assert list(zip(steps, np.asarray(last)[:, 0], strict=True)) == [(130, 130.5), (180, 180.5)]
    assert [event["kind"] for event in read.events] == ["mode"]
    read.close()


def test_value_that_cannot_be_read_ends_it_and_not_the_instance() -> None:
    """It says why when somebody asks."""
    flight = Flight(FlightSettings(always=True))

    def fails(_path: str) -> Any:
        raise ValueError("no such thing")

    flight.ring = FlightRing(FlightSettings(always=True), flight.session, flight.arrows, sources(tapped=fails))
    flight.ring.look([signal("state.x")])
    flight.fly(3)
    assert flight.arrows.plain
    with pytest.raises(InvalidTransition, match="no such thing"):
        flight.ring.last(5)
