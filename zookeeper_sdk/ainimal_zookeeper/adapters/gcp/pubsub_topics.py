"""Topics of the zoo and their subscriptions: how they are called, and how they are made where Terraform does not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from google.api_core.exceptions import AlreadyExists

from ainimal_zookeeper.domain.errors import InvalidInput

from .failures import PATIENCE_S, translated

_LONGEST_RETRY_S = 60.0
_DELIVERIES = range(5, 101)  # what Pub/Sub takes


@dataclass(frozen=True, slots=True)
class Names:
    """Names of Pub/Sub's for topics of the zoo."""

    project: str
    prefix: str = ""

    def topic(self, topic: str) -> str:
        return f"projects/{self.project}/topics/{self.prefix}{topic}"

    def subscription(self, topic: str) -> str:
        return f"projects/{self.project}/subscriptions/{self.prefix}{topic}"

    def dead_topic(self, topic: str) -> str:
        return self.topic(f"{topic}-dead")

    def dead_subscription(self, topic: str) -> str:
        return self.subscription(f"{topic}-dead")


def make_topic(
    names: Names,
    topic: str,
    *,
    max_deliveries: int = 20,
    retry_base_s: float = 0.1,
    ack_deadline_s: int = 60,
    push_endpoint: str | None = None,
    patience_s: float = PATIENCE_S,
) -> None:
    """Makes `topic`, the topic of its dead letters, and a subscription to each.

    What exists already is left as it is, but for where it pushes to: see `push_to`.

    max_deliveries: 5 to 100. retry_base_s: the first delay between deliveries, 0 for none. ack_deadline_s: 10 to 600,
    how long a push may take. push_endpoint: the URL that messages are posted to; without it they wait to be pulled.
    patience_s: how long each call is tried. Raises: InvalidInput, Transient.
    """
    from google.api_core.retry import Retry
    from google.cloud import pubsub_v1
    from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy, Subscription

    if max_deliveries not in _DELIVERIES:
        raise InvalidInput(f"max_deliveries is {max_deliveries}; Pub/Sub takes {_DELIVERIES[0]} to {_DELIVERIES[-1]}")
    retry = RetryPolicy(
        minimum_backoff=timedelta(seconds=retry_base_s), maximum_backoff=timedelta(seconds=_LONGEST_RETRY_S)
    )
    subscriptions = (
        Subscription(name=names.dead_subscription(topic), topic=names.dead_topic(topic)),
        Subscription(
            name=names.subscription(topic),
            topic=names.topic(topic),
            ack_deadline_seconds=ack_deadline_s,
            dead_letter_policy=DeadLetterPolicy(
                dead_letter_topic=names.dead_topic(topic), max_delivery_attempts=max_deliveries
            ),
            retry_policy=retry if retry_base_s else None,
            push_config=PushConfig(push_endpoint=push_endpoint) if push_endpoint else None,
        ),
    )
    with translated(names.topic(topic)), pubsub_v1.SubscriberClient() as subscriber:
        publisher = pubsub_v1.PublisherClient()
        again = Retry(initial=0.1, maximum=1.0, timeout=patience_s)  # by itself the library tries for ten minutes
        try:
            for name in (names.dead_topic(topic), names.topic(topic)):
                with suppress(AlreadyExists):
                    publisher.create_topic(name=name, retry=again, timeout=patience_s)
            for subscription in subscriptions:
                with suppress(AlreadyExists):
                    subscriber.create_subscription(request=subscription, retry=again, timeout=patience_s)
        finally:
            publisher.stop()
            publisher.transport.close()
    if push_endpoint:
        push_to(names, topic, push_endpoint, patience_s=patience_s)


def push_to(names: Names, topic: str, endpoint: str | None, *, patience_s: float = PATIENCE_S) -> None:
    """Lets the subscription to `topic` post messages to `endpoint`; None: to nobody, they wait to be pulled.

    Raises: Transient, after `patience_s` at the latest.
    """
    from google.api_core.retry import Retry
    from google.cloud import pubsub_v1
    from google.pubsub_v1.types import PushConfig

    configuration = PushConfig(push_endpoint=endpoint) if endpoint else PushConfig()
    with translated(names.subscription(topic)), pubsub_v1.SubscriberClient() as subscriber:
        subscriber.modify_push_config(
            subscription=names.subscription(topic),
            push_config=configuration,
            retry=Retry(initial=0.1, maximum=1.0, timeout=patience_s),
            timeout=patience_s,
        )
