"""Reporting: the thread that keeps the runner link informed and learns from it what is desired."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.documents import ModalityDoc
from ainimal_zookeeper.domain.errors import Conflict, NotFound, Rejected, Transient, Unauthenticated

from .console import Lines
from .cutting import WHOLE
from .history import History
from .link import Link
from .session import End, Session
from .signals import Captured, Signals, Unreadable

THUMBNAIL_PIXELS = 160
_LOOK_S = 0.25  # for console lines and stages
_RETRY_S = 0.2
_LONGEST_RETRY_S = 5.0
_LEFT_OUT = (("manifest", "series", "thumbnail"), ("logs",))  # of a report that is refused, one after the other
_RENDER_SHARE = 200  # a thumbnail may cost the step thread at most this fraction of its time


class Reporter:
    """Reports changes at once, console lines every `log_s`, the rest every `report_s`; polls in between.

    What could not be delivered is sent again under the same sequence number before anything newer.
    """

    def __init__(self, session: Session, link: Link, signals: Signals, history: History, lines: Lines) -> None:
        self._session = session
        self._link = link
        self._signals = signals
        self._history = history
        self._lines = lines
        self._wake = threading.Event()
        self._changed = True
        self._stale = False
        self._stopped = threading.Event()
        self._turn = threading.Lock()
        self._unsent: dict[str, Any] | None = None
        self._said: str | None = None
        self._answered_at = time.monotonic()
        self._manifest_version = 0
        self._first_s = min(2.0, session.cadence.report_s)
        self._full_due = time.monotonic() + self._first_s
        self._lines_due = 0.0
        self._thumbnail_due = 0.0
        self._thumbnail: Captured | None = None
        self._shown: Captured | None = None
        session.listen(self.wake)
        signals.consumers.append(self._deliver)

    def start(self) -> None:
        threading.Thread(target=self._run, name="zoo-link", daemon=True).start()

    def wake(self, urgent: bool = True) -> None:
        """Something has changed that is to be reported at once, or when it lasts: a start has many short stages."""
        if urgent:
            self._changed = True
            self._wake.set()
        else:
            self._stale = True

    def finish(self, patience_s: float) -> None:
        """Sends the last report, with all that is left to say, and ends the thread. Idempotent.

        Nothing is sent for a fenced attempt. Gives up after `patience_s`.
        """
        self._stopped.set()
        self._wake.set()
        deadline = time.monotonic() + patience_s
        pause = 0.1
        while self._session.ending is not End.FENCED and time.monotonic() < deadline:
            with self._turn:
                try:
                    is_last = not self._history.has_finished
                    self._send(full=True)
                    if is_last and not self._lines.waiting and not self._session.has_answers:
                        return
                    continue
                except Transient:
                    pass
                except (Conflict, Rejected):
                    return
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            pause *= 2

    def _run(self) -> None:
        cadence = self._session.cadence
        poll_due = time.monotonic() + cadence.poll_s
        retry_s = 0.0
        while not self._stopped.is_set():
            now = time.monotonic()
            wait_s = retry_s or max(0.0, min(_LOOK_S, poll_due - now, self._full_due - now))
            if retry_s or not self._changed:
                self._wake.wait(wait_s)
            if self._stopped.is_set():
                return
            self._wake.clear()
            now = time.monotonic()
            try:
                with self._turn:
                    sent = self._turn_of(now, poll_due)
                retry_s = 0.0
                if sent:
                    poll_due = now + cadence.poll_s
                    self._answered_at = time.monotonic()
            except Transient as error:
                retry_s = min(max(retry_s * 2, _RETRY_S, min(error.retry_after_s, 1.0)), _LONGEST_RETRY_S)
                if time.monotonic() - self._answered_at > cadence.orphan_s:
                    self._session.end(End.ORPHANED)
            except (Conflict, Unauthenticated, NotFound):
                self._session.end(End.FENCED)
                return
            except Rejected as error:
                # Sending the same again would be refused again: it is dropped, and said where the operator looks.
                self._unsent = None
                self._say(f"a report was refused: {error}")

    def _turn_of(self, now: float, poll_due: float) -> bool:
        full = now >= self._full_due
        lines = self._lines.waiting and now >= self._lines_due
        if full or self._changed or self._stale or self._unsent is not None or lines:
            self._lines_due = now + self._session.cadence.log_s
            if full:
                self._full_due = now + self._session.cadence.report_s
            self._send(full=full)
            return True
        if now >= poll_due:
            self._heard(self._link.desired())
            return True
        return False

    def _send(self, *, full: bool) -> None:
        if self._unsent is not None:
            self._hand_over(self._unsent)
        self._changed = self._stale = False
        content = self._content(full=full)
        if self._session.has_answers or self._history.has_finished:  # a report tells of one
            self._changed = True
        self._hand_over(self._link.numbered(content))
        self._session.introduce()

    def _hand_over(self, report: dict[str, Any]) -> None:
        """Sends `report`; when it is refused, again without what matters less than phase, failure and events.

        A checkpoint that may be why goes first: then that save has failed.
        """
        lighter = iter([names for heavy in _LEFT_OUT if (names := [name for name in heavy if name in report])])
        while True:
            self._unsent = report
            try:
                self._heard(self._link.report(report))
                self._session.has_checkpoint |= "checkpoint" in report["report"]
                break
            except (Conflict, Unauthenticated, NotFound):
                raise
            except Rejected as error:
                if "checkpoint" in report["report"]:
                    report = self._unsaved(report, error)
                    continue
                left_out = next(lighter, None)
                if left_out is None:
                    raise
                self._say(f"a report was refused: {error}; it is sent again without {', '.join(left_out)}")
                report = {name: value for name, value in report.items() if name not in left_out}
        self._unsent = None

    def _unsaved(self, report: dict[str, Any], error: Rejected) -> dict[str, Any]:
        """Returns `report` without its checkpoint, which the zoo has refused: with the failure of that save."""
        said = dict(report["report"])
        step, save = said.pop("checkpoint")["step"], said.pop("save")
        if save["id"] is not None:
            return {**report, "report": {**said, "save": {"id": save["id"], "code": error.code, "message": str(error)}}}
        event = {"kind": "WARNING", "message": f"the checkpoint of step {step:,} was refused: {error}", "step": step}
        return {**report, "report": said, "events": [*report.get("events", ()), event]}

    def _say(self, text: str) -> None:
        """Adds a line to the log, once while it would be the same: the next report takes it along."""
        if text != self._said:
            self._said = text
            self._lines.add("zoo", text)

    def _content(self, *, full: bool) -> dict[str, Any]:
        session = self._session
        content: dict[str, Any] = {"report": session.told()}
        if session.manifest is not None and session.manifest_version != self._manifest_version:
            self._manifest_version = session.manifest_version
            content["manifest"] = session.manifest
        if events := session.take_events():
            content["events"] = events
        if lines := self._lines.take():
            content["logs"] = lines
        # A timeline that has ended goes alone: with the one that runs it may be too big for one document.
        if finished := self._history.take_finished():
            content["series"] = finished
            self._full_due = min(self._full_due, time.monotonic() + self._first_s)
        elif full and (series := self._history.to_document()):
            content["series"] = series
        if self._thumbnail is not None:
            shown, self._thumbnail = self._thumbnail, None
            signal = (self._signals.catalogue or {}).get(shown.path)
            content["thumbnail"] = thumbnail(shown, None if signal is None else signal["modality"])
        if full or self._shown is None:
            self._ask_thumbnail()
        return content

    def _ask_thumbnail(self) -> None:
        manifest, now = self._session.manifest, time.monotonic()
        if manifest is None or not manifest["previewPaths"] or now < self._thumbnail_due:
            return
        self._thumbnail_due = now + _RENDER_SHARE * self._signals.render_cost_s
        path = manifest["previewPaths"][0]
        self._signals.request(path, -1 if self._shown is None else self._shown.version)

    def _deliver(self, results: list[Captured | Unreadable]) -> None:
        manifest = self._session.manifest
        if manifest is None or not manifest["previewPaths"]:
            return
        for result in results:
            if not isinstance(result, Captured) or result.cut != WHOLE:
                continue
            if result.path == manifest["previewPaths"][0]:
                first = self._shown is None
                self._shown = self._thumbnail = result
                if first:
                    self.wake()

    def _heard(self, answer: Mapping[str, Any]) -> None:
        if "desired" in answer and "generation" in answer:
            self._session.offer(answer["desired"], int(answer["generation"]))


def thumbnail(captured: Captured, modality: ModalityDoc | None) -> dict[str, Any]:
    """Returns a small picture as the link takes it: JPEG of at most 160 pixels a side, RAW without Pillow."""
    from .cutting import thin
    from .live.reduction import PictureUnavailable, jpeg

    array = np.asarray(captured.value)
    try:
        data, shape = jpeg(array, modality, THUMBNAIL_PIXELS)
        encoding = "JPEG"
    except PictureUnavailable:
        small = np.ascontiguousarray(thin(array, modality, THUMBNAIL_PIXELS))
        data, shape, encoding = small.tobytes(), small.shape, "RAW"
    return {
        "path": captured.path,
        "step": captured.step,
        "dtype": array.dtype.name if encoding == "RAW" else "uint8",
        "shape": list(shape),
        "encoding": encoding,
        "data": base64.b64encode(data).decode(),
    }
