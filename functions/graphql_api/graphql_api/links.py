"""Links to runners: one WebSocket per instance and process, shared by all streams and commands.

A link lives as long as it has users and lingers a little after the last. It follows the instance's row: it dials where
the runner says it listens, dials again when the connection is lost, and asks again for everything that is watched.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from ainimal_zookeeper.domain import errors, lifecycle
from ainimal_zookeeper.domain.documents import Document, InstanceDoc, instance_ref
from ainimal_zookeeper.domain.errors import AInimalFault, InvalidTransition, Rejected, Transient, ZookeeperError
from ainimal_zookeeper.domain.tokens import attempt_token
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.live import LiveDialer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from .signals import Value, WatchRequest, read_value
from .topics import Topics

_log = logging.getLogger(__name__)

PROTOCOL = 1
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_FAILURES_TO_TELL = 3


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """All in seconds."""

    linger_s: float = 10.0  # after the last user
    greet_s: float = 5.0  # until the runner has welcomed
    ready_s: float = 10.0  # an inference waits for a connection
    infer_s: float = 60.0  # an inference waits for its answer
    first_retry_s: float = 0.1
    last_retry_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Problem:
    """Why values do not come."""

    code: str
    message: str


class Listener(Protocol):
    """What a stream hears of one watch; called on the loop, quickly."""

    def value(self, value: Value) -> None: ...

    def problem(self, problem: Problem) -> None: ...


@dataclass(slots=True)
class _Watch:
    id: int
    request: WatchRequest
    listeners: list[Listener] = field(default_factory=list)
    latest: Value | None = None


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
        self._watches: dict[WatchRequest, _Watch] = {}
        self._by_id: dict[int, _Watch] = {}
        self._inferences: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._status_listeners: list[Callable[[], None]] = []
        self._log_listeners: list[Callable[[list[dict[str, str]]], None]] = []
        self._asked: tuple[int, Mapping[str, Any]] | None = None
        self._problem: Problem | None = None
        self._next_id = 0
        self._topics.join(instance_ref(instance_id), self._row_changed)
        self._task = asyncio.get_running_loop().create_task(self._run())

    # --- what users ask ----------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    def watch(self, request: WatchRequest, listener: Listener) -> None:
        """Tells `listener` of values from now on, and of the newest one so far."""
        watch = self._watches.get(request)
        if watch is None:
            watch = _Watch(self._new_id(), request)
            self._watches[request] = self._by_id[watch.id] = watch
            self._send(request.message(watch.id))
        watch.listeners.append(listener)
        if watch.latest is not None:
            listener.value(watch.latest)
        elif self._problem is not None:
            listener.problem(self._problem)

    def unwatch(self, request: WatchRequest, listener: Listener) -> None:
        watch = self._watches.get(request)
        if watch is None or listener not in watch.listeners:
            return
        watch.listeners.remove(listener)
        if not watch.listeners:
            del self._watches[request], self._by_id[watch.id]
            self._send({"type": "unwatch", "id": watch.id})

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
            self._asked = (row["generation"], row["desired"])
            self._send(self._desired())

    async def infer(self, inputs: Any, conversation: str | None) -> dict[str, Any]:
        """Returns the runner's answer. Raises: what the runner refuses it with; Transient without a connection."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._settings.ready_s):
                await self._ready.wait()
        except TimeoutError:
            raise Transient(f"the runner of {self.instance_id} cannot be reached; try again", 1.0) from None
        inference = self._new_id()
        answer: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._inferences[inference] = answer
        try:
            self._send({"type": "infer", "id": inference, "inputs": inputs, "conversation": conversation})
            async with asyncio.timeout(self._settings.infer_s):
                answered = await answer
        except TimeoutError:
            raise Transient(
                f"{self.instance_id} has not answered within {self._settings.infer_s:g} s; see its log", 1.0
            ) from None
        finally:
            self._inferences.pop(inference, None)
        if answered.get("code") is not None:
            raise _refusal(str(answered["code"]), str(answered.get("message") or "the runner refused the inputs"))
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
                    self._tell_problem(Problem("INVALID_TRANSITION", f"{self.instance_id} has ended"))
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
                    self._tell_problem(Problem("UNAVAILABLE", message))
            pause = min(self._settings.first_retry_s * 2**failures, self._settings.last_retry_s)
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _talk(self, row: InstanceDoc, address: str) -> None:
        """Holds one connection until it ends. Raises: whatever ends it early."""
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
            self.attempt, self._connection, self._problem = row["attempt"], connection, None
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
            for answer in self._inferences.values():
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
        self.desire(row)
        if self._asked is not None:
            self._send(self._desired())
        for watch in self._watches.values():
            self._send(watch.request.message(watch.id))
        if self._log_listeners:
            self._send({"type": "logs", "follow": True})

    def _hear(self, message: str | bytes) -> None:
        """Passes one message on. What cannot be read is logged: a runner is not trusted to be sound."""
        try:
            if isinstance(message, bytes):
                self._hear_value(read_value(message))
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
                watch = self._by_id.get(said["id"])
                problem = Problem(_known_code(said["code"]), str(said["message"]))
                for each in list(watch.listeners) if watch is not None else ():
                    each.problem(problem)
            elif kind == "inferred":
                answer = self._inferences.get(said["id"])
                if answer is not None and not answer.done():
                    answer.set_result(said)
        except Exception:  # noqa: BLE001  as above: it may be nested without end, or say anything
            _log.warning(
                "a runner's message was not understood", exc_info=True, extra={"instance_id": self.instance_id}
            )

    def _hear_value(self, value: Value) -> None:
        watch = self._by_id.get(value.watch_id)
        if watch is None:
            return
        watch.latest = value
        for listener in list(watch.listeners):
            listener.value(value)

    def _hear_status(self, report: dict[str, Any]) -> None:
        self.report = _sound(report)
        for listener in list(self._status_listeners):
            listener()

    def _tell_problem(self, problem: Problem) -> None:
        """Tells every watcher once of a problem that concerns them all."""
        if problem == self._problem:
            return
        self._problem = problem
        for watch in self._watches.values():
            watch.latest = None
            for listener in list(watch.listeners):
                listener.problem(problem)

    def _send(self, message: dict[str, Any]) -> None:
        if self._outbox is not None:
            self._outbox.put_nowait(message)

    def _desired(self) -> dict[str, Any]:
        assert self._asked is not None  # noqa: S101  called where something was asked
        return {"type": "desired", "desired": self._asked[1], "generation": self._asked[0]}

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id


class Links:
    """All links of one process. For one event loop."""

    def __init__(
        self,
        *,
        topics: Topics,
        dialer: LiveDialer,
        clock: Clock,
        secret: bytes,
        settings: LinkSettings,
    ) -> None:
        self._topics = topics
        self._dialer = dialer
        self._clock = clock
        self._secret = secret
        self._settings = settings
        self._links: dict[str, Link] = {}
        self._endings: set[asyncio.Task[None]] = set()

    def acquire(self, instance_id: str) -> Link:
        """Returns the link of the instance; `release` it when done."""
        link = self._links.get(instance_id)
        if link is None:
            link = self._links[instance_id] = Link(
                instance_id,
                topics=self._topics,
                dialer=self._dialer,
                clock=self._clock,
                secret=self._secret,
                settings=self._settings,
            )
        link.users += 1
        return link

    def release(self, link: Link) -> None:
        link.users -= 1
        if link.users == 0:
            asyncio.get_running_loop().call_later(self._settings.linger_s, self._end_unused, link)

    def tell(self, row: InstanceDoc) -> None:
        """Lets the runner know what `row` asks for, at once and without waiting; without one, it will ask itself."""
        if row["status"]["liveAddress"] is not None and not lifecycle.is_final(row):
            link = self.acquire(row["id"])
            link.desire(row)
            self.release(link)

    async def infer(self, row: InstanceDoc, inputs: Any, conversation: str | None) -> dict[str, Any]:
        """Returns the runner's answer to `inputs`. Raises: Transient; what refuses it."""
        if lifecycle.is_final(row):
            raise InvalidTransition(f"instance {row['id']} is {row['status']['phase']}; launch a new one")
        if row["status"]["liveAddress"] is None:
            raise Transient(f"instance {row['id']} is {row['status']['phase']} and not ready yet; try again", 1.0)
        link = self.acquire(row["id"])
        try:
            return await link.infer(inputs, conversation)
        finally:
            self.release(link)

    @property
    def open(self) -> int:
        """How many links there are, lingering ones too."""
        return len(self._links)

    async def close(self) -> None:
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(link.close() for link in links), *self._endings, return_exceptions=True)

    def _end_unused(self, link: Link) -> None:
        if link.users == 0 and self._links.get(link.instance_id) is link:
            del self._links[link.instance_id]
            ending = asyncio.get_running_loop().create_task(link.close())
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)


async def _pump(outbox: asyncio.Queue[dict[str, Any]], connection: ClientConnection) -> None:
    """Sends in order; ends with the connection."""
    try:
        while True:
            await connection.send(json.dumps(await outbox.get()))
    except WebSocketException:
        return


def _sound(report: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what of a report is shown live. Raises: TypeError, KeyError or ValueError when it is malformed."""
    kept: dict[str, Any] = {
        key: report[key] for key in ("phase", "stage", "observedGeneration", "acknowledgedAtStep") if key in report
    }
    if not isinstance(kept.get("stage"), str | None) or not isinstance(kept.get("phase", ""), str):
        raise TypeError("stage and phase are texts")
    for key in ("observedGeneration", "acknowledgedAtStep"):
        if kept.get(key) is not None:
            kept[key] = int(kept[key])
    if kept.get("observedGeneration", 0) is None:
        del kept["observedGeneration"]
    if report.get("stats") is not None:
        given = report["stats"]
        kept["stats"] = {
            "step": int(given["step"]),
            "episode": int(given["episode"]),
            "stepsPerSecond": float(given["stepsPerSecond"]),
            "episodeReturn": None if given["episodeReturn"] is None else float(given["episodeReturn"]),
            "loss": None if given["loss"] is None else float(given["loss"]),
            "updatedAt": given["updatedAt"],
        }
    return kept


_REFUSALS: dict[str, type[Rejected]] = {
    kind.code: kind
    for kind in (errors.NotFound, errors.InvalidInput, errors.InvalidTransition, errors.PermissionDenied)
}


def _known_code(code: Any) -> str:
    return str(code) if code in _REFUSALS or code in {"UNAVAILABLE", "AINIMAL_FAULT", "ENV_FAULT"} else "UNAVAILABLE"


def _refusal(code: str, message: str) -> ZookeeperError:
    """Returns the error that a runner's `code` names."""
    if code in _REFUSALS:
        return _REFUSALS[code](message)
    if code == "AINIMAL_FAULT":
        return AInimalFault(message)
    return Transient(message)
