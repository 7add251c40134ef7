"""What every queue does. A binding gives the fixture `place`, where queues are opened."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import ClassVar, Protocol

import pytest
from ainimal_zookeeper.ports.queue import Delivery, Message, Queue
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.conformance.deadline import DEADLINE_S, Heard, eventually, run_all


class QueuePlace(Protocol):
    """Where the messages of one test lie."""

    def open(self, *, max_deliveries: int = 20) -> Queue:
        """Returns a new adapter with short delays between deliveries."""
        ...

    def consume_and_die(self, topic: str) -> None:
        """Lets another process take one message of `topic` and be killed while it handles it; returns afterwards."""
        ...


class QueueTests:
    """Bind it by a subclass, in a module with a fixture `place`."""

    ATTEMPTS_ARE_EXACT: ClassVar[bool] = True  # whether `attempt` counts all deliveries, also those of dead processes
    FEWEST_DELIVERIES: ClassVar[int] = 3  # the least maximum of deliveries that the binding tries

    @pytest.fixture
    def queue(self, place: QueuePlace) -> Queue:
        return place.open()

    def test_delivers_what_is_published(self, queue: Queue) -> None:
        """A message arrives with its id, topic and data, as the first attempt."""
        heard = _acknowledge(queue, "launches")
        message_id = queue.publish("launches", {"instanceId": "a", "attempt": 1, "deep": {"list": [1, None]}})
        assert heard.wait_for(1) == [
            Message(message_id, "launches", {"instanceId": "a", "attempt": 1, "deep": {"list": [1, None]}}, 1)
        ]

    def test_delivers_what_was_published_before(self, place: QueuePlace) -> None:
        """Messages wait for their subscriber, also over the end of the adapter that took them."""
        first = place.open()
        ids = {first.publish("launches", {"n": n}) for n in range(3)}
        first.close()
        assert {message.id for message in _acknowledge(place.open(), "launches").wait_for(3)} == ids

    def test_delivers_to_another_adapter(self, place: QueuePlace) -> None:
        """A message published by one adapter reaches a subscriber that already waits at another."""
        heard = _acknowledge(place.open(), "launches")
        message_id = place.open().publish("launches", {})
        assert heard.wait_for(1)[0].id == message_id

    def test_topics_are_apart(self, queue: Queue) -> None:
        """A subscriber gets its topic only."""
        heard, other = _acknowledge(queue, "launches"), _acknowledge(queue, "other")
        queue.publish("other", {"n": 1})
        queue.publish("launches", {"n": 2})
        assert [message.data["n"] for message in heard.wait_for(1)] == [2]
        assert [message.data["n"] for message in other.wait_for(1)] == [1]

    def test_delivers_again_after_retry(self, queue: Queue) -> None:
        """RETRY brings the same message again, with attempts that grow, until ACK."""
        heard = Heard[Message]()

        def handle(message: Message) -> Delivery:
            heard(message)
            return Delivery.ACK if message.attempt == 3 else Delivery.RETRY

        queue.subscribe("launches", handle)
        message_id = queue.publish("launches", {})
        messages = heard.wait_for(3)
        assert [(message.id, message.attempt) for message in messages] == [(message_id, n) for n in (1, 2, 3)]

    def test_delivers_again_after_an_exception(self, queue: Queue, caplog: pytest.LogCaptureFixture) -> None:
        """A handler that raises means RETRY, and is logged."""
        heard = Heard[Message]()

        def handle(message: Message) -> Delivery:
            heard(message)
            if message.attempt == 1:
                raise LookupError("handler")
            return Delivery.ACK

        queue.subscribe("launches", handle)
        queue.publish("launches", {})
        assert len(heard.wait_for(2)) == 2
        assert "LookupError" in caplog.text

    def test_delivers_again_after_a_kill(self, place: QueuePlace) -> None:
        """A message whose process is killed in the middle is delivered to another."""
        queue = place.open()
        message_id = queue.publish("launches", {"n": 1})
        place.consume_and_die("launches")
        message = _acknowledge(queue, "launches").wait_for(1)[0]
        assert message.id == message_id
        assert message.data == {"n": 1}
        assert message.attempt == 2 or not self.ATTEMPTS_ARE_EXACT

    def test_acknowledged_messages_do_not_come_again(self, place: QueuePlace) -> None:
        """What was acknowledged is gone, also for the next adapter."""
        queue = place.open()
        heard = _acknowledge(queue, "launches")
        queue.publish("launches", {"n": 1})
        heard.wait_for(1)
        queue.close()
        other = place.open()
        heard = _acknowledge(other, "launches")
        other.publish("launches", {"n": 2})
        assert [message.data["n"] for message in heard.wait_for(1)] == [2]

    def test_becomes_a_dead_letter(self, place: QueuePlace) -> None:
        """After the maximum of deliveries a message is set aside and the others go on."""
        queue = place.open(max_deliveries=self.FEWEST_DELIVERIES)
        heard = Heard[Message]()

        def handle(message: Message) -> Delivery:
            heard(message)
            return Delivery.RETRY if message.data["n"] == 1 else Delivery.ACK

        queue.subscribe("launches", handle)
        bad = queue.publish("launches", {"n": 1})
        heard.wait_for(self.FEWEST_DELIVERIES)
        queue.publish("launches", {"n": 2})
        messages = heard.wait_for(self.FEWEST_DELIVERIES + 1)
        eventually(lambda: bool(queue.dead_letters("launches")), "a dead letter")
        queue.close()
        letters = place.open().dead_letters("launches")
        assert [(letter.id, letter.data) for letter in letters] == [(bad, {"n": 1})]
        assert Counter(message.data["n"] for message in messages) == {1: self.FEWEST_DELIVERIES, 2: 1}

    def test_slow_handler_holds_up_nobody(self, queue: Queue) -> None:
        """While one handler works, other messages are delivered."""
        release, quick = threading.Event(), Heard[Message]()

        def handle(message: Message) -> Delivery:
            if message.data["slow"]:
                assert release.wait(DEADLINE_S)
            else:
                quick(message)
            return Delivery.ACK

        queue.subscribe("launches", handle)
        queue.publish("launches", {"slow": True})
        for _ in range(3):
            queue.publish("launches", {"slow": False})
        quick.wait_for(3)
        release.set()

    def test_concurrent_consumers_lose_nothing(self, place: QueuePlace) -> None:
        """Many publishers and several consumers: each message is handled, by somebody."""
        queues = [place.open() for _ in range(3)]
        heard = Heard[Message]()

        def handle(message: Message) -> Delivery:
            heard(message)
            return Delivery.ACK

        for queue in queues:
            queue.subscribe("launches", handle)
        published: list[str] = []

        def publish(queue: Queue) -> None:
            published.extend(queue.publish("launches", {"n": n}) for n in range(10))

        run_all([threading.Thread(target=publish, args=(queue,)) for queue in queues])
        heard.wait_for(30)
        assert {message.id for message in heard.items} == set(published)

    def test_closed_subscription_gets_nothing(self, queue: Queue) -> None:
        """After `close` others get the messages."""
        closed, open_ = Heard[Message](), Heard[Message]()

        def handle(message: Message) -> Delivery:
            closed(message)
            return Delivery.RETRY

        queue.subscribe("launches", handle).close()
        queue.publish("launches", {})

        def accept(message: Message) -> Delivery:
            open_(message)
            return Delivery.ACK

        queue.subscribe("launches", accept)
        open_.wait_for(1)
        assert closed.items == []


def _acknowledge(queue: Queue, topic: str) -> Heard[Message]:
    heard = Heard[Message]()

    def handle(message: Message) -> Delivery:
        heard(message)
        return Delivery.ACK

    queue.subscribe(topic, handle)
    return heard


def queue_machine(
    make: Callable[[], tuple[Callable[[], Queue], Callable[[], None]]],
    *,
    max_deliveries: int,
    exact: bool = True,
    topic: str = "launches",
) -> type[RuleBasedStateMachine]:
    """Returns a state machine whose messages fail a planned number of times while consumers and queues come and go.

    make: returns what opens an adapter on a new place, and what removes the place.
    exact: whether a delivery that reached no handler, because its consumer was just closing, does not count.
    """

    class QueueMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.open, self.remove = make()
            self.queue = self.open()
            self.changed = threading.Condition()
            self.failures: dict[str, int] = {}  # by the message's name: how often it fails
            self.attempts: dict[str, list[int]] = defaultdict(list)
            self.subscriptions = [self.queue.subscribe(topic, self.handle)]

        def handle(self, message: Message) -> Delivery:
            name = message.data["name"]
            with self.changed:
                self.attempts[name].append(message.attempt)
                self.changed.notify_all()
            if message.attempt > self.failures[name]:
                return Delivery.ACK
            if self.failures[name] % 2:
                raise LookupError(name)
            return Delivery.RETRY

        def is_done(self, name: str) -> bool:
            """Tells whether the message's last delivery, as far as one was heard of, has been its last."""
            return max(self.attempts[name], default=0) >= min(self.failures[name] + 1, max_deliveries)

        @rule(failures=st.integers(0, max_deliveries + 1))
        def publish(self, failures: int) -> None:
            name = str(len(self.failures))
            self.failures[name] = failures
            self.queue.publish(topic, {"name": name})

        @rule()
        def subscribe(self) -> None:
            self.subscriptions.append(self.queue.subscribe(topic, self.handle))

        @rule()
        def unsubscribe(self) -> None:
            if self.subscriptions:
                self.subscriptions.pop().close()

        @rule()
        def open_again(self) -> None:
            self.queue.close()
            self.queue = self.open()
            self.subscriptions = []

        def dead(self) -> set[str]:
            return {letter.data["name"] for letter in self.queue.dead_letters(topic)}

        def teardown(self) -> None:
            self.queue.subscribe(topic, self.handle)
            doomed = {name for name, failures in self.failures.items() if failures >= max_deliveries}
            with self.changed:
                self.changed.wait_for(lambda: all(map(self.is_done, self.failures)), DEADLINE_S)
            eventually(lambda: self.dead() >= doomed, f"dead letters {doomed}")
            undone = {name for name in self.failures if not self.is_done(name)}
            eventually(lambda: exact or all(self.is_done(name) or name in self.dead() for name in undone), f"{undone}")
            dead = self.dead()
            self.queue.close()
            self.remove()
            if exact:
                # Every handler here lives to its answer, so deliveries are exact; a handler's death may add some.
                assert dict(self.attempts) == {
                    name: list(range(1, min(failures + 1, max_deliveries) + 1))
                    for name, failures in self.failures.items()
                }
                assert dead == doomed

    QueueMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
    return QueueMachine
