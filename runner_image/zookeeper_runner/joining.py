"""Joining: a world that another runner hosts, played from one of its seats."""

from __future__ import annotations

import contextlib
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ainimal_zookeeper.domain.errors import EnvFault, InvalidInput, Transient
from ainimal_zookeeper.environments.world import Outcome
from ainimal_zookeeper.modality import Modality

from .live.frames import pack_tree, unpack, unpack_tree
from .settings import PROTOCOL

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_LOOK_S = 0.1
_ASK_S = 0.25
_CONNECT_S = 5.0
BAD_TOKEN, NO_SEAT = 4401, 4409


class JoinedWorld:
    """A `World` behind a seat. `idle` is called while it waits for the others: it raises when the attempt ends."""

    num_envs = 1
    vectorized = False

    def __init__(self, connection: ClientConnection, seated: Mapping[str, Any], idle: Callable[[], None]) -> None:
        self.observation: Mapping[str, Modality] = _modalities(seated["observation"])
        self.action: Mapping[str, Modality] = _modalities(seated["action"])
        self.observation_key: str | None = seated["observationKey"]
        self.action_key: str | None = seated["actionKey"]
        self.frame_rate: float | None = seated["frameRate"]
        self.seat: str = seated["seat"]
        self._connection = connection
        self._idle = idle
        self._pending: deque[tuple[dict[str, Any], Any]] = deque()
        self._step = 0
        self._observation: Any = None
        self._playing = False
        self.step: Callable[[Any], Outcome] = self._act

    def reset(self, seed: int | None = None) -> Any:  # noqa: ARG002 - the world is not ours to seed
        """Returns the observation to go on from: the next episode's first when this one is over.

        A shared world is not reset for one of its players: in the middle of an episode it goes on.
        """
        while not self._playing:
            header, observation = self._receive()
            if header["first"]:
                self._take(header, observation)
        return self._observation

    def _act(self, action: Any) -> Outcome:
        """Sends the action for what was seen last, and returns what came of it; late answers are summed up."""
        self._send(pack_tree({"type": "action", "step": self._step}, action))
        reward = 0.0
        while True:
            header, observation = self._receive()
            if header["first"] and self._playing:
                # The episode was cut off by the world itself, before it had a last word.
                self._pending.appendleft((header, observation))
                self._playing = False
                return Outcome(self._observation, reward, False, True, {"cut": True})
            reward += header["reward"]
            self._take(header, observation)
            if header["terminated"] or header["truncated"]:
                self._playing = False
                return Outcome(observation, reward, header["terminated"], header["truncated"], {})
            if not self._more():
                return Outcome(observation, reward, False, False, {})

    def render(self) -> Any:
        """A player has no picture of its own; the world's instance shows it."""
        return None

    def close(self) -> None:
        """Leaves the seat. Idempotent."""
        with contextlib.suppress(Exception):
            self._connection.close()

    def _take(self, header: Mapping[str, Any], observation: Any) -> None:
        self._step = int(header["step"])
        self._observation = observation
        self._playing = True

    def _more(self) -> bool:
        """Tells whether the world has gone on meanwhile."""
        if not self._pending:
            with contextlib.suppress(TimeoutError):
                self._pending.append(self._decoded(self._recv(0)))
        return bool(self._pending)

    def _receive(self) -> tuple[dict[str, Any], Any]:
        if self._pending:
            return self._pending.popleft()
        while True:
            try:
                return self._decoded(self._recv(_LOOK_S))
            except TimeoutError:  # noqa: PERF203 - once per tenth of a second
                self._idle()

    def _recv(self, timeout: float) -> bytes:
        from websockets.exceptions import ConnectionClosed

        while True:
            try:
                message = self._connection.recv(timeout)
            except ConnectionClosed as error:
                raise EnvFault(f"the world that it had joined has ended ({_reason(error)})") from None
            if isinstance(message, bytes):
                return message

    def _send(self, message: bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            self._connection.send(message)
        except ConnectionClosed as error:
            raise EnvFault(f"the world that it had joined has ended ({_reason(error)})") from None

    def _decoded(self, message: bytes) -> tuple[dict[str, Any], Any]:
        header, payload = unpack(message)
        return header, unpack_tree(header, payload)


def join(
    instance_id: str, ask: Callable[[], Mapping[str, Any]], world: Mapping[str, Any], idle: Callable[[], None]
) -> JoinedWorld:
    """Takes a seat in `world` (of the launch); waits until the world has an address, which `ask` tells, and is there.

    Raises: EnvFault when all seats are taken or the token is refused.
    """
    from websockets.exceptions import ConnectionClosed, WebSocketException
    from websockets.sync.client import connect

    while True:
        idle()
        address = world.get("address")
        if address:
            try:
                connection = connect(
                    f"ws://{address}/seat",
                    compression=None,
                    max_size=64 * 2**20,
                    open_timeout=_CONNECT_S,
                    close_timeout=0.5,
                    proxy=None,
                )
            except (OSError, WebSocketException):
                connection = None
            if connection is not None:
                hello = {"type": "hello", "protocol": PROTOCOL, "instanceId": instance_id, "token": world["seatToken"]}
                try:
                    connection.send(json.dumps(hello))
                    return JoinedWorld(connection, json.loads(connection.recv(_CONNECT_S)), idle)
                except ConnectionClosed as error:
                    if error.rcvd is not None and error.rcvd.code in {BAD_TOKEN, NO_SEAT}:
                        raise EnvFault(f"world {world['instanceId']} gives no seat: {_reason(error)}") from None
                except (TimeoutError, KeyError, ValueError):
                    connection.close()
        time.sleep(_ASK_S)
        with contextlib.suppress(Transient):
            world = ask().get("world") or world


def _modalities(documents: list[Any]) -> dict[str, Modality]:
    if not isinstance(documents, list):
        raise InvalidInput("a seat's modalities must be a list")
    return {document["name"]: Modality.from_document(document) for document in documents}


def _reason(error: Any) -> str:
    return error.rcvd.reason or f"code {error.rcvd.code}" if error.rcvd is not None else "the connection was lost"
