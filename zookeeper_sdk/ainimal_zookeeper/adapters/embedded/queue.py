"""The message queue of the embedded zoo: a table in one SQLite file, and the threads that deliver from it."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ainimal_zookeeper.domain.errors import DataCorrupt, ZookeeperError
from ainimal_zookeeper.ports.queue import Delivery, Handler, Message

from .database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (number INTEGER PRIMARY KEY, id TEXT NOT NULL, topic TEXT NOT NULL,
    data TEXT NOT NULL, deliveries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL, dead INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS due_message ON message (topic, dead, due)
"""
_COLUMNS = "SELECT number, id, topic, data, deliveries FROM message "

_AT_ONCE = 8  # handlers of one subscription that run at the same time
_POLL_S = 0.1  # how late a message of another process is seen
_RETRY_CAP_S = 30.0
_CLOSE_S = 5.0

_logger = logging.getLogger(__name__)


class SqliteQueue:
    """A `Queue` in the file `path`, which several processes may have open.

    The n-th failure of a message delays it by `retry_base_s` * 2**(n-1), at most 30 s. A message belongs to whom it is
    delivered for `lease_s`, which is prolonged while the handler runs: so one whose process dies comes again.
    """

    def __init__(
        self, path: Path, *, max_deliveries: int = 20, retry_base_s: float = 0.1, lease_s: float = 5.0
    ) -> None:
        self._database = Database(path, _SCHEMA)
        self._max_deliveries = max_deliveries
        self._retry_base_s = retry_base_s
        self._lease_s = lease_s
        self._changed = threading.Condition()
        self._subscriptions: list[_Subscription] = []
        self._running: dict[int, int] = {}  # number of a message in a handler: its delivery
        self._stirred = False  # something happened that the dispatcher has not looked at
        self._dispatcher: threading.Thread | None = None
        self._closed = False

    def publish(self, topic: str, data: Mapping[str, Any]) -> str:
        message_id = f"msg_{uuid.uuid4().hex}"
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO message (id, topic, data, due) VALUES (?, ?, ?, ?)",
                (message_id, topic, json.dumps(data), time.time()),
            )
        with self._changed:
            self._stirred = True
            self._changed.notify_all()
        return message_id

    def subscribe(self, topic: str, handler: Handler) -> _Subscription:
        subscription = _Subscription(self, topic, handler)
        with self._changed:
            if self._closed:
                raise RuntimeError(f"the queue {self._database.path} is closed")
            self._subscriptions.append(subscription)
            if self._dispatcher is None:
                self._dispatcher = threading.Thread(target=self._dispatch, name="queue-dispatcher", daemon=True)
                self._dispatcher.start()
            self._stirred = True
            self._changed.notify_all()
        return subscription

    def dead_letters(self, topic: str) -> list[Message]:
        with self._database.reading() as connection:
            rows = connection.execute(_COLUMNS + "WHERE topic = ? AND dead = 1 ORDER BY number", (topic,)).fetchall()
        return [_message(row) for row in rows]

    def close(self) -> None:
        """Delivers no more and waits up to 5 s for the handlers that run; what they leave undone comes again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._dispatcher is not None:
            self._dispatcher.join()
        with self._changed:
            if not self._changed.wait_for(lambda: not self._running, _CLOSE_S):
                _logger.warning("%d handlers of the queue still run; their messages come again", len(self._running))
        self._database.close()

    # Only `publish` promises that its commit outlives the power: any other that is lost means one delivery more.

    # --- the dispatcher's thread -------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        prolong_at = 0.0
        wait_s = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stirred or self._closed, wait_s)
                self._stirred = False
                if self._closed:
                    return
                subscriptions = list(self._subscriptions)
            try:
                # By the clock of the leases, which also goes on while the computer sleeps.
                if time.time() >= prolong_at:
                    prolong_at = time.time() + self._lease_s / 3
                    self._prolong()
                for subscription in subscriptions:
                    self._deliver_due(subscription)
                wait_s = self._quiet_s(subscriptions)
            except ZookeeperError as error:
                _logger.warning("the queue cannot deliver: %s", error)
                wait_s = 1.0

    def _quiet_s(self, subscriptions: list[_Subscription]) -> float:
        """Returns how long nothing is due, at most until it is time to look for messages of other processes."""
        free = [subscription.topic for subscription in subscriptions if subscription.running < _AT_ONCE]
        with self._database.reading() as connection:
            dues = [
                connection.execute("SELECT min(due) FROM message WHERE topic = ? AND dead = 0", (topic,)).fetchone()[0]
                for topic in free
            ]
        first = min((due for due in dues if due is not None), default=float("inf"))
        return max(0.0, min(_POLL_S, first - time.time()))

    def _deliver_due(self, subscription: _Subscription) -> None:
        now = time.time()
        due = "WHERE topic = ? AND dead = 0 AND due <= ? ORDER BY due LIMIT ?"
        parameters = (subscription.topic, now, _AT_ONCE - subscription.running)
        with self._database.reading() as connection:
            if connection.execute(_COLUMNS + due, parameters).fetchone() is None:
                return
        with self._database.writing(durable=False) as connection:
            rows = connection.execute(_COLUMNS + due, parameters).fetchall()
            # A message whose every delivery ended with its process's death has had its chances, too.
            connection.executemany(
                "UPDATE message SET deliveries = deliveries + (deliveries < ?), dead = (deliveries >= ?), due = ? "
                "WHERE number = ?",
                [(self._max_deliveries, self._max_deliveries, now + self._lease_s, row[0]) for row in rows],
            )
        for row in rows:
            if row[4] < self._max_deliveries:
                self._start(subscription, row[0], _message((*row[:4], row[4] + 1)))

    def _start(self, subscription: _Subscription, number: int, message: Message) -> None:
        with self._changed:
            self._running[number] = message.attempt
            subscription.running += 1
        threading.Thread(
            target=self._handle, args=(subscription, number, message), name=f"queue-{message.topic}", daemon=True
        ).start()

    def _prolong(self) -> None:
        with self._changed:
            running = list(self._running.items())
        if running:
            due = time.time() + self._lease_s
            with self._database.writing(durable=False) as connection:
                connection.executemany(
                    "UPDATE message SET due = ? WHERE number = ? AND deliveries = ?",
                    [(due, number, attempt) for number, attempt in running],
                )

    # --- a handler's thread ------------------------------------------------------------------------------------------

    def _handle(self, subscription: _Subscription, number: int, message: Message) -> None:
        try:
            answer = subscription.call(message)
            if answer is None:
                self._give_back(number, message)
            else:
                self._settle(number, message, answer)
        except (ZookeeperError, RuntimeError) as error:
            _logger.warning("message %s comes again, its answer was not written: %s", message.id, error)
        finally:
            with self._changed:
                self._running.pop(number, None)
                subscription.running -= 1
                self._stirred = True
                self._changed.notify_all()

    def _settle(self, number: int, message: Message, answer: Delivery) -> None:
        with self._database.writing(durable=False) as connection:
            if answer is Delivery.ACK:
                connection.execute("DELETE FROM message WHERE number = ?", (number,))
                return
            delay_s = min(_RETRY_CAP_S, self._retry_base_s * 2 ** (message.attempt - 1))
            dead = message.attempt >= self._max_deliveries
            connection.execute(
                "UPDATE message SET due = ?, dead = ? WHERE number = ? AND deliveries = ?",
                (time.time() + delay_s, dead, number, message.attempt),
            )
        if dead:
            _logger.error("message %s on %s is dead after %d deliveries", message.id, message.topic, message.attempt)

    def _give_back(self, number: int, message: Message) -> None:
        with self._database.writing(durable=False) as connection:
            connection.execute(
                "UPDATE message SET due = ?, deliveries = deliveries - 1 WHERE number = ? AND deliveries = ?",
                (time.time(), number, message.attempt),
            )

    def _forget(self, subscription: _Subscription) -> None:
        with self._changed:
            self._subscriptions = [other for other in self._subscriptions if other is not subscription]


class _Subscription:
    def __init__(self, queue: SqliteQueue, topic: str, handler: Handler) -> None:
        self.topic = topic
        self.running = 0
        self._queue = queue
        self._handler = handler
        self._open = True

    def call(self, message: Message) -> Delivery | None:
        """Returns the handler's answer; None when nobody listens any more, then the message comes again."""
        if not self._open:
            return None
        try:
            return self._handler(message)
        except Exception:
            _logger.exception("the handler of message %s on %s raised", message.id, message.topic)
            return Delivery.RETRY

    def close(self) -> None:
        self._open = False
        self._queue._forget(self)


def _message(row: tuple[Any, ...]) -> Message:
    _, message_id, topic, data, deliveries = row
    try:
        return Message(message_id, topic, json.loads(data), deliveries)
    except ValueError as error:
        raise DataCorrupt(f"message {message_id} on {topic} is no JSON ({error}): {data[:80]!r}") from error
