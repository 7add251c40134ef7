"""Reconciler: makes instances and jobs agree, from what the store and the compute say now.

Whatever was killed, forgotten or delivered twice is put right here, so no other part needs to be sure of anything. It
may be a process that lives as long as the zoo, or a new one each minute.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import cast

from ainimal_zookeeper.domain import queries
from ainimal_zookeeper.domain.documents import Collections, ConfigurationDoc, InstanceDoc, Ref
from ainimal_zookeeper.domain.errors import Transient
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.compute import Compute
from ainimal_zookeeper.ports.queue import Queue
from ainimal_zookeeper.ports.store import DocumentStore

from .census import Census
from .dead_letters import DeadLetters
from .lost_recordings import LostRecordings
from .old_commands import OldCommands
from .orphans import Orphans
from .patience import Patience
from .pulse import Pulse
from .settling import Circumstances, Settling

_log = logging.getLogger(__name__)

LIVING_PHASES = ("PENDING", "STARTING", "RUNNING", "PAUSED", "HIBERNATED", "STOPPING")
DEFAULT_DEADLINE_S = 900.0


class Reconciler:
    """Runs now and then; any number may run at once, as each change is made in a transaction on what is true then."""

    def __init__(
        self,
        *,
        store: DocumentStore,
        queue: Queue,
        compute: Compute,
        bucket: Callable[[], Bucket],
        clock: Clock,
        ids: Ids,
        patience: Patience | None = None,
    ) -> None:
        patience = patience or Patience()
        self._store = store
        self._compute = compute
        self._clock = clock
        self._run_s = timedelta(seconds=patience.run_s)
        self._pulse = Pulse(store)
        self._settling = Settling(store=store, queue=queue, compute=compute, clock=clock, ids=ids, patience=patience)
        self._orphans = Orphans(store=store, compute=compute, grace_s=patience.grace_s)
        self._census = Census(store)
        self._dead_letters = DeadLetters(store=store, queue=queue, clock=clock)
        self._lost_recordings = LostRecordings(store=store, bucket=bucket, clock=clock)
        self._old_commands = OldCommands(store=store, clock=clock)
        self._running = threading.Lock()
        self._broken: set[str] = set()

    def run_once(self) -> None:
        """Returns at once while another thread is at it.

        A part that fails holds up no other; what takes too long is left to the next run. Raises: Transient when the
        store, the queue or the compute was away; the next run does the rest.
        """
        if not self._running.acquire(blocking=False):
            return
        try:
            self._run()
        finally:
            self._running.release()

    def _run(self) -> None:
        now = self._clock.now()
        # Documents before jobs: a job that is seen missing then has ended, and was not just about to be launched.
        living = list(self._living())
        states = self._compute.observe()
        jobs = {(state.instance_id, state.attempt): state for state in states}
        given = Circumstances(now, self._pulse.listens_since(now), self._deadline_s())
        todo: list[tuple[str, Callable[[], None]]] = [
            (
                f"settle {document['id']}",
                lambda document=document: self._settling.settle(  # type: ignore[misc]
                    document, jobs.get((document["id"], document["attempt"])), given
                ),
            )
            for document in living
        ]
        todo += [
            ("delete jobs that nobody needs", lambda: self._orphans.clear(states, living, now)),
            ("rebuild the limits", lambda: self._census.rebuild(living)),
            ("look for dead letters", self._dead_letters.tell),
            ("close recordings of runners that are gone", self._lost_recordings.close),
            ("forget old commands", self._old_commands.forget),
            ("forget those who have ended", lambda: self._settling.forget_others(living)),
        ]
        # Each minute something else comes first: what takes all the time in one run must not in every run.
        first = int(now.timestamp() // 60) % len(todo)
        self._do([*todo[first:], *todo[:first]], now + self._run_s)

    def _do(self, todo: list[tuple[str, Callable[[], None]]], until: datetime) -> None:
        trouble: Transient | None = None
        for done, (what, work) in enumerate(todo):
            if self._clock.now() > until:
                _log.warning("%d of %d things to do are left to the next run", len(todo) - done, len(todo))
                break
            try:
                work()
                self._broken.discard(what)
            except Transient as error:
                trouble = trouble or error
            except Exception:  # noqa: BLE001  one document that nobody can read must not hold up all others
                if what not in self._broken:  # it fails again in each run, as long as it is there
                    self._broken.add(what)
                    _log.exception("the reconciler cannot %s and goes on with the rest", what)
        if trouble is not None:
            raise trouble

    def _living(self) -> Iterator[InstanceDoc]:
        for query in (queries.INSTANCES_BY_PHASE, queries.ENVIRONMENT_INSTANCES_BY_PHASE):
            after = None
            while True:
                found = self._store.query(query.bind(phases=LIVING_PHASES), queries.Page(first=200, after=after))
                yield from cast("tuple[InstanceDoc, ...]", found.documents)
                if not found.has_next:
                    break
                after = found.cursors[-1]

    def _deadline_s(self) -> float:
        configuration = cast("ConfigurationDoc | None", self._store.get(Ref(Collections.CONFIGURATION, "zoo")))
        return DEFAULT_DEADLINE_S if configuration is None else configuration["launchDeadlineSeconds"]
