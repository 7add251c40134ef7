"""Viewer: one connection of the live link, with its watches. Everything here happens in the live thread."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from ainimal_zookeeper.domain.documents import SignalDoc
from ainimal_zookeeper.domain.errors import InvalidInput, InvalidTransition, ZookeeperError

from ..fault import first_line
from ..signals import Captured, Unreadable
from .frames import pack
from .reduction import PictureUnavailable, reduced
from .watches import Watch, WatchRequest

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from ..console import Lines
    from ..driving import Steering
    from ..inference import Inference
    from ..session import Session
    from ..signals import Signals

WATCHES = 500
_REPLIES = 1_000
LARGE_BYTES = 2**20


class Viewer:
    """What a client asked for, and what it has yet to be sent. The newest wins wherever the client is slow."""

    def __init__(
        self,
        connection: ServerConnection,
        session: Session,
        signals: Signals,
        lines: Lines,
        inference: Inference | None,
        steering: Callable[[], Steering | None] = lambda: None,
        aside: Executor | None = None,
    ) -> None:
        self._connection = connection
        self._session = session
        self._signals = signals
        self._lines = lines
        self._inference = inference
        self._steering = steering
        self._aside = aside
        self._reducing: set[asyncio.Task[None]] = set()
        self._watches: dict[int, Watch] = {}
        self._replies: deque[dict[str, Any]] = deque(maxlen=_REPLIES)
        self._status_due = True
        self._lines_sent: int | None = None  # None: not followed
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._shown_as_raw: set[int] = set()

    async def run(self) -> None:
        """Serves the connection until it is closed."""
        sending = asyncio.create_task(self._send())
        try:
            async for message in self._connection:
                self._take(message)
        finally:
            sending.cancel()
            for task in list(self._reducing):
                task.cancel()
            self._watches.clear()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await sending

    # --- what others tell --------------------------------------------------------------------------------------------

    def reply(self, message: dict[str, Any]) -> None:
        self._replies.append(message)
        self._wake.set()

    def tell_status(self) -> None:
        self._status_due = True
        self._wake.set()

    def tell_lines(self) -> None:
        if self._lines_sent is not None and self._lines.count > self._lines_sent:
            self._wake.set()
        for watch in self._watches.values():
            if not watch.asked and watch.slot is None:
                self._check_waiting(watch)

    def deliver(self, results: list[Captured | Unreadable]) -> None:
        by_part = {(result.path, result.cut): result for result in results}
        for watch in list(self._watches.values()):
            result = by_part.get((watch.request.path, watch.cut))
            if result is None or not watch.asked:
                continue
            if isinstance(result, Unreadable):
                self._drop(watch, result.code, result.message)
            elif watch.offer(result):
                self._wake.set()
            else:  # a value for somebody who had seen less
                self._signals.request(watch.request.path, watch.seen_version, watch.cut)

    # --- what the client says ----------------------------------------------------------------------------------------

    def _take(self, message: str | bytes) -> None:
        content: dict[str, Any] = {}
        try:
            content = decoded(message)
            self._dispatch(content)
        except ZookeeperError as error:
            self._problem(content.get("id"), error.code, str(error))
        except (KeyError, TypeError, ValueError) as error:
            self._problem(
                content.get("id"), "INVALID_INPUT", f"{content.get('type')!r} message: {error!r} is wrong in it"
            )

    def _dispatch(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "watch":
            self._add(WatchRequest.from_message(message))
        elif kind == "unwatch":
            self._watches.pop(int(message["id"]), None)
        elif kind == "desired":
            self._session.offer(message["desired"], int(message["generation"]))
        elif kind == "infer":
            self._infer(message)
        elif kind == "control":
            self._control(message)
        elif kind == "logs":
            self._lines_sent = self._lines.count if message.get("follow") else None
        elif kind == "ping":
            self.reply({"type": "pong", "at": message.get("at")})
        else:
            raise InvalidInput(
                f"there is no message of type {kind!r}; "
                "a client sends watch, unwatch, desired, infer, control, logs or ping"
            )

    def _add(self, request: WatchRequest) -> None:
        if len(self._watches) >= WATCHES and request.id not in self._watches:
            raise InvalidInput(f"{WATCHES} watches are open on this connection; end one before the next")
        watch = Watch(request, time.monotonic())
        self._watches[request.id] = watch
        self._shown_as_raw.discard(request.id)
        self._check_waiting(watch)

    def _check_waiting(self, watch: Watch) -> None:
        """Asks for the first value of a watch as soon as it is known whether there is such a signal."""
        catalogue = self._signals.catalogue
        if catalogue is None or watch.seen_version >= 0:
            return
        path = watch.request.path
        signal = catalogue.get(path)
        if signal is not None and not signal["observable"]:
            self._drop(watch, "INVALID_INPUT", f"{path} cannot be observed: {signal.get('reason')}")
        elif signal is not None:
            self._ask(watch)
        else:
            self._drop(watch, "NOT_FOUND", f"there is no signal {path}; {_nearest(path, catalogue)}")

    def _ask(self, watch: Watch) -> None:
        if self._watches.get(watch.request.id) is watch:
            watch.asked = True
            self._signals.request(watch.request.path, watch.seen_version, watch.cut)

    def _infer(self, message: dict[str, Any]) -> None:
        asked_as = message.get("id")

        def answered(answer: dict[str, Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self.reply, {"type": "inferred", "id": asked_as, **answer})

        if self._inference is None:
            self.reply(
                {
                    "type": "inferred",
                    "id": asked_as,
                    "code": "INVALID_TRANSITION",
                    "message": f"{self._session.instance_id} acts in an environment, where its inputs come from; "
                    "launch the model without an environment to ask it",
                }
            )
            return
        conversation = message.get("conversation")
        self._inference.submit(message.get("inputs"), None if conversation is None else str(conversation), answered)

    def _control(self, message: dict[str, Any]) -> None:
        about = {"type": "controlled", "id": message.get("id")}

        def answered(answer: dict[str, Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self.reply, {**about, **answer})

        steering = self._steering()
        try:
            if steering is None:
                raise InvalidTransition(f"{self._session.instance_id} is loading, or acts in no environment")
            steering.hear(str(message["lease"]), message["values"], float(message["sequence"]), answered)
        except ZookeeperError as error:
            self.reply({**about, "code": error.code, "message": self._lines.discretion.text(str(error))})
        except (KeyError, TypeError, ValueError) as error:
            self.reply({**about, "code": "INVALID_INPUT", "message": f"control: {error!r} is wrong in it"})

    def _problem(self, id: Any, code: str, text: str) -> None:
        self.reply({"type": "problem", "id": id, "code": code, "message": self._lines.discretion.text(text)})

    def _drop(self, watch: Watch, code: str, text: str) -> None:
        self._watches.pop(watch.request.id, None)
        self._problem(watch.request.id, code, text)

    # --- what it is sent ---------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._replies:
                await self._connection.send(_text(self._replies.popleft()))
            if self._status_due:
                self._status_due = False
                await self._connection.send(_text({"type": "status", "report": self._session.report()}))
            if self._lines_sent is not None:
                lines, self._lines_sent = self._lines.since(self._lines_sent)
                if lines:
                    await self._connection.send(_text({"type": "log", "lines": lines}))
            for watch in list(self._watches.values()):
                if watch.slot is not None and is_large(watch.slot.value):
                    task = asyncio.create_task(self._send_value(watch))
                    self._reducing.add(task)
                    task.add_done_callback(self._reducing.discard)
                elif watch.slot is not None:
                    await self._send_value(watch)

    async def _send_value(self, watch: Watch) -> None:
        taken = watch.take(time.monotonic())
        if taken is None:
            return
        captured, dropped = taken
        try:
            fields, payload = await self._reduced(watch.request, captured)
        except ZookeeperError as error:
            self._drop(watch, error.code, str(error))
            return
        except Exception as error:  # noqa: BLE001  whatever user code leaves in a signal, the others still come
            self._drop(watch, "UNAVAILABLE", f"{watch.request.path} cannot be sent: {first_line(error)}")
            return
        header = {
            "id": watch.request.id,
            "timeline": captured.timeline,
            "step": captured.step,
            "time": captured.time,
            "overridden": captured.overridden,
            "dropped": dropped,
            **fields,
        }
        await self._connection.send(pack(header, payload))
        wait_s = watch.wait_s(time.monotonic())
        if wait_s > 0:
            self._loop.call_later(wait_s, self._ask, watch)
        else:
            self._ask(watch)

    async def _reduced(self, request: WatchRequest, captured: Captured) -> tuple[dict[str, Any], bytes]:
        signal = (self._signals.catalogue or {}).get(request.path)
        modality = None if signal is None else signal["modality"]
        try:
            if self._aside is None or not is_large(captured.value):
                return reduced(captured.value, request, modality)
            return await self._loop.run_in_executor(self._aside, reduced, captured.value, request, modality)
        except PictureUnavailable as reason:
            if request.id not in self._shown_as_raw:
                self._shown_as_raw.add(request.id)
                self._problem(request.id, "INVALID_INPUT", f"{request.path} is sent RAW: {reason}")
            plain = WatchRequest(request.id, request.path, None, "FULL", request.max_size)
            return reduced(captured.value, plain, modality)


def is_large(value: Any) -> bool:
    """Tells whether reducing `value` would keep others waiting."""
    return getattr(value, "nbytes", 0) > LARGE_BYTES


def decoded(message: str | bytes) -> dict[str, Any]:
    """Returns a text message. Raises: InvalidInput for what is no JSON object."""
    if isinstance(message, bytes):
        raise InvalidInput("a binary message came where a text message was expected")
    try:
        content = json.loads(message)
    except ValueError as error:
        raise InvalidInput(f"a text message is no JSON ({error})") from None
    if not isinstance(content, dict):
        raise InvalidInput(f"a text message holds a {type(content).__name__}; it must be an object")
    return content


def _text(message: Mapping[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"), allow_nan=False)


def _nearest(path: str, catalogue: Mapping[str, SignalDoc]) -> str:
    close = difflib.get_close_matches(path, list(catalogue), 3, 0.4)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"there are {', '.join(sorted(catalogue)[:8])}" if catalogue else "there are none yet"
