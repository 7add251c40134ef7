"""The runner: one attempt from its claim to its end. The composition root of this deployable."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ainimal_zookeeper.domain.documents import Manifest, OverrideDoc, SignalDoc
from ainimal_zookeeper.domain.errors import AInimalFault, UserCodeFault, ZookeeperError

from .arrows import Arrows
from .bell import Bell
from .console import Console, Lines
from .departure import on_signals
from .driving import Steering
from .fault import fault_of, first_line, user_traceback
from .history import History
from .inference import Inference
from .journal import Journal
from .link import Link
from .live.port import address_of, listen
from .loop import Loop, Ruled
from .manifest import metric_signal, retapped
from .overrides import Overrides
from .recorder import Recorder
from .recorder.uploads import LinkBucket
from .reporting import Reporter
from .restoring import Restorer
from .saving import Saver
from .seats import SeatBoard
from .seeding import Seeder
from .session import End, Leave, Session
from .settings import Settings
from .signals import Signals
from .stage import Stage, Surroundings, is_asked, load
from .watchdog import Watchdog

if TYPE_CHECKING:
    from .live.server import LiveServer
    from .overrides.patches import Patches
    from .overrides.rule import Values
    from .replaying.opening import Opened

_EXIT = {
    End.ASKED: 0, End.DONE: 0, End.REPLAYED: 0, End.SIGNAL: 0, End.FAULT: 1, End.SPOILT: 1, End.FENCED: 3,
    End.ORPHANED: 4,
}  # fmt: skip
_WITHOUT = "it leaves without a checkpoint"
_LIVE_AFTER_S = 5.0  # its libraries take a tenth of a second of the interpreter that is busy importing the author's
_DESCRIBE_AFTER_S = 2.0
_LAST_WORDS_S = 1.5
_SWITCH_INTERVAL_S = 0.001  # the default of 5 ms would make each word with another thread wait behind user code


class Runner:
    """Runs one attempt in the calling thread, which must be the main one."""

    def __init__(self, settings: Settings, link: Link, launch: Mapping[str, Any], console: Console) -> None:
        self._settings = settings
        self._console = console
        self._lines: Lines = console.lines
        self._launch = launch
        self._link = link
        self._bell = Bell()
        self._arrows = Arrows()
        self._session = Session(launch, self._bell)
        self._signals = Signals(self._bell)
        self._history = History(self._session.timeline)
        self._journal = Journal(self._session, self._signals, self._history)
        self._reporter = Reporter(self._session, link, self._signals, self._history, self._lines)
        self._watchdog = Watchdog(self._session, threading.get_ident(), self._leave_anyway)
        self._seeder = Seeder(launch.get("seed"))
        self._inference = Inference(self._bell, self._lines.discretion) if is_asked(launch) else None
        self._board = SeatBoard(self._bell) if launch["kind"] == "environment" else None
        self._listening: socket.socket | None = None
        self._live: LiveServer | None = None
        self._live_starts = threading.Lock()
        self._stage: Stage | None = None
        self._described = False
        self._saver: Saver | None = None
        self._restorer: Restorer | None = None
        self._recorder: Recorder | None = None
        self._saves = False
        self._began_at = time.monotonic()
        self._loop: Loop | None = None
        self._steering: Steering | None = None
        self._patches: Patches | None = None

    def run(self) -> int:
        """Returns the exit status."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        session = self._session
        faulthandler.enable(file=self._console.original_stderr)
        on_signals(self._asked_to_leave)
        self._reporter.start()
        self._watchdog.start()
        in_peace = False
        try:
            self._load_and_loop()
        except Leave:
            in_peace = True
        except ZookeeperError as error:
            trace = error.traceback if isinstance(error, UserCodeFault) else None
            self._failed(error.code, str(error), trace)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the zoo is told before the process ends
            self._failed("AINIMAL_FAULT", f"the runner failed: {first_line(error)}", user_traceback(error))
        if self._recorder is not None:
            self._recorder.stop()
        if in_peace:
            self._save()
        self._part()
        return _EXIT[session.ending or End.FAULT]

    # --- from the start to the end -----------------------------------------------------------------------------------

    def _load_and_loop(self) -> None:
        self._open()
        self._seeder.apply()
        stage = load(
            self._launch,
            Surroundings(
                journal=self._journal,
                bell=self._bell,
                inference=self._inference,
                board=self._board,
                enter=self._enter,
                idle=self._idle,
                ask=self._link.desired,
                patience_s=self._session.cadence.orphan_s,
                home=self._settings.home,
                arrows=self._arrows,
            ),
        )
        gc.freeze()  # a full search for garbage in all that was imported, torch for one, takes as long as many steps
        self._compose(stage).run()

    def _open(self) -> None:
        """Takes the live server's port, and sees to it that somebody answers there."""
        self._listening = listen(self._settings.live_host, self._settings.live_port)
        self._session.opened(address_of(self._listening))
        timer = threading.Timer(_LIVE_AFTER_S, self._start_live)
        timer.daemon = True
        timer.start()

    def _compose(self, stage: Stage) -> Loop:
        """Puts around what was loaded all that watches, saves and steers it."""
        session = self._session
        self._stage = stage
        self._signals.render = stage.render
        can = None if stage.agent is None else stage.agent.can
        self._signals.state = None if can is None else can.state
        if stage.agent is not None:
            stage.overrides = Overrides(session, self._arrows, lambda: stage.taps, self._patch)
        if stage.replay is not None:
            self._replay(stage, stage.replay)
        self._saver = Saver(
            stage.agent,
            session,
            self._link,
            tell=partial(self._lines.add, "zoo"),
            seeds=lambda: self._seeder.seeds,
            body=stage.keeps,
            overrides=stage.overrides,
            gate=stage.gate,
        )
        overrides = stage.overrides
        self._recorder = Recorder(
            session,
            self._signals,
            self._arrows,
            self._saver,
            LinkBucket(self._link),
            taps=lambda: stage.taps,
            overrides=lambda: [] if overrides is None else overrides.documents,
            warn=self._warn,
        )
        if overrides is not None:
            overrides.listeners.append(self._recorder.overridden)
        self._restorer = Restorer(
            session,
            self._link,
            self._journal,
            put_back=stage.put_back,
            warn=self._warn,
            tell=partial(self._lines.add, "zoo"),
        )
        session.can_go_back(stage.in_place is None)
        if stage.agent is not None and stage.world is not None and stage.replay is None:
            moment = self._signals.moment
            self._steering = Steering(session, stage.agent, stage.world, lambda: moment.action)
            self._arrows.driving = self._steering
        self._loop = Loop(
            session,
            self._signals,
            self._journal,
            stage.body,
            on_mode=_on_mode(stage),
            refuse=None if self._inference is None else self._inference.refuse_all,
            gather=self._gather,
            keeping=self._saver,
            going_back=self._restorer,
            driving=self._steering,
            ruled=_ruled(stage, self._journal, self._warn),
            recording=self._recorder,
            begin=partial(self._begin, stage),
        )
        return self._loop

    def _replay(self, stage: Stage, replay: Opened) -> None:
        """Lets what was recorded be done once more. Raises: InvalidInput where the model is another."""
        assert stage.agent is not None  # noqa: S101  nothing else is replayed
        assert stage.world is not None  # noqa: S101
        replayer = replay.replayer(
            stage.agent,
            stage.world,
            stage.body,
            self._journal,
            self._bell,
            taps=lambda: stage.taps,
            on_mode=_on_mode(stage),
            tell=self._session.replayed,
            done=partial(self._session.end, End.REPLAYED),
            ends=lambda: self._session.ending is not None or self._session.termination_asked,
            warn=self._warn,
        )
        stage.body = stage.keeps = replayer
        self._arrows.sinks.append(replayer)
        self._arrows.driving = replayer.driver

    def _patch(self, document: OverrideDoc) -> Values | None:
        replay = None if self._stage is None else self._stage.replay
        recorded = None if replay is None else replay.values(document)
        if recorded is not None:
            return recorded
        if self._patches is None:
            from .overrides.patches import Patches

            self._patches = Patches(self._link, self._bell)
        return self._patches.values(document)

    def _begin(self, stage: Stage) -> None:
        point = self._launch.get("checkpoint")
        if point is not None and stage.folder is not None:
            for told in stage.put_back(stage.folder, point):
                self._warn(told)
            self._enter("making the first step")
        else:
            self._enter("making the first step")
            stage.body.begin()

    def _enter(self, text: str) -> None:
        if self._session.ending is not None:
            raise Leave
        self._seeder.apply()
        self._session.enter(text)

    def _idle(self) -> None:
        if self._loop is not None:
            self._loop.idle()
        elif self._session.ending is not None or self._session.termination_asked:
            raise Leave

    def _start_live(self) -> None:
        """Answers those who connect: from the first step on, or later while a model takes long to load.

        What it takes is imported here, so that it does not stand before the first step.
        """
        if self._listening is None or not self._live_starts.acquire(blocking=False):
            return
        from .live.server import LiveServer

        self._live = LiveServer(
            self._listening,
            self._session,
            self._signals,
            self._lines,
            self._inference,
            self._board,
            lambda: self._steering,
        )
        self._live.start()

    def _gather(self) -> None:
        """After each round of the loop: metrics that were logged, and once the description of what runs."""
        stage = self._stage
        if stage is None:
            return
        take = None if stage.agent is None else stage.agent.can.metrics
        if take is not None and (logged := take()):
            self._journal.metrics(logged)
        if not self._described and (self._session.introduced or time.monotonic() - self._began_at > _DESCRIBE_AFTER_S):
            self._described = True
            manifest = stage.describe()
            self._signals.taps = stage.taps
            self._describe(manifest)
            threading.Thread(target=self._start_live, name="zoo-live-start", daemon=True).start()
        elif self._described and self._session.manifest is not None:
            self._describe_news(self._session.manifest)

    def _describe_news(self, manifest: Manifest) -> None:
        fresh, taps = sorted(self._journal.new_metrics), self._signals.taps
        found = taps is not None and taps.news()
        if fresh:
            self._journal.new_metrics.clear()
            manifest = {**manifest, "signals": [*manifest["signals"], *map(metric_signal, fresh)]}
        if found and taps is not None:
            manifest = retapped(manifest, taps.signals(), taps.architecture())
        if fresh or found:
            self._describe(manifest)

    def _describe(self, manifest: Manifest) -> None:
        catalogue: dict[str, SignalDoc] = {signal["path"]: signal for signal in manifest["signals"]}
        self._session.describe(manifest)
        self._signals.catalogue = catalogue

    # --- the end -----------------------------------------------------------------------------------------------------

    def _asked_to_leave(self) -> None:
        self._session.end(End.SIGNAL)

    def _failed(self, code: str, message: str, trace: str | None) -> None:
        if self._session.ending is not None:  # it was on its way out: what breaks then is not worth a failure
            self._lines.add("zoo", f"while it ended: {message}")
            return
        if trace:
            for line in trace.rstrip().splitlines():
                self._lines.add("zoo", line)
        self._let_arrive()  # before the failure is told: nothing is taken after it
        self._session.fail(code, message, trace)

    def _save(self) -> None:
        """Keeps what the model has become: for the next attempt, or says why not, and for whoever asked before the end.

        Called only when the loop left in peace: what user code has broken is never saved.
        """
        session, saver, stage, restorer = self._session, self._saver, self._stage, self._restorer
        if session.ending not in {End.SIGNAL, End.ASKED} or saver is None or stage is None or stage.agent is None:
            return
        if restorer is not None and restorer.midway:
            return
        if session.ending is End.SIGNAL:
            self._hear()
        self._saves = True
        try:
            if not session.termination_asked and stage.replay is None:
                self._depart(saver)
            saver.meet(session.wanted()[0], session.cadence.working_s - session.ending_for_s)
        except BaseException as error:  # noqa: BLE001 - whatever goes wrong with saving, it leaves in order
            said = str(error) if isinstance(error, ZookeeperError) else first_line(error)
            self._warn(f"{_WITHOUT}: {said}")
        finally:
            self._saves = False

    def _depart(self, saver: Saver) -> None:
        if saver.lacking is not None:
            self._warn(f"{_WITHOUT}: {saver.lacking}")
            return
        saver.depart(self._session.cadence.working_s - self._session.ending_for_s)

    def _let_arrive(self) -> None:
        """Waits for the state and the recording that are on their way to the zoo, as long as the grace allows."""
        session = self._session
        if self._saver is not None:
            self._saver.finish(session.wanted()[0], session.cadence.working_s - session.ending_for_s)
        if self._recorder is not None:
            self._recorder.finish(session.cadence.working_s - session.ending_for_s)

    def _warn(self, message: str) -> None:
        self._lines.add("zoo", message)
        self._session.event("WARNING", message)

    def _hear(self) -> None:
        """Asks once more what is desired: who leaves by a signal may have been terminated as well."""
        with contextlib.suppress(ZookeeperError):
            answer = self._link.desired()
            self._session.offer(answer["desired"], int(answer["generation"]))

    def _part(self) -> None:
        """Says goodbye to everybody. What user code does meanwhile is bounded by the watchdog."""
        session = self._session
        self._let_arrive()
        self._journal.flush()
        if self._live is not None:
            self._live.close("the attempt ends" if session.ending is None else session.ending.value)
        if self._stage is not None:
            with contextlib.suppress(Exception):
                self._stage.close()
        self._console.close()
        self._last_words()

    def _last_words(self) -> None:
        """Reports how it ended. An attempt that was asked to leave by a signal alone has not ended for the zoo."""
        session = self._session
        if session.ending is End.SIGNAL and not session.termination_asked:
            self._hear()
        if session.failure is None and (session.termination_asked or session.ending is End.REPLAYED):
            session.terminated()
        left_s = session.cadence.grace_s - session.ending_for_s
        self._reporter.finish(max(0.5, min(_LAST_WORDS_S, left_s)))

    def _leave_anyway(self) -> int:
        """The grace has passed: user code does not return. Called by the watchdog, which ends the process."""
        reason = "saving took too long" if self._saves else "the code did not return in time"
        if self._session.ending is End.SIGNAL and self._session.kind == "instance":
            self._warn(f"{_WITHOUT}: {reason}")
        else:
            self._lines.add("zoo", f"{reason}; the process ends without it")
        self._let_arrive()
        self._last_words()
        return _EXIT[self._session.ending or End.FAULT]


def _on_mode(stage: Stage) -> Callable[[bool, bool], None] | None:
    told = None if stage.agent is None else stage.agent.can.on_mode
    return None if told is None else _guarded(told)


def _ruled(stage: Stage, journal: Journal, warn: Callable[[str], None]) -> Ruled | None:
    """Returns who lets rules stand: those that are desired, and in a replay those that were recorded."""
    if stage.overrides is None or stage.replay is None:
        return stage.overrides
    return stage.replay.rules(stage.overrides, journal, warn)


def _guarded(on_mode: Callable[[bool, bool], None]) -> Callable[[bool, bool], None]:
    """Returns `on_mode` with whatever it raises as a fault of the AInimal."""

    def told(training: bool, inference: bool) -> None:
        try:
            on_mode(training, inference)
        except BaseException as error:
            raise fault_of(error, AInimalFault) from error

    return told
