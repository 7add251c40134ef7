"""The message queue of the cloud zoo: Pub/Sub.

In the cloud a push subscription brings messages to the launcher (`job_launcher.push`); `subscribe` pulls them, for
hosts that no push can reach. Topics and subscriptions are made by Terraform, or by `pubsub_topics` on the emulator.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions
from google.api_core.retry import Retry

from ainimal_zookeeper.domain.errors import DataCorrupt, ZookeeperError
from ainimal_zookeeper.ports.queue import Delivery, Handler, Message

from .failures import PATIENCE_S, translated
from .pubsub_topics import Names

if TYPE_CHECKING:
    from google.cloud import pubsub_v1
    from google.pubsub_v1.types import ReceivedMessage

_AT_ONCE = 8  # handlers of one subscription that run at the same time
_LETTERS_AT_ONCE = 1000
# Pub/Sub answers that there is nothing about a second before the client would leave. A pull that is left may take
# messages with it, which then come only after their lease: so pulls are short, and none is ever broken off.
_PULL_S = 1.5
_AGAIN_S = 1.0
_CLOSE_S = 5.0
_CALL: dict[str, Any] = {"retry": Retry(initial=0.1, maximum=1.0, timeout=PATIENCE_S), "timeout": PATIENCE_S}
_ID = "id"

_logger = logging.getLogger(__name__)


class PubsubQueue:
    """A `Queue` on topics of `project`, whose names start with `prefix`.

    A message belongs to whom it is delivered for `lease_s` (at least 1), which is prolonged while the handler runs: so
    one whose process dies comes again. How often, after what delay, and when it becomes a dead letter is up to the
    subscription. Pub/Sub's library takes a quarter of a second to import, and waits for the first call.
    """

    def __init__(self, project: str, *, prefix: str = "", lease_s: int = 10) -> None:
        self._names = Names(project, prefix)
        self._lease_s = lease_s
        self._changed = threading.Condition()
        self._made_publisher: pubsub_v1.PublisherClient | None = None
        self._made_subscriber: pubsub_v1.SubscriberClient | None = None
        self._consumers: list[_Consumer] = []
        self._keeper: threading.Thread | None = None
        self._closed = False

    def publish(self, topic: str, data: Mapping[str, Any]) -> str:
        self._check_open()
        # The message's own id is ours: Pub/Sub gives another to each try of a publisher, and to a dead letter.
        message_id = f"msg_{uuid.uuid4().hex}"
        path = self._names.topic(topic)
        with translated(path):
            sent = self._publisher.publish(path, json.dumps(data).encode(), **{_ID: message_id}, **_CALL)
            sent.result(timeout=PATIENCE_S + 1)
        return message_id

    def subscribe(self, topic: str, handler: Handler) -> _Consumer:
        self._check_open()
        consumer = _Consumer(self._subscriber, topic, self._names.subscription(topic), handler, self._lease_s)
        with self._changed:
            self._consumers.append(consumer)
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep_leases, name="queue-leases", daemon=True)
                self._keeper.start()
        consumer.start()
        return consumer

    def dead_letters(self, topic: str) -> list[Message]:
        """Takes about a second: only by waiting one learns that there are no more. What is no JSON is logged only."""
        self._check_open()
        path = self._names.dead_subscription(topic)
        found: list[ReceivedMessage] = []
        with translated(path):
            while received := _pull(self._subscriber, path, _LETTERS_AT_ONCE):
                found += received
            if found:
                _set_deadline(self._subscriber, path, [letter.ack_id for letter in found], 0)
        letters = (_readable(topic, letter) for letter in found)
        return [letter for letter in letters if letter is not None]

    def close(self) -> None:
        """Delivers no more and waits up to 5 s for the handlers that run; what they leave undone comes again."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            consumers = list(self._consumers)
            self._changed.notify_all()
        for consumer in consumers:
            consumer.close()
        for consumer in consumers:
            consumer.join(_CLOSE_S)
        if self._keeper is not None:
            self._keeper.join()
        if self._made_publisher is not None:
            self._made_publisher.stop()
            self._made_publisher.transport.close()
        if self._made_subscriber is not None:
            self._made_subscriber.close()

    @property
    def _publisher(self) -> pubsub_v1.PublisherClient:
        with self._changed:
            if self._made_publisher is None:
                from google.cloud import pubsub_v1

                with translated(f"Pub/Sub of {self._names.project}"):
                    one_by_one = pubsub_v1.types.BatchSettings(max_messages=1)
                    self._made_publisher = pubsub_v1.PublisherClient(batch_settings=one_by_one)
            return self._made_publisher

    @property
    def _subscriber(self) -> pubsub_v1.SubscriberClient:
        with self._changed:
            if self._made_subscriber is None:
                from google.cloud import pubsub_v1

                with translated(f"Pub/Sub of {self._names.project}"):
                    self._made_subscriber = pubsub_v1.SubscriberClient()
            return self._made_subscriber

    def _keep_leases(self) -> None:
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._closed, self._lease_s / 3):
                    return
                self._consumers = [consumer for consumer in self._consumers if consumer.is_alive]
                consumers = list(self._consumers)
            for consumer in consumers:
                consumer.prolong()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(f"the queue of {self._names.project} is closed")


class _Consumer:
    """A `Subscription`: a thread that pulls, and one for each message that is being handled."""

    def __init__(
        self, subscriber: pubsub_v1.SubscriberClient, topic: str, path: str, handler: Handler, lease_s: int
    ) -> None:
        self._subscriber = subscriber
        self._topic = topic
        self._path = path
        self._handler = handler
        self._lease_s = lease_s
        self._changed = threading.Condition()
        self._running: set[str] = set()  # acknowledgement ids
        self._open = True
        self._thread = threading.Thread(target=self._run, name=f"queue-{topic}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        with self._changed:
            return self._open or bool(self._running)

    def close(self) -> None:
        with self._changed:
            self._open = False
            self._changed.notify_all()

    def join(self, patience_s: float) -> None:
        """Waits until what `close` has ended is over; for handlers up to `patience_s`."""
        self._thread.join()
        with self._changed:
            if not self._changed.wait_for(lambda: not self._running, patience_s):
                _logger.warning("%d handlers of the queue still run; their messages come again", len(self._running))

    def prolong(self) -> None:
        with self._changed:
            running = list(self._running)
        self._settle(running, self._lease_s)

    # --- the thread that pulls ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (received := self._received()) is not None:
            if received:
                self._settle([item.ack_id for item in received], self._lease_s)
            for item in received:
                threading.Thread(target=self._handle, args=(item,), name=f"queue-{self._topic}", daemon=True).start()

    def _received(self) -> list[ReceivedMessage] | None:
        """Waits a while for messages, counts them as running, and returns them; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open or len(self._running) < _AT_ONCE)
            if not self._open:
                return None
            room = _AT_ONCE - len(self._running)
        try:
            with translated(self._path):
                received = _pull(self._subscriber, self._path, room)
        except ZookeeperError as error:
            _logger.warning("messages cannot be pulled: %s", error)
            with self._changed:
                self._changed.wait_for(lambda: not self._open, _AGAIN_S)
            return []
        with self._changed:
            self._running.update(item.ack_id for item in received)
        return received

    # --- a handler's thread ------------------------------------------------------------------------------------------

    def _handle(self, received: ReceivedMessage) -> None:
        try:
            if self._answer(received) is Delivery.ACK:
                with translated(self._path):
                    self._subscriber.acknowledge(subscription=self._path, ack_ids=[received.ack_id], **_CALL)
            else:
                self._settle([received.ack_id], 0)
        except ZookeeperError as error:
            _logger.warning("message %s comes again, its answer was not taken: %s", received.message.message_id, error)
        finally:
            with self._changed:
                self._running.discard(received.ack_id)
                self._changed.notify_all()

    def _answer(self, received: ReceivedMessage) -> Delivery:
        if not self._open:
            return Delivery.RETRY
        try:
            return self._handler(_message(self._topic, received))
        except DataCorrupt as error:
            _logger.warning("%s; it comes again until it is a dead letter", error)
            return Delivery.RETRY
        except Exception:
            _logger.exception("the handler of message %s on %s raised", received.message.message_id, self._topic)
            return Delivery.RETRY

    def _settle(self, ack_ids: list[str], seconds: int) -> None:
        """Lets the messages be ours for so long; 0 gives them back. What fails is made up for by the next delivery."""
        if ack_ids:
            try:
                with translated(self._path):
                    _set_deadline(self._subscriber, self._path, ack_ids, seconds)
            except ZookeeperError as error:
                _logger.warning("the lease of %d messages was not set: %s", len(ack_ids), error)


def _pull(subscriber: pubsub_v1.SubscriberClient, path: str, at_most: int) -> list[ReceivedMessage]:
    try:
        answer = subscriber.pull(subscription=path, max_messages=at_most, retry=None, timeout=_PULL_S)
    except exceptions.DeadlineExceeded:
        return []
    return list(answer.received_messages)


def _set_deadline(subscriber: pubsub_v1.SubscriberClient, path: str, ack_ids: list[str], seconds: int) -> None:
    subscriber.modify_ack_deadline(subscription=path, ack_ids=ack_ids, ack_deadline_seconds=seconds, **_CALL)


def _message(topic: str, received: ReceivedMessage) -> Message:
    wrapped = received.message
    letter_of = wrapped.attributes.get("CloudPubSubDeadLetterSourceDeliveryCount")
    try:
        data = json.loads(wrapped.data)
    except ValueError as error:
        raise DataCorrupt(f"message {wrapped.message_id} on {topic} is no JSON: {wrapped.data[:80]!r}") from error
    if not isinstance(data, dict):
        raise DataCorrupt(f"message {wrapped.message_id} on {topic} is no JSON object: {wrapped.data[:80]!r}")
    attempt = int(letter_of or received.delivery_attempt or 1)
    return Message(wrapped.attributes.get(_ID) or wrapped.message_id, topic, data, attempt)


def _readable(topic: str, letter: ReceivedMessage) -> Message | None:
    try:
        return _message(topic, letter)
    except DataCorrupt as error:
        _logger.warning("a dead letter cannot be read: %s", error)
        return None
