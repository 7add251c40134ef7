"""Restoring: how a process that runs goes back to a checkpoint.

It is fetched in a thread of its own while the step thread goes on; between two steps it is put back, and the next
timeline begins.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ainimal_zookeeper.domain.documents import Desired
from ainimal_zookeeper.domain.errors import DataCorrupt, Rejected, Transient, UserCodeFault, ZookeeperError

from .checkpoint import discard, fetch, stage_of
from .fault import first_line, user_traceback
from .journal import Journal
from .link import Link
from .session import End, Leave, Place, Session

_UNCHANGED = (DataCorrupt, Rejected, Transient)  # what `put_back` raises before it changes anything


@dataclass(frozen=True, slots=True)
class Fetched:
    """A checkpoint that is here, whole, to be put back as the request `id` asks."""

    id: str
    point: Mapping[str, Any]
    folder: str


class Restorer:
    """Meets each request to restore once.

    put_back: `Stage.put_back`. warn: tells people a sentence. tell: adds a line to the log.
    """

    def __init__(
        self,
        session: Session,
        link: Link,
        journal: Journal,
        *,
        put_back: Callable[[str, Mapping[str, Any]], list[str]],
        warn: Callable[[str], None],
        tell: Callable[[str], None],
    ) -> None:
        self._session = session
        self._link = link
        self._journal = journal
        self._put_back = put_back
        self._warn = warn
        self._tell = tell
        self._heard: str | None = None
        self._fetched: Fetched | None = None
        self._in_use: str | None = None
        self._midway = False

    # --- in the step thread ------------------------------------------------------------------------------------------

    def heed(self, desired: Desired) -> None:
        """Begins to fetch what is asked for."""
        request = desired.get("restore")
        if request is None or request["id"] == self._heard:
            return
        self._heard = request["id"]
        # Not Thread.start, which waits until the thread runs: the step would wait with it.
        _thread.start_new_thread(self._fetch, (request["id"],))

    @property
    def ready(self) -> bool:
        """Whether `restore` has something to do."""
        return self._fetched is not None

    @property
    def midway(self) -> bool:
        """Whether the attempt ends while something is put back: what it is then is no state to save."""
        return self._midway

    def restore(self) -> bool:
        """Puts back what was fetched; returns whether the next timeline has begun with it.

        What does not fit changes nothing, and is told to whoever asked. Raises: Leave when it fails half way and a next
        attempt can start from the newest checkpoint; else UserCodeFault, or whatever it was.
        """
        session, fetched = self._session, self._fetched
        if fetched is None:
            return False
        self._fetched = None
        point, before = fetched.point, session.place
        session.working = True
        session.enter(stage_of(point))
        session.travel(Place(point["timeline"], point["step"], point["episode"]))
        self._midway = True
        try:
            told = self._put_back(fetched.folder, point)
        except Leave:
            raise
        except _UNCHANGED as error:
            self._midway = False
            session.travel(before)
            session.not_restored(fetched.id, error.code, str(error))
            discard(fetched.folder)
            return False
        except BaseException as error:
            session.travel(before)
            self._spoilt(fetched, error)
            raise
        self._midway = False
        self._journal.begin(point["timeline"])
        session.restored(fetched.id)
        for sentence in told:
            self._warn(sentence)
        if self._in_use is not None:
            _thread.start_new_thread(discard, (self._in_use,))  # the step need not wait for a large file to go
        self._in_use = fetched.folder  # a model may read from it as long as it is what it has become
        return True

    def _spoilt(self, fetched: Fetched, error: BaseException) -> None:
        """It is neither what it was nor what it was to be. Raises: Leave where another attempt can be the former."""
        code = error.code if isinstance(error, ZookeeperError) else UserCodeFault.code
        message = str(error) if isinstance(error, ZookeeperError) else first_line(error)
        if not self._session.has_checkpoint:
            self._session.not_restored(fetched.id, code, message)
            return
        trace = error.traceback if isinstance(error, UserCodeFault) else user_traceback(error)
        for line in (trace or "").rstrip().splitlines():
            self._tell(line)
        self._session.not_restored(fetched.id, code, f"{message}; it starts again from its newest checkpoint")
        self._session.end(End.SPOILT)
        raise Leave from error

    # --- in a thread of its own --------------------------------------------------------------------------------------

    def _fetch(self, request_id: str) -> None:
        try:
            point = self._link.checkpoint(request_id)
            folder = fetch(point, lambda _: None, self._session.cadence.orphan_s)
        except BaseException as error:  # noqa: BLE001 - whoever asked is told, whatever it is
            known = isinstance(error, ZookeeperError)
            code = error.code if isinstance(error, ZookeeperError) else Transient.code
            self._session.not_restored(request_id, code, str(error) if known else first_line(error))
            return
        self._fetched = Fetched(request_id, point, folder)
        self._session.bell.ring()
