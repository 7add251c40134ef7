"""Driving: what acts in place of the model while somebody holds the wheel, and when they fall silent.

Values arrive in the live thread, silence is judged by a thread of its own, and the step thread alone decides, between
two steps, who acts from the next one on. So a change of who acts waits for the end of the step, a value does not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from ainimal_zookeeper.domain import paths
from ainimal_zookeeper.domain.control import LEASE_S, holder_name
from ainimal_zookeeper.domain.documents import ControlDoc, Desired
from ainimal_zookeeper.domain.errors import AInimalFault, ControlHeld, InvalidInput, InvalidTransition
from ainimal_zookeeper.environments.world import World
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.models.agent import Agent

from .fault import fault_of
from .forwarding import neutral_action
from .session import Session
from .training import kept

SILENCE_S = 0.5
FRAME_RATE = 30.0  # steps per second while somebody drives, where the environment names no speed of its own
_STALLED_S = 0.1  # whoever oversleeps by more was kept from running, and so was who hears the driver
_SECOND_LOOK_S = 0.05

Answer = Callable[[dict[str, Any]], None]
Source = Literal["VALUES", "NEUTRAL"]


@dataclass(slots=True)
class _Lease:
    """A lease as this process knows it. Guarded by the lock of its `Steering`."""

    document: ControlDoc
    names: frozenset[str]  # of the modalities that are driven
    heard_at: float
    values: dict[str, Any] = field(default_factory=dict)
    sequence: float = -np.inf
    silent: bool = False
    waiting: list[Answer] = field(default_factory=list)  # for the step that their values take effect in

    @property
    def id(self) -> str:
        return self.document["id"]

    @property
    def holder(self) -> str:
        return holder_name(self.document)

    @property
    def halts(self) -> bool:
        return self.silent and self.document["onSilence"] == "PAUSE"

    @property
    def source(self) -> Source | None:
        """What acts for the holder; None: the model."""
        on_silence = self.document["onSilence"]
        if self.silent and on_silence == "NEUTRAL":
            return "NEUTRAL"
        return None if not self.values or (self.silent and on_silence == "MODEL") else "VALUES"


class Steering:
    """Stands at the arrow of the action (`arrows.Driving`) for one agent in one world.

    A holder who has sent no value yet leaves the model at the wheel. After each change of who acts, the action moves by
    at most the `max_delta` of its modality per step, until it is where it should be.
    """

    def __init__(
        self, session: Session, agent: Agent, world: World, last_action: Callable[[], Any], *,
        clock: Callable[[], float] = time.monotonic,
        watch: Callable[[Callable[[], float | None]], None] | None = None,
    ) -> None:  # fmt: skip
        self._session = session
        self._handover = agent.can.handover
        self._actions: dict[str, Modality] = dict(world.action)
        self._key = world.action_key
        self._count = world.num_envs if world.vectorized else None
        self._frame_rate = world.frame_rate or FRAME_RATE
        self._neutral = self._named(neutral_action(world.action, world.action_key, self._count))
        self._last_action = last_action
        self._clock = clock
        self._start_watching = watch or _watch_in_a_thread
        self._watched = False
        self._lock = threading.Lock()
        self._lease: _Lease | None = None
        self._ended: str | None = None  # the lease that has lapsed here
        # What follows is the step thread's.
        self._acting: _Lease | None = None
        self._source: Source | None = None
        self._driver: str | None = None
        self._former: str | None = None
        self._ramping: dict[str, Any] = {}  # where the action was in the last step, of what is not yet where it should

    # --- from any thread ---------------------------------------------------------------------------------------------

    def hear(self, lease_id: str, values: Mapping[str, Any], sequence: float, answer: Answer) -> None:
        """Takes what the holder sends; `answer` gets the step in which it takes effect, None for none.

        Raises: ControlHeld for a lease that is over, InvalidInput for values that do not fit: then nothing is taken.
        """
        given = self._fitting(values)
        with self._lock:
            lease = self._heed(self._session.wanted()[0].get("control"))
            if lease is None:
                raise InvalidTransition("nobody drives; acquire control first")
            if lease.id != lease_id:
                raise ControlHeld(f"{lease.holder} drives since {lease.document['acquiredAt']}; acquire it anew")
            undriven = sorted(set(given) - lease.names)
            if undriven:
                raise InvalidInput(f"the lease is not of {', '.join(undriven)}; acquire it", ("values", undriven[0]))
            before, returned = lease.source, lease.silent
            lease.heard_at, lease.silent = self._clock(), False
            newest = sequence >= lease.sequence
            if newest:
                lease.sequence = sequence
                lease.values.update(given)
            waits = newest and bool(given) and self._session.phase != "PAUSED"
            if waits:
                lease.waiting.append(answer)
            changed = returned or lease.source != before
        if returned:
            self._tell(f"{lease.holder} is heard of again")
        if changed:
            self._session.bell.ring()
        if not waits:
            answer({"step": None})

    def _fitting(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Returns values by the name of their modality, for all environments. Raises: InvalidInput."""
        if not isinstance(values, Mapping):
            raise InvalidInput("values must be an object by path", ("values",))
        names = self._names_by_path()
        fitting = {}
        for path, value in values.items():
            if path not in names:
                raise InvalidInput(f"{path} cannot be driven; {', '.join(names)} can", ("values", str(path)))
            one = self._actions[names[path]].coerce(value)
            fitting[names[path]] = one if self._count is None else np.stack([np.asarray(one)] * self._count)
        return fitting

    def _names_by_path(self) -> dict[str, str]:
        if len(self._actions) == 1:
            return {paths.ACTION: next(iter(self._actions))}
        return {paths.join(paths.ACTION, name): name for name in self._actions}

    def _heed(self, wanted: ControlDoc | None) -> _Lease | None:
        """Returns the lease that counts, after `wanted`. Called with the lock."""
        if wanted is not None and wanted["id"] == self._ended:
            wanted = None
        held = self._lease
        if (None if wanted is None else wanted["id"]) == (None if held is None else held.id):
            return held
        if held is not None:
            over = ControlHeld("somebody else drives now" if wanted is not None else "the lease is over")
            for answer in held.waiting:
                answer({"code": over.code, "message": str(over)})
            held.waiting.clear()
        self._lease = None if wanted is None else _Lease(wanted, self._driven(wanted["paths"]), self._clock())
        if self._lease is not None and not self._watched:
            self._watched = True
            self._start_watching(self.look)
        return self._lease

    def _driven(self, driven: list[str] | None) -> frozenset[str]:
        names = self._names_by_path()
        if driven is None or paths.ACTION in driven:
            return frozenset(self._actions)
        return frozenset(names[path] for path in driven if path in names)

    # --- in the thread that listens for silence ----------------------------------------------------------------------

    def look(self) -> float | None:
        """Looks whether the driver is silent; returns in how many seconds to look again, None when nobody drives."""
        with self._lock:
            lease, now = self._lease, self._clock()
            if lease is None:
                self._watched = False
                return None
            quiet_s = now - lease.heard_at
            falls_silent = not lease.silent and quiet_s >= SILENCE_S
            lapses = lease.silent and quiet_s >= LEASE_S and not lease.halts
            if falls_silent:
                lease.silent = True
            if lapses:
                self._ended, self._lease = lease.id, None
                self._watched = False
            left_s = (LEASE_S if lease.silent else SILENCE_S) - quiet_s
            on_silence = lease.document["onSilence"]
        if falls_silent:
            self._tell(f"{lease.holder} is silent for {SILENCE_S:g} s: {_INSTEAD[on_silence]}")
        if lapses:
            self._session.lapsed(lease.id)
            self._tell(f"{lease.holder} is silent for {LEASE_S:g} s and drives no more")
        if falls_silent or lapses:
            self._session.bell.ring()
        return None if lapses else max(0.0, left_s) or SILENCE_S

    # --- in the step thread ------------------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether the next action may be another than the model's."""
        return self._source is not None or bool(self._ramping)

    @property
    def halted(self) -> bool:
        """Whether everything stands still since the driver is silent."""
        lease = self._lease
        return lease is not None and lease.halts

    @property
    def rate(self) -> float | None:
        """Steps per second while somebody drives; None while nobody does."""
        lease = self._lease
        if lease is None or (lease.silent and lease.document["onSilence"] == "MODEL"):
            return None
        return self._frame_rate

    def attend(self, desired: Desired) -> None:
        """Decides who acts from the next step on, and tells the model and the people of a change.

        Raises: AInimalFault when `handover` does.
        """
        with self._lock:
            lease = self._heed(desired.get("control"))
            source = None if lease is None else lease.source
        same = source == self._source and (source is None or lease is self._acting)
        self._acting = lease
        if same:
            return
        self._source = source
        last = self._last_action()
        if last is not None:
            self._begin_ramp(self._named(kept(last)))
        driver = None if source is None or lease is None else lease.holder
        self._pass_over(driver, last)

    def _begin_ramp(self, last: Mapping[str, Any]) -> None:
        for name, modality in self._actions.items():
            if modality.max_delta is not None and np.dtype(modality.dtype).kind == "f" and name in last:
                self._ramping.setdefault(name, last[name])

    def _pass_over(self, driver: str | None, last: Any) -> None:
        if driver == self._driver:
            return
        self._former, self._driver = self._driver, driver
        who = "the model" if driver is None else driver
        self._tell(f"{who} drives from step {self._session.counters.step + 1:,} on")
        if self._handover is not None:
            try:
                self._handover("model" if driver is None else driver, last)
            except BaseException as error:
                raise fault_of(error, AInimalFault) from error

    def drive(self, action: Any, step: int) -> tuple[Any, str | None]:
        """Returns what is executed as step `step`, and who drives it, None for the model. `action` stays as it is."""
        lease, source = self._acting, self._source
        done = dict(self._named(action))
        answers: list[Answer] = []
        if lease is not None and source == "NEUTRAL":
            done.update({name: self._neutral[name] for name in lease.names})
        elif lease is not None and source == "VALUES":
            with self._lock:
                done.update(lease.values)
                answers, lease.waiting = lease.waiting, []
        driver = self._driver
        if self._ramping and self._bound(done):
            driver = driver or self._former
        for answer in answers:
            answer({"step": step})
        executed = done if self._key is None else done[self._key]
        return executed, driver

    def _bound(self, done: dict[str, Any]) -> bool:
        """Moves from where each action was towards where it should be; returns whether any is not there yet."""
        for name, last in list(self._ramping.items()):
            most = self._actions[name].max_delta or 0.0
            target = np.asarray(done[name])
            moved = np.clip(target, np.asarray(last) - most, np.asarray(last) + most).astype(target.dtype)
            if np.array_equal(moved, target):
                del self._ramping[name]
            else:
                done[name] = self._ramping[name] = moved[()]
        if not self._ramping:
            self._session.bell.ring()  # the plain loop may run again
        return bool(self._ramping)

    def _named(self, action: Any) -> Mapping[str, Any]:
        return action if self._key is None else {self._key: action}

    def _tell(self, message: str) -> None:
        self._session.event("CONTROL", message)


def _watch_in_a_thread(look: Callable[[], float | None]) -> None:
    """Calls `look` whenever it is due, until nobody drives, whatever user code does meanwhile."""

    def watch() -> None:
        while (wait_s := look()) is not None:
            begun = time.monotonic()
            time.sleep(wait_s)
            if time.monotonic() - begun - wait_s > _STALLED_S:
                time.sleep(_SECOND_LOOK_S)  # what the driver has sent meanwhile is heard first

    threading.Thread(target=watch, name="zoo-driving", daemon=True).start()


_INSTEAD = {
    "MODEL": "the model acts",
    "HOLD": "what was sent last is held",
    "NEUTRAL": "the neutral action acts",
    "PAUSE": "it stands still",
}
