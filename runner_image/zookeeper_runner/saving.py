"""Saving: when the state of an agent is kept while it runs, and what becomes of it.

The author's `save` runs in the step thread, between two steps. Packing and sending what it wrote is another thread's
work, one state at a time: whoever asks meanwhile waits.
"""

from __future__ import annotations

import _thread
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ainimal_zookeeper.domain.documents import CheckpointPoint, Desired
from ainimal_zookeeper.domain.errors import InvalidTransition, Transient, ZookeeperError
from ainimal_zookeeper.models.agent import Agent

from .checkpoint import Keeps, Written, deliver, lacking, write
from .fault import first_line
from .gate import Gate
from .link import Link
from .overrides import Overrides
from .session import End, Session

_LARGE = 500  # characters of what a rule says
_LEFT_OUT = 5  # parts that are named to people, of those that a checkpoint leaves out

Kind = Literal["ASKED", "AUTOSAVE", "DEPARTURE", "RECORDING"]


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why something is saved, and the name of its object; `id` is that of the request, `recording` of what begins."""

    kind: Kind
    name: str
    id: str | None = None
    recording: str | None = None


class Saver:
    """Saves one agent; without one it answers whoever asks that there is nothing to save.

    tell: adds a line to the log. seeds: what was seeded, by name. body: what is kept beside the agent.
    overrides: rules, beneath which it is saved. clock: seconds.
    """

    def __init__(
        self,
        agent: Agent | None,
        session: Session,
        link: Link,
        *,
        tell: Callable[[str], None],
        seeds: Callable[[], Mapping[str, Any]],
        body: Keeps | None = None,
        overrides: Overrides | None = None,
        gate: Gate | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agent = agent
        self._session = session
        self._link = link
        self._tell = tell
        self._seeds = seeds
        self._body = body
        self._overrides = overrides
        self._gate = gate or Gate()
        self._clock = clock
        self._lacking = "there is no model in it" if agent is None else lacking(agent)
        # Whoever asked an earlier attempt meant the state that it had.
        asked = None if session.attempt == 1 else session.launch["desired"].get("save")
        self._heard: str | None = None if asked is None else asked["id"]
        self._writing: Occasion | None = None
        self._flying: Occasion | None = None
        self._landed = threading.Event()
        self._count = 0
        self._complaint: str | None = None
        self._left_out: set[str] = set()
        self._state = self._now()
        self._kept_at = clock()
        autosave = session.launch.get("autosave") or {}
        steps, minutes = autosave.get("steps"), autosave.get("minutes")
        if (steps or minutes) and self._lacking is not None:
            session.event("WARNING", f"it is not saved now and then, as configured: {self._lacking}")
            steps = minutes = None
        self._every_steps: int | None = steps or None
        self._every_s: float | None = minutes * 60.0 if minutes else None

    @property
    def lacking(self) -> str | None:
        """Why the agent cannot be saved and started again; None when it can."""
        return self._lacking

    def look_again(self) -> None:
        """The agent has been given a save, or a load."""
        self._lacking = "there is no model in it" if self._agent is None else lacking(self._agent)

    # --- while it runs: step thread --------------------------------------------------------------------------------

    def due(self, desired: Desired) -> bool:
        """Tells whether `save` has something to do."""
        return self._flying is None and (self._asked(desired) is not None or self._is_time())

    @property
    def busy(self) -> bool:
        """Whether a state is on its way to the zoo."""
        return self._flying is not None

    def went_back(self) -> None:
        """The agent is what it was when a state was kept: from there on counts when it is time for the next."""
        self._state, self._kept_at = self._now(), self._clock()

    def wait_s(self) -> float | None:
        """Returns in how many seconds time alone makes it due; None: only a ring of the bell or steps can."""
        if self._every_s is None or self._flying is not None or self._now() == self._state:
            return None
        return max(0.0, self._kept_at + self._every_s - self._clock())

    def save(self, desired: Desired) -> None:
        """Saves what is due, and returns as soon as the author's `save` has; what became of it is reported later."""
        self._save(self._occasion(desired))

    def save_for_recording(self, recording_id: str) -> bool:
        """As `save`, what a recording begins with; returns whether it does: not while another state is on its way."""
        if self._flying is not None:
            return False
        self._save(Occasion("RECORDING", f"checkpoints/{recording_id}.zip", recording=recording_id))
        return True

    def _save(self, occasion: Occasion) -> None:
        self._writing = occasion
        try:
            written = self._write()
        except ZookeeperError as error:
            self._failed(occasion, error)
            return
        finally:
            self._writing = None
        self._flying = occasion
        self._landed = threading.Event()
        deadline = time.monotonic() + self._session.cadence.orphan_s
        # Not Thread.start, which waits until the thread runs: on a busy machine that takes longer than all the rest.
        _thread.start_new_thread(self._fly, (occasion, written, deadline, self._landed))

    def _asked(self, desired: Desired) -> str | None:
        """Returns the id of a request that nothing was done about."""
        request = desired.get("save")
        return None if request is None or request["id"] == self._heard else str(request["id"])

    def _is_time(self) -> bool:
        state = self._now()
        if state == self._state:
            return False
        by_steps = self._every_steps is not None and state[0] - self._state[0] >= self._every_steps
        return by_steps or (self._every_s is not None and self._clock() - self._kept_at >= self._every_s)

    def _now(self) -> tuple[int, int]:
        """Returns what tells one state from another: steps and calls of train."""
        return self._session.counters.step, self._session.counters.trained

    def _occasion(self, desired: Desired) -> Occasion:
        asked = self._asked(desired)
        if asked is not None:
            self._heard = asked
            return Occasion("ASKED", f"checkpoints/{asked}.zip", asked)
        self._count += 1
        return Occasion("AUTOSAVE", f"checkpoints/autosave-{self._count}.zip")

    def _write(self) -> Written:
        self._state, self._kept_at = self._now(), self._clock()
        if self._agent is None or self._lacking is not None:
            raise InvalidTransition(f"it cannot be saved: {self._lacking}")
        self._session.working = True
        self._session.enter(f"saving a checkpoint of step {self._session.counters.step:,}")
        parameters = self._session.launch.get("parameters")
        with self._gate:
            if self._overrides is None:
                return write(self._agent, self._session.counters, self._body, parameters)
            with self._overrides.lifted() as rules:
                return write(self._agent, self._session.counters, self._body, parameters, rules)

    # --- while it is sent: a thread of its own ---------------------------------------------------------------------

    def _fly(self, occasion: Occasion, written: Written, deadline: float, landed: threading.Event) -> None:
        try:
            point = deliver(written, self._link, occasion.name, deadline)
            if self._flying is occasion:
                self._arrived(occasion, point, written)
        except BaseException as error:  # noqa: BLE001 - whoever asked is told, whatever it is
            if self._flying is occasion:
                self._failed(occasion, error)
        finally:
            if self._flying is occasion:
                self._flying = None
            landed.set()
            self._session.bell.ring()

    def _arrived(self, occasion: Occasion, point: CheckpointPoint, written: Written) -> None:
        facts = {"seeds": dict(self._seeds()), "libraries": libraries(), "needsPickle": written.needs_pickle}
        if written.facts.get("overrides"):
            facts["overrides"] = [_told(rule) for rule in written.facts["overrides"]]
        begins = {} if occasion.recording is None else {"recording": occasion.recording}
        self._session.saved({"id": occasion.id, "kind": occasion.kind, **begins, **facts}, point)
        self._complaint = None
        self._tell_left_out(written.facts.get("left") or {})
        if self._session.ending is End.SIGNAL:
            self._tell(f"it leaves a checkpoint of step {point['step']:,} ({point['sizeBytes']:,} bytes)")

    def _tell_left_out(self, left: Mapping[str, str]) -> None:
        """Warns of each part that is in no checkpoint, once."""
        fresh = [path for path in left if path not in self._left_out]
        self._left_out.update(fresh)
        for path in fresh[:_LEFT_OUT]:
            said = f"its checkpoints leave out {path}, which stays as the constructor makes it: {left[path]}"
            self._session.event("WARNING", said)
        if len(fresh) > _LEFT_OUT:
            self._session.event("WARNING", f"its checkpoints leave out {len(fresh) - _LEFT_OUT} parts more")

    def _failed(self, occasion: Occasion, error: BaseException) -> None:
        """Tells whoever asked, or else everybody, once while it stays the same."""
        for line in (getattr(error, "traceback", None) or "").rstrip().splitlines():
            self._tell(line)
        code, message = Transient.code, first_line(error)
        if isinstance(error, ZookeeperError):
            code, message = error.code, str(error)
        if occasion.id is not None:
            self._session.saved({"id": occasion.id, "code": code, "message": message})
        elif occasion.recording is not None:
            self._session.event("WARNING", f"{occasion.recording} begins without a checkpoint: {message}")
        elif occasion.kind == "AUTOSAVE" and message != self._complaint:
            self._complaint = message
            self._session.event("WARNING", f"it could not be saved: {message}")

    # --- at the end ------------------------------------------------------------------------------------------------

    def depart(self, patience_s: float) -> None:
        """Saves once more, for the next attempt. Raises: ZookeeperError, and what nobody foresaw."""
        deadline = time.monotonic() + patience_s
        occasion = Occasion("DEPARTURE", "checkpoints/departure.zip")
        try:
            written = self._write()
            point = deliver(written, self._link, occasion.name, deadline)
        except BaseException as error:
            self._failed(occasion, error)
            raise
        self._land(deadline - time.monotonic())  # the newest state is told last
        self._arrived(occasion, point, written)

    def meet(self, desired: Desired, patience_s: float) -> None:
        """Saves, and waits until it has arrived, what was asked for before the end was. Step thread only."""
        deadline = time.monotonic() + patience_s
        if self._asked(desired) is not None:
            self._land(patience_s)
            self.save(desired)
            self._land(deadline - time.monotonic())

    def finish(self, desired: Desired, patience_s: float) -> None:
        """Waits until what is on its way has arrived, and tells who has asked in vain."""
        self._land(patience_s)
        late = self._writing  # by a save that does not return
        if (asked := self._asked(desired)) is not None:
            self._heard = asked
            late = Occasion("ASKED", "", asked)
        if late is not None:
            self._failed(late, InvalidTransition("it ended before it could be saved"))

    def _land(self, patience_s: float) -> None:
        """Waits for what is on its way, and gives it up."""
        flying = self._flying
        if flying is None or self._session.ending is End.FENCED:
            return
        self._landed.wait(max(0.0, patience_s))
        if self._flying is flying:
            self._flying = None
            self._failed(flying, Transient("it ended before all bytes were sent"))


def _told(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a rule as the manifest of a checkpoint has it: its value, unless that is large."""
    told = {key: rule[key] for key in ("id", "path", "rule", "authorId", "expiresAt", "expiresInSteps", "stood")}
    text = rule["valueJson"]
    return {**told, "terms": json.loads(text)} if len(text) <= _LARGE else {**told, "termsBytes": len(text)}


def libraries() -> dict[str, str]:
    """Returns the versions of what was imported, of Python and of everything that says one."""
    found = {"python": sys.version.split()[0]}
    for name, module in list(sys.modules.items()):
        if "." in name or name.startswith("_") or name in sys.stdlib_module_names:
            continue
        version = getattr(module, "__dict__", {}).get("__version__")
        if isinstance(version, str):
            found[name] = version
    return found
