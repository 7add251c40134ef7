"""The link to one runner: a WebSocket that is dialled again whenever it is lost.

It follows the instance's row: it dials where the runner says it listens, and asks each new connection again for all
that is wanted.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Document, InstanceDoc, instance_ref
from ainimal_zookeeper.domain.errors import Transient, ZookeeperError
from ainimal_zookeeper.domain.tokens import attempt_token
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.live import LiveDialer

from .signals import WatchRequest, read_value
from .testimony import known_code, refusal, sound
from .topics import Topics
from .watches import Listener, Problem, Watches

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_log = logging.getLogger(__name__)

PROTOCOL = 1
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_FAILURES_TO_TELL = 3
_COMPLAINT_S = 60.0  # between two log entries on messages that cannot be read


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """All in seconds."""

    linger_s: float = 10.0  # after the last user
    greet_s: float = 5.0  # until the runner has welcomed
    ready_s: float = 10.0  # an inference waits for a connection
    infer_s: float = 60.0  # an inference waits for its answer
    control_s: float = 2.0  # a driver waits to hear at which step
    leave_s: float = 6.0  # until inferences and saves are given up, when this process has to leave
    first_retry_s: float = 0.1
    last_retry_s: float = 2.0


class Link:
    """One runner's live server. For one event loop; `Links` makes and ends it."""

    def __init__(
        self,
        instance_id: str,
        *,
        topics: Topics,
        dialer: LiveDialer,
        clock: Clock,
        secret: bytes,
        settings: LinkSettings,
    ) -> None:
        self.instance_id = instance_id
        self.users = 0
        self.report: dict[str, Any] = {}
        self.attempt = 0
        self._topics = topics
        self._dialer = dialer
        self._clock = clock
        self._secret = secret
        self._settings = settings
        self._row: InstanceDoc | None = None
        self._changed = asyncio.Event()
        self._ready = asyncio.Event()
        self._outbox: asyncio.Queue[dict[str, Any]] | None = None
        self._connection: ClientConnection | None = None
        self._ids = count(1)
        self._watches = Watches(self._send, self._ids)
        self._questions: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._status_listeners: list[Callable[[], None]] = []
        self._log_listeners: list[Callable[[list[dict[str, str]]], None]] = []
        self._complained_at = -_COMPLAINT_S
        self._misunderstood = 0  # messages since the last log entry
        self._asked: tuple[int, Mapping[str, Any]] | None = None
        self._topics.join(instance_ref(instance_id), self._row_changed)
        self._task = asyncio.get_running_loop().create_task(self._run())

    # --- what users ask ----------------------------------------------------------------------------------------------

    @property
    def row(self) -> InstanceDoc | None:
        """The instance as the store told it last; None before that, and where it is gone."""
        return self._row

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    def watch(self, request: WatchRequest, listener: Listener) -> None:
        """Tells `listener` of values from now on, and of the newest one so far."""
        self._watches.add(request, listener)

    def unwatch(self, request: WatchRequest, listener: Listener) -> None:
        self._watches.remove(request, listener)

    def follow_status(self, listener: Callable[[], None]) -> None:
        self._status_listeners.append(listener)

    def unfollow_status(self, listener: Callable[[], None]) -> None:
        self._status_listeners.remove(listener)

    def follow_logs(self, listener: Callable[[list[dict[str, str]]], None]) -> None:
        self._log_listeners.append(listener)
        if len(self._log_listeners) == 1:
            self._send({"type": "logs", "follow": True})

    def unfollow_logs(self, listener: Callable[[list[dict[str, str]]], None]) -> None:
        self._log_listeners.remove(listener)
        if not self._log_listeners:
            self._send({"type": "logs", "follow": False})

    def desire(self, row: InstanceDoc) -> None:
        """Passes on what `row` asks for, now or as soon as there is a connection."""
        if self._asked is None or row["generation"] > self._asked[0]:
            self._asked = (row["generation"], lifecycle.wanted(row))
            self._send(self._desired())

    async def infer(self, inputs: Any, conversation: str | None) -> dict[str, Any]:
        """Returns the runner's answer. Raises: what the runner refuses it with; Transient without a connection."""
        message = {"type": "infer", "inputs": inputs, "conversation": conversation}
        try:
            return await self._ask(message, self._settings.infer_s)
        except TimeoutError:
            raise Transient(
                f"{self.instance_id} has not answered within {self._settings.infer_s:g} s; see its log", 1.0
            ) from None

    async def control(self, lease_id: str, values: Any, sequence: float) -> float | None:
        """Passes on what a driver sends; returns the step in which it took effect, None where that is not known yet.

        Raises: as `infer`.
        """
        message = {"type": "control", "lease": lease_id, "values": values, "sequence": sequence}
        try:
            step = (await self._ask(message, self._settings.control_s)).get("step")
        except TimeoutError:
            return None
        return None if step is None else float(step)

    async def _ask(self, message: dict[str, Any], patience_s: float) -> dict[str, Any]:
        """Returns the runner's answer. Raises: what it refuses with; Transient without a connection; TimeoutError."""
        try:
            async with asyncio.timeout(self._settings.ready_s):
                await self._ready.wait()
        except TimeoutError:
            raise Transient(f"the runner of {self.instance_id} cannot be reached; try again", 1.0) from None
        question = next(self._ids)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._questions[question] = answer
        try:
            self._send({**message, "id": question})
            async with asyncio.timeout(patience_s):
                answered = await answer
        finally:
            self._questions.pop(question, None)
        if answered.get("code") is not None:
            raise refusal(str(answered["code"]), str(answered.get("message") or "the runner refused it"))
        return answered

    def overlaid(self, row: InstanceDoc) -> InstanceDoc:
        """Returns `row` with what the runner has said since on this link; `row` itself where that has no say."""
        if not self.report or not self.connected:
            return row
        try:
            return lifecycle.report(row, self.attempt, cast(lifecycle.Report, self.report), self._clock.now())
        except ZookeeperError:
            return row

    async def close(self) -> None:
        self._topics.leave(instance_ref(self.instance_id), self._row_changed)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # --- the connection ----------------------------------------------------------------------------------------------

    def _row_changed(self, state: list[Document]) -> None:
        self._row = cast(InstanceDoc, state[0]) if state else None
        self._changed.set()
        connection = self._connection
        if connection is not None and (self._row is None or self._row["attempt"] != self.attempt):
            asyncio.get_running_loop().create_task(connection.close())

    async def _run(self) -> None:
        failures = 0
        while True:
            self._changed.clear()
            row = self._row
            if row is None or row["status"]["liveAddress"] is None or lifecycle.is_final(row):
                if row is not None and lifecycle.is_final(row):
                    self._watches.fail(Problem("INVALID_TRANSITION", f"{self.instance_id} has ended"))
                await self._changed.wait()
                continue
            try:
                await self._talk(row, row["status"]["liveAddress"])
                failures = 0
            except Exception as error:  # noqa: BLE001  whatever a runner answers, the next attempt may be sound
                failures += 1
                _log.info("a live link is down", extra={"instance_id": self.instance_id, "reason": str(error)})
                if failures >= _FAILURES_TO_TELL:
                    message = f"the runner of {self.instance_id} cannot be reached at present; trying on"
                    self._watches.fail(Problem("UNAVAILABLE", message))
            pause = min(self._settings.first_retry_s * 2**failures, self._settings.last_retry_s)
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _talk(self, row: InstanceDoc, address: str) -> None:
        """Holds one connection until it ends. Raises: whatever ends it early."""
        from websockets.asyncio.client import connect  # not before: a cold start rarely has anybody to talk to

        sock = await self._dialer.dial(address)
        try:
            connection = await connect(
                f"ws://{address}/live",
                sock=sock,
                compression=None,
                max_size=_MAX_MESSAGE_BYTES,
                open_timeout=self._settings.greet_s,
                close_timeout=0.5,
            )
        except BaseException:
            sock.close()
            raise
        try:
            await self._greet(connection, row["attempt"])
            self.attempt, self._connection = row["attempt"], connection
            self._watches.recover()
            self._outbox = asyncio.Queue()
            self._ask_again(row)
            self._ready.set()
            sender = asyncio.get_running_loop().create_task(_pump(self._outbox, connection))
            try:
                async for message in connection:
                    self._hear(message)
            finally:
                sender.cancel()
        finally:
            self._ready.clear()
            self._connection = self._outbox = None
            self.report = {}
            for answer in self._questions.values():
                if not answer.done():
                    answer.set_exception(Transient(f"the connection to {self.instance_id} was lost; try again", 1.0))
            await connection.close()

    async def _greet(self, connection: ClientConnection, attempt: int) -> None:
        token = attempt_token(self._secret, "live", self.instance_id, attempt)
        await connection.send(json.dumps({"type": "hello", "protocol": PROTOCOL, "token": token}))
        async with asyncio.timeout(self._settings.greet_s):
            welcome = json.loads(await connection.recv())
        if welcome.get("type") != "welcome" or welcome.get("protocol") != PROTOCOL:
            raise Transient(f"the runner of {self.instance_id} answered {welcome!r}, not a welcome")
        if welcome.get("instanceId") != self.instance_id or welcome.get("attempt") != attempt:
            raise Transient(f"another runner listens where {self.instance_id} did")

    def _ask_again(self, row: InstanceDoc) -> None:
        """Asks a new connection for everything that is wanted, beginning with what was asked of the instance."""
        if self._asked is None or row["generation"] >= self._asked[0]:  # a request to save may be answered by now
            self._asked = (row["generation"], lifecycle.wanted(row))
        self._send(self._desired())
        self._watches.ask()
        if self._log_listeners:
            self._send({"type": "logs", "follow": True})

    def _hear(self, message: str | bytes) -> None:
        """Passes one message on. What cannot be read is logged now and then: a runner is not trusted to be sound."""
        try:
            if isinstance(message, bytes):
                self._watches.hear(read_value(message))
                return
            said = json.loads(message)
            kind = said["type"]
            if kind == "status":
                self._hear_status(said["report"])
            elif kind == "log":
                lines = [{key: str(line[key]) for key in ("at", "stream", "text")} for line in said["lines"]]
                for listener in list(self._log_listeners):
                    listener(lines)
            elif kind == "problem":
                self._watches.hear_problem(said["id"], Problem(known_code(said["code"]), str(said["message"])))
            elif kind in {"inferred", "controlled"}:
                answer = self._questions.get(said["id"])
                if answer is not None and not answer.done():
                    answer.set_result(said)
        except Exception:  # noqa: BLE001  as above: it may be nested without end, or say anything
            self._complain()

    def _complain(self) -> None:
        """Logs the exception being handled: a runner that talks nonsense all the time must not fill the disk."""
        self._misunderstood += 1
        now = asyncio.get_running_loop().time()
        if now - self._complained_at >= _COMPLAINT_S:
            extra = {"instance_id": self.instance_id, "messages": self._misunderstood}
            _log.warning("a runner's message was not understood", exc_info=True, extra=extra)
            self._complained_at, self._misunderstood = now, 0

    def _hear_status(self, report: dict[str, Any]) -> None:
        self.report = sound(report)
        for listener in list(self._status_listeners):
            listener()

    def _send(self, message: dict[str, Any]) -> None:
        if self._outbox is not None:
            self._outbox.put_nowait(message)

    def _desired(self) -> dict[str, Any]:
        assert self._asked is not None  # noqa: S101  called where something was asked
        return {"type": "desired", "desired": self._asked[1], "generation": self._asked[0]}


async def _pump(outbox: asyncio.Queue[dict[str, Any]], connection: ClientConnection) -> None:
    """Sends in order; ends with the connection."""
    from websockets.exceptions import WebSocketException

    try:
        while True:
            await connection.send(json.dumps(await outbox.get()))
    except WebSocketException:
        return
