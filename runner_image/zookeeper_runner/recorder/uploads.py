"""Uploads: the objects of one recording on their way to the bucket, in order, while more of them are made.

Each is told to the zoo once it has arrived. While the bucket or the zoo is away, objects wait on the disk up to a
bound; beyond it the oldest are dropped, and their steps counted.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from ainimal_zookeeper.domain.errors import Conflict, NotFound, Rejected, Transient, ZookeeperError

from ..fault import first_line

WAITING_BYTES = 256 << 20

_SILENCE_S = 10.0  # without a byte of an upload
_RETRY_S = 0.2
_LONGEST_RETRY_S = 2.0
_MOST_TAILS = 400  # that the zoo lets a segment take the place of
_REFUSALS = 3  # of one object, each with a new link


class Object(Protocol):
    """As `ainimal_zookeeper.recording.Segment`."""

    @property
    def number(self) -> int: ...
    @property
    def tail(self) -> int | None: ...
    @property
    def name(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def index(self) -> dict[str, Any]: ...


class Bucket(Protocol):
    """Where objects go, and who is told of them. Both may raise ZookeeperError."""

    def send(self, recording_id: str, one: Object, /) -> None:
        """Creates the object; one that is there already is the same."""
        ...

    def tell(self, recording_id: str, said: Mapping[str, Any], /) -> None:
        """Says something of a recording (`POST /recording` of docs/protocols.md)."""
        ...


class Uploads:
    """Sends what `keep` is given, from a thread of its own. Methods may be called from any thread.

    begun: what is told first, {signals, step, timeline}; None for a recording that never begins.
    """

    def __init__(
        self,
        recording_id: str,
        bucket: Bucket,
        begun: Mapping[str, Any] | None,
        *,
        waiting_bytes: int = WAITING_BYTES,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.id = recording_id
        self.dropped_steps = 0
        self.dropped_before: Callable[[], int] = lambda: 0
        """How many steps are missing at the source already."""
        self.given_up: str | None = None
        """Why nothing more of it is taken; None while all is well."""
        self.folder: Path | None = None
        """Where objects wait, which goes with the last of them once it is sealed."""
        self._bucket = bucket
        self._begun = begun
        self._most = waiting_bytes
        self._waiting: deque[Object] = deque()
        self._waiting_bytes = 0
        self._told_tails: dict[int, int] = {}
        self._failure: Mapping[str, str] | None = None
        self._sealing = False
        self._changed = threading.Condition()
        self._sleep = sleep or self._pause
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="zoo-uploads", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def keep(self, one: Object) -> None:
        """Takes an object that is a file now; the file goes once it is sent, or dropped."""
        with self._changed:
            if self.given_up is not None:
                one.path.unlink(missing_ok=True)
                return
            if one.tail is None and _is_segment(one):
                self._supersede(one.number)
            self._waiting.append(one)
            self._waiting_bytes += one.size_bytes
            while self._waiting_bytes > self._most and len(self._waiting) > 1:
                self._drop()
            self._changed.notify_all()

    def seal(self, failure: Mapping[str, str] | None = None) -> None:
        """Says that it is whole once all has arrived; with `failure` {code, message}, why it is less than asked for."""
        with self._changed:
            self._sealing, self._failure = True, failure
            self._changed.notify_all()

    def wait(self, patience_s: float) -> bool:
        """Waits until it is sealed, or given up. Returns whether it is."""
        return self._done.wait(max(0.0, patience_s))

    def abandon(self) -> None:
        """Sends nothing more."""
        with self._changed:
            self.given_up = self.given_up or "the attempt has ended"
            self._changed.notify_all()

    # --- the waiting -------------------------------------------------------------------------------------------------

    def _supersede(self, number: int) -> None:
        """Forgets tails that wait, of a segment that is whole by now. The first may be on its way."""
        kept = deque([self._waiting[0]] if self._waiting else [])
        for one in list(self._waiting)[1:]:
            if one.number == number and one.tail is not None:
                self._forget(one)
            else:
                kept.append(one)
        self._waiting = kept

    def _drop(self) -> None:
        """Drops the oldest but for the one on its way; a tail is no loss while its segment may still come whole."""
        one = self._waiting[1]
        del self._waiting[1]
        self._forget(one)
        if one.tail is None:
            self.dropped_steps += int(one.index.get("steps") or 0)

    def _forget(self, one: Object) -> None:
        self._waiting_bytes -= one.size_bytes
        one.path.unlink(missing_ok=True)

    # --- the sending -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        retry_s, refusals = 0.0, 0
        while self.given_up is None:
            with self._changed:
                self._changed.wait_for(
                    lambda: bool(self._waiting or self._begun or self._sealing) or self.given_up is not None
                )
                one = self._waiting[0] if self._waiting else None
            try:
                if self._step(one):
                    break
                retry_s, refusals = 0.0, 0
            except Transient as error:
                retry_s = min(max(retry_s * 2, _RETRY_S, min(error.retry_after_s, 1.0)), _LONGEST_RETRY_S)
                self._sleep(retry_s)
            except (Conflict, NotFound) as error:
                self.given_up = error.message
            except ZookeeperError as error:
                refusals += 1
                if refusals >= _REFUSALS or one is None:
                    self.given_up = str(error)
                else:
                    self._sleep(_RETRY_S)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must not wait for ever
                self.given_up = first_line(error)
        with self._changed:
            for left in self._waiting:
                left.path.unlink(missing_ok=True)
            self._waiting.clear()
        if self._sealing and self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._done.set()

    def _step(self, one: Object | None) -> bool:
        """Tells that it has begun, or sends the next object, or seals; returns whether that was the last."""
        if self.given_up is not None:
            return True
        if self._begun is not None:
            self._tell(begun=dict(self._begun))
            self._begun = None
        elif one is not None:
            self._send(one)
        elif self._sealing:
            self._tell(sealed=True, **({} if self._failure is None else {"failure": dict(self._failure)}))
            return True
        return False

    def _send(self, one: Object) -> None:
        self._bucket.send(self.id, one)
        whole = one.tail is None and _is_segment(one)
        tails = min(self._told_tails.get(one.number, 0), _MOST_TAILS) if whole else 0
        self._tell(arrived=[{"number": one.number, "tail": one.tail, "tails": tails, "index": one.index}])
        if whole:
            self._told_tails.pop(one.number, None)
        elif one.tail is not None:
            self._told_tails[one.number] = one.tail + 1
        with self._changed:
            self._waiting.popleft()
            self._forget(one)

    def _tell(self, **said: Any) -> None:
        self._bucket.tell(self.id, {**said, "droppedSteps": self.dropped_steps + self.dropped_before()})

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with self._changed:
            self._changed.wait_for(lambda: self.given_up is not None or time.monotonic() >= until, seconds)


def _is_segment(one: Object) -> bool:
    return one.index.get("kind") == "segment"


class LinkBucket:
    """The bucket behind signed links, and the runner link."""

    def __init__(self, link: Any) -> None:
        self._link = link

    def send(self, recording_id: str, one: Object) -> None:
        from .. import objects

        ticket = self._link.ticket(f"recordings/{recording_id}/{one.name}", one.size_bytes)
        try:
            objects.upload(ticket["url"], ticket["headers"], one.path, _SILENCE_S)
        except Conflict:
            return  # it has arrived before, and the answer was lost
        except NotFound as error:
            raise Rejected(error.message) from error

    def tell(self, recording_id: str, said: Mapping[str, Any]) -> None:
        self._link.recording(recording_id, said)
