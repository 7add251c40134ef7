"""Recorder: what is wanted to be recorded of an attempt, begun and ended between two steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ainimal_zookeeper.domain import paths
from ainimal_zookeeper.domain.documents import (
    Desired,
    DesiredPhase,
    Mode,
    OverrideDoc,
    RecordingRequest,
    SaveLastRequest,
    SignalDoc,
)
from ainimal_zookeeper.domain.errors import InvalidInput, Transient, ZookeeperError

from ..arrows import Arrows
from ..fault import first_line
from ..saving import Saver
from ..session import End, Session
from ..signals import Signals
from .flight import FlightRing, FlightSettings, uploads_of, write
from .plan import Sources
from .tape import Tape
from .uploads import Bucket, Uploads

if TYPE_CHECKING:
    from ..taps import Taps

CHECKPOINT_S = 5.0  # a recording waits so long for a state that is on its way, before it begins without one of its own

_OWNER = "recording"  # of the activations that are observed


class Recorder:
    """Meets each request once. Step thread only, but for `finish`.

    taps: those of the model, None without one. overrides: the rules that stand. warn: tells people a sentence.
    """

    def __init__(
        self,
        session: Session,
        signals: Signals,
        arrows: Arrows,
        saver: Saver,
        bucket: Bucket,
        *,
        taps: Callable[[], Taps | None],
        overrides: Callable[[], Sequence[OverrideDoc]],
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._signals = signals
        self._arrows = arrows
        self._saver = saver
        self._bucket = bucket
        self._taps = taps
        self._overrides = overrides
        self._warn = warn
        self._clock = clock
        self._sources = Sources(self._picture, self._tapped, self._metric)
        settings = FlightSettings.from_launch(session.launch.get("flight"))
        self._ring = FlightRing(settings, session, arrows, self._sources, clock=clock)
        self._tape: Tape | None = None
        self._leaving: list[Tape | Uploads] = []  # that are being sent still
        self._asked: RecordingRequest | None = None  # that waits for its beginning
        self._asked_at = 0.0
        self._heard: str | None = None
        self._heard_last: str | None = None
        self._mode: Mode | None = None
        self._trained = 0  # calls of train that were told of
        self._phase: DesiredPhase | None = None
        self._known: Mapping[str, SignalDoc] | None = None
        self._defaults: list[SignalDoc] = []

    def heed(self, desired: Desired) -> None:
        """Begins and ends what is asked for. Comes between two steps, when what is desired holds."""
        self._follow_mode(desired["mode"])
        self._follow_phase(desired["phase"])
        request = desired.get("recording")
        wanted = None if request is None else request["id"]
        if self._tape is not None and (not self._tape.look() or self._tape.id != wanted):
            self._stop()
        if self._leaving:
            self._leaving = [one for one in self._leaving if not one.wait(0)]
        if self._asked is not None and self._asked["id"] != wanted:
            self._asked = None
        if request is not None and wanted != self._heard:
            self._heard, self._asked, self._asked_at = wanted, request, self._clock()
        if self._asked is not None:
            self._begin(self._asked)
        self._ring.look(self._usual())
        last = desired.get("saveLast")
        if last is not None and last["id"] != self._heard_last:
            self._heard_last = last["id"]
            self._keep_last(last)

    def overridden(self, kind: str, data: Mapping[str, Any]) -> None:
        """A rule begins to stand, or ends: "override" or "override.ended"."""
        self._happened(kind, data)

    def stop(self) -> None:
        """Takes no more steps: the attempt ends."""
        self._asked = None
        if self._tape is not None:
            self._stop()

    def finish(self, patience_s: float) -> None:
        """Waits until what was recorded has arrived; what has not is found by the zoo later. In any thread."""
        self.stop()
        until = time.monotonic() + patience_s
        for one in self._leaving:
            if self._session.ending is End.FENCED or not one.wait(until - time.monotonic()):
                one.abandon()

    # --- a recording on request --------------------------------------------------------------------------------------

    def _begin(self, request: RecordingRequest) -> None:
        """Begins once the signals are known, and with a checkpoint where there can be one."""
        catalogue = self._signals.catalogue
        if catalogue is None:
            return
        late = self._clock() - self._asked_at > CHECKPOINT_S
        if self._saver.lacking is None and self._saver.busy and not late:
            return
        self._asked = None
        self._tell_learnt()
        try:
            tape = self._make(request["id"], _chosen(request["signals"], catalogue))
        except Exception as error:  # noqa: BLE001 - whoever asked is told, whatever it is
            self._fail(request["id"], error)
            return
        if self._saver.lacking is not None:
            self._warn(f"the recording {request['id']} begins without a checkpoint: {self._saver.lacking}")
        elif not self._saver.save_for_recording(request["id"]):
            self._warn(f"the recording {request['id']} begins without a checkpoint: another one was still being sent")
        self._tape = tape
        self._arrows.sinks.append(tape)
        if self._mode is not None:
            tape.event("mode", self._mode)
        for document in self._overrides():
            tape.event("override", {**document})

    def _make(self, recording_id: str, signals: list[SignalDoc]) -> Tape:
        if not signals:
            raise InvalidInput("none of its signals is called so; list them")
        names = [signal["path"] for signal in signals]
        weights = [path for path in names if path.startswith("weights.")]
        activations = frozenset(path for path in names if path.startswith("activations."))
        taps = self._taps() if weights or activations or any(path.startswith("state.") for path in names) else None
        if taps is not None:
            taps.observe(_OWNER, activations)
        read = None if taps is None or not weights else lambda: _tensors(taps, weights)
        try:
            return Tape(
                recording_id,
                signals,
                self._session,
                self._arrows,
                self._bucket,
                self._sources,
                read,
                self._warn,
                self._clock,
            )
        except BaseException:
            if taps is not None:
                taps.observe(_OWNER, frozenset())
            raise

    def _stop(self) -> None:
        tape, self._tape = self._tape, None
        if tape is None:
            return
        self._tell_learnt(tape)
        tape.stop()
        self._leaving.append(tape)
        taps = self._signals.taps
        if taps is not None:
            taps.observe(_OWNER, frozenset())

    def _fail(self, recording_id: str, error: BaseException) -> None:
        """Tells whoever asked that there is no recording."""
        code = error.code if isinstance(error, ZookeeperError) else Transient.code
        message = str(error) if isinstance(error, ZookeeperError) else first_line(error)
        uploads = Uploads(recording_id, self._bucket, None)
        uploads.seal({"code": code, "message": message})
        uploads.start()
        self._leaving.append(uploads)

    # --- the last seconds --------------------------------------------------------------------------------------------

    def _keep_last(self, request: SaveLastRequest) -> None:
        try:
            remembered = self._ring.last(request["seconds"])
        except ZookeeperError as error:
            self._fail(request["id"], error)
            return
        uploads = uploads_of(request["id"], remembered, self._bucket)
        self._leaving.append(uploads)
        threading.Thread(target=write, args=(remembered, uploads), name="zoo-save-last", daemon=True).start()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _usual(self) -> list[SignalDoc]:
        """Returns what is recorded unless somebody asks for something else; looked for once in each catalogue."""
        catalogue = self._signals.catalogue
        if catalogue is not None and catalogue is not self._known:
            self._known, self._defaults = catalogue, _chosen(None, catalogue)
        return self._defaults

    def _follow_mode(self, mode: Mode) -> None:
        if mode == self._mode:
            return
        self._tell_learnt()
        self._mode = {"training": mode["training"], "inference": mode["inference"]}
        self._happened("mode", self._mode)

    def _tell_learnt(self, tape: Tape | None = None) -> None:
        """Tells how often it has learnt without acting, since this was told or could not be."""
        calls, self._trained = self._session.counters.trained - self._trained, self._session.counters.trained
        mode = self._mode
        if mode is None or not mode["training"] or mode["inference"] or calls <= 0:
            return
        if tape is None:
            self._happened("learnt", {"calls": calls})
        else:
            tape.event("learnt", {"calls": calls})

    def _follow_phase(self, phase: DesiredPhase) -> None:
        before, self._phase = self._phase, phase
        if before is not None and phase not in {before, "TERMINATED"}:
            self._happened("paused" if phase == "PAUSED" else "resumed", {})

    def _happened(self, kind: str, data: Mapping[str, Any]) -> None:
        if self._tape is not None:
            self._tape.event(kind, data)
        self._ring.event(kind, data)

    def _picture(self) -> Any:
        render = self._signals.render
        return None if render is None else render()

    def _tapped(self, path: str) -> Any:
        taps = self._taps()
        return None if taps is None else taps.read(path)

    def _metric(self, path: str) -> tuple[float, int] | None:
        return self._signals.newest(path)


def _chosen(patterns: list[str] | None, catalogue: Mapping[str, SignalDoc]) -> list[SignalDoc]:
    """Returns the signals that are recorded: those that can be observed."""
    known = [path for path, signal in catalogue.items() if signal["observable"]]
    return [catalogue[path] for path in paths.chosen(paths.RECORDED if patterns is None else patterns, known)]


def _tensors(taps: Taps, weights: list[str]) -> dict[str, Any]:
    import numpy as np

    found = {path.removeprefix("weights."): taps.read(path) for path in weights}
    return {name: np.asarray(value) for name, value in found.items() if value is not None}
