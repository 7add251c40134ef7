"""The live server: one thread with an asyncio loop that speaks docs/protocols.md sections 2 and 3.

The step thread never waits for it: it leaves values, and this thread reduces and sends them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ainimal_zookeeper.domain.errors import InvalidInput, ZookeeperError
from ainimal_zookeeper.domain.tokens import same_token, seat_token
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ..settings import PROTOCOL
from .viewer import Viewer, decoded, is_large

if TYPE_CHECKING:
    from ..console import Lines
    from ..driving import Steering
    from ..inference import Inference
    from ..seats import SeatBoard
    from ..session import Session
    from ..signals import Captured, Signals, Unreadable

BAD_PROTOCOL, BAD_TOKEN, NO_SEAT, TRY_LATER = 4400, 4401, 4409, 1013
_OUTBOX = 64
_HELLO_PATIENCE_S = 10.0
_STATUS_PERIOD_S = 0.5
_LOG_PERIOD_S = 0.1
_MESSAGE_BYTES = 64 * 2**20
_SEND_BUFFER_BYTES = 256 * 1024
_GIVE_WAY_S = 0.002
_GIVE_WAY_SHARE = 50  # of its time the step thread gives away at most one part in so many
_QUIET_SWITCH_S, _WATCHED_SWITCH_S = 0.001, 0.0005


class LiveServer:
    """Serves viewers on `/live` and, for worlds, joiners on `/seat`, of whoever connects to `listening`."""

    def __init__(
        self,
        listening: socket.socket,
        session: Session,
        signals: Signals,
        lines: Lines,
        inference: Inference | None,
        seats: SeatBoard | None,
        steering: Callable[[], Steering | None] = lambda: None,
    ) -> None:
        self._socket = listening
        self._session = session
        self._signals = signals
        self._lines = lines
        self._inference = inference
        self._seats = seats
        self._steering = steering
        self._token: str = session.launch["liveToken"]
        self._viewers: set[Viewer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._aside = ThreadPoolExecutor(1, "zoo-reduce")
        self._sent = threading.Event()
        self._gives_way_at = 0.0

    def start(self) -> None:
        thread = threading.Thread(target=self._run, name="zoo-live", daemon=True)
        thread.start()
        self._thread = thread  # only now: another thread may be closing already, and waits for what it finds here

    def close(self, reason: str, patience_s: float = 1.0) -> None:
        """Says `bye` to everybody and ends the thread. Idempotent."""
        if self._loop is not None and self._closing is not None:
            closing = self._closing

            def leave() -> None:
                for viewer in self._viewers:
                    viewer.reply({"type": "bye", "reason": reason})
                closing.set()

            try:
                self._loop.call_soon_threadsafe(leave)
            except RuntimeError:  # the loop has ended
                return
        if self._thread is not None:
            self._thread.join(patience_s)

    # --- called by other threads -------------------------------------------------------------------------------------

    def deliver(self, results: list[Captured | Unreadable]) -> None:
        """Hands values over to the viewers that wait for them, and gives way for a moment until they are sent.

        The interpreter runs one thread at a time. Who steps without a pause would let this one wait for it several
        times for each value, and on a busy machine each time takes milliseconds.
        """
        if not self._viewers:
            return
        self._sent.clear()
        self._call(lambda: self._hand_over(results))
        begun = time.monotonic()
        if begun < self._gives_way_at or any(is_large(getattr(result, "value", None)) for result in results):
            return
        self._sent.wait(_GIVE_WAY_S)
        now = time.monotonic()
        self._gives_way_at = now + (now - begun) * _GIVE_WAY_SHARE

    def tell_status(self) -> None:
        self._call(self._tell_status)

    def _call(self, function: Callable[[], Any]) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop has ended
            return

    # --- in the live thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - the attempt goes on without being watched
            self._session.event("WARNING", f"the live server ended: {type(error).__name__}: {error}")

    async def _serve(self) -> None:
        # Its tracebacks on malformed handshakes and lost connections would be the AInimal's log.
        logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
        self._closing = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._signals.consumers.append(self.deliver)
        self._session.listen(lambda _urgent: self.tell_status())
        async with serve(
            self._connected,
            sock=self._socket,
            compression=None,
            max_size=_MESSAGE_BYTES,
            write_limit=_SEND_BUFFER_BYTES // 4,
            close_timeout=0.5,
        ):
            periodic = asyncio.create_task(self._periodically())
            await self._closing.wait()
            # One turn of the loop and a little, for the last words to leave.
            await asyncio.sleep(0.05)
            periodic.cancel()
            self._aside.shutdown(wait=False, cancel_futures=True)

    async def _periodically(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(_LOG_PERIOD_S)
            turn += 1
            for viewer in self._viewers:
                viewer.tell_lines()
            if turn % round(_STATUS_PERIOD_S / _LOG_PERIOD_S) == 0:
                self._tell_status()

    def _hand_over(self, results: list[Captured | Unreadable]) -> None:
        for viewer in self._viewers:
            viewer.deliver(results)
        asyncio.get_running_loop().call_soon(self._sent.set)  # after those that the viewers have woken

    def _tell_status(self) -> None:
        for viewer in self._viewers:
            viewer.tell_status()

    async def _connected(self, connection: ServerConnection) -> None:
        transport_socket = connection.transport.get_extra_info("socket")
        transport_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        path = connection.request.path.split("?")[0] if connection.request is not None else ""
        try:
            hello = await self._hello(connection)
            if hello is None:
                return
            if path.endswith("/seat"):
                await self._seated(connection, str(hello.get("instanceId")))
            elif path.endswith("/live"):
                await self._viewing(connection)
            else:
                await connection.close(BAD_PROTOCOL, f"there is nothing at {path}; /live and /seat are served")
        except ConnectionClosed:
            return

    async def _hello(self, connection: ServerConnection) -> dict[str, Any] | None:
        """Returns the first message when it is a right one; closes the connection otherwise."""
        try:
            message = decoded(await asyncio.wait_for(connection.recv(), _HELLO_PATIENCE_S))
        except (InvalidInput, asyncio.TimeoutError) as error:
            await connection.close(BAD_PROTOCOL, f"expected hello: {error}"[:120])
            return None
        if message.get("type") != "hello" or message.get("protocol") != PROTOCOL:
            await connection.close(
                BAD_PROTOCOL, f"expected hello of protocol {PROTOCOL}, got protocol {message.get('protocol')!r:.20}"
            )
            return None
        expected = self._token
        if connection.request is not None and connection.request.path.split("?")[0].endswith("/seat"):
            expected = seat_token(self._token, str(message.get("instanceId")))
        if not same_token(str(message.get("token")), expected):
            await connection.close(BAD_TOKEN, "the token is not of this attempt")
            return None
        return message

    async def _viewing(self, connection: ServerConnection) -> None:
        session = self._session
        await connection.send(
            json.dumps(
                {
                    "type": "welcome",
                    "protocol": PROTOCOL,
                    "instanceId": session.instance_id,
                    "attempt": session.attempt,
                    "timeline": session.timeline,
                }
            )
        )
        viewer = Viewer(connection, session, self._signals, self._lines, self._inference, self._steering, self._aside)
        self._viewers.add(viewer)
        sys.setswitchinterval(_WATCHED_SWITCH_S)
        try:
            await viewer.run()
        finally:
            self._viewers.discard(viewer)
            if not self._viewers:
                sys.setswitchinterval(_QUIET_SWITCH_S)

    async def _seated(self, connection: ServerConnection, instance_id: str) -> None:
        board = self._seats
        if board is not None and not board.is_open:
            await connection.close(TRY_LATER, "the world is still loading")
            return
        outbox: asyncio.Queue[bytes] = asyncio.Queue()
        chair = (
            None if board is None else board.sit(instance_id, lambda message: self._call(lambda: _put(outbox, message)))
        )
        if board is None or chair is None:
            what = "all seats of this world are taken" if board is not None else "this instance is no world"
            await connection.close(NO_SEAT, what)
            return
        sending: asyncio.Task[None] | None = None
        try:
            await connection.send(json.dumps({"type": "seated", **board.description(chair)}))
            sending = asyncio.create_task(_send_all(connection, outbox))
            async for message in connection:
                if isinstance(message, bytes):
                    board.act(chair, message)
        except ZookeeperError as error:
            await connection.close(BAD_PROTOCOL, str(error)[:120])
        finally:
            board.leave(chair)
            if sending is not None:
                sending.cancel()


def _put(outbox: asyncio.Queue[bytes], message: bytes) -> None:
    while outbox.qsize() >= _OUTBOX:
        outbox.get_nowait()  # whoever does not read is shown the newest when it does
    outbox.put_nowait(message)


async def _send_all(connection: ServerConnection, outbox: asyncio.Queue[bytes]) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            await connection.send(await outbox.get())
