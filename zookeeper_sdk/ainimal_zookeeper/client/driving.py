"""Driving an instance: the wheel, for as long as a `with` block holds it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from ainimal_zookeeper.domain.errors import ControlHeld, InvalidTransition, Transient, ZookeeperError
from ainimal_zookeeper.domain.paths import ACTION

from . import documents
from .endpoint import Endpoint
from .refusals import raise_user_errors
from .signals import encode

HEARTBEAT_S = 0.1
_OVER = (ControlHeld, InvalidTransition)  # the lease is over, whatever is sent


class Wheel:
    """Sends values under a control lease, and says ten times a second that the driver is there. Thread-safe.

    `with instance.drive() as wheel: wheel.send({"action": 1})`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        instance_id: str,
        *,
        paths: Sequence[str] | None,
        on_silence: str,
        if_free: bool,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._endpoint = endpoint
        self._instance_id = instance_id
        self._wanted = {
            "instanceId": instance_id,
            "paths": None if paths is None else list(paths),
            "onSilence": on_silence.upper(),
            "ifFree": if_free,
        }
        self._heartbeat_s = heartbeat_s
        self._lock = threading.Lock()
        self._sequence = 0
        self._lost: ZookeeperError | None = None
        self._left = threading.Event()
        self._beating: threading.Thread | None = None
        self.lease_id = ""
        """Of the lease, once the block is entered."""

    def __enter__(self) -> Wheel:
        """Takes the wheel. Raises: ControlHeld, naming who has it; what the zoo refuses."""
        answer = self._endpoint.ask(documents.CONTROL_ACQUIRE, input=self._wanted)["controlAcquire"]
        raise_user_errors(answer)
        self.lease_id = answer["control"]["id"]
        self._beating = threading.Thread(target=self._beat, name="zoo-heartbeat", daemon=True)
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Lets go of the wheel."""
        self._left.set()
        if self._beating is not None:
            self._beating.join()
        try:
            answer = self._endpoint.ask(
                documents.CONTROL_RELEASE, input={"instanceId": self._instance_id}, lease=self.lease_id
            )
            raise_user_errors(answer["controlRelease"])
        except ZookeeperError:
            if kind is None and self._lost is None:
                raise

    @property
    def lost(self) -> bool:
        """Whether somebody else has taken the wheel, or the lease has ended."""
        return self._lost is not None

    def send(self, values: Any) -> int | None:
        """Sends a value for the action, or a mapping of values by path: numbers, text, nested lists or arrays.

        Each holds until the next. Returns the step that they took effect in; None while it is paused, or takes long.

        Raises: ControlHeld once somebody else has taken the wheel; InvalidInput for what does not fit; Transient.
        """
        given = values if isinstance(values, Mapping) and _by_path(values) else {ACTION: values}
        with self._lock:
            self._sequence += 1
            sequence = self._sequence
        try:
            step = self._send(encode(given, ("values",)), sequence)
        except _OVER as error:
            self._lost = error
            raise
        return None if step is None else int(step)

    def _send(self, values: Mapping[str, Any], sequence: int) -> float | None:
        sent = {
            "instanceId": self._instance_id,
            "values": values,
            "sequence": sequence,
            "controlId": self.lease_id,
        }
        answer = self._endpoint.ask(documents.CONTROL_SEND, input=sent)["controlSend"]
        raise_user_errors(answer)
        step: float | None = answer["appliedAtStep"]
        return step

    def _beat(self) -> None:
        while self._lost is None and not self._left.wait(self._heartbeat_s):
            self._beat_once()

    def _beat_once(self) -> None:
        try:
            self._send({}, self._sequence)  # no newer than the values, which may arrive after it
        except Transient:
            return  # what the driver does not say is judged where it is not heard
        except ZookeeperError as error:
            self._lost = error


def _by_path(values: Mapping[Any, Any]) -> bool:
    return all(isinstance(name, str) and (name == ACTION or name.startswith(f"{ACTION}.")) for name in values)
