"""Launcher: a message that an instance is wanted becomes a job that runs it."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, cast

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Collections, Document, InstanceDoc, Ref, instance_ref
from ainimal_zookeeper.domain.errors import ZookeeperError
from ainimal_zookeeper.domain.tokens import attempt_token
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.compute import Compute, Job
from ainimal_zookeeper.ports.queue import Delivery, Message
from ainimal_zookeeper.ports.store import DocumentStore

from . import interpreter
from .outcome import retry_after_s
from .verdict import Verdicts

_INSTANCE_ID = re.compile(r"(?:ins|env)_[A-Za-z0-9_-]{1,100}")

_log = logging.getLogger(__name__)


class Launcher:
    """Delivers launch messages. Thread-safe; the same message may come any number of times, in any order."""

    def __init__(self, *, store: DocumentStore, compute: Compute, clock: Clock, secret: bytes, link_url: str) -> None:
        """`link_url` is where runners reach the runner link."""
        self._store = store
        self._compute = compute
        self._secret = secret
        self._link_url = link_url
        self._verdicts = Verdicts(store=store, clock=clock)

    def deliver(self, message: Message) -> Delivery:
        """Launches as `launch`; RETRY only for what may work later."""
        try:
            self.launch(message)
        except ZookeeperError:
            return Delivery.RETRY
        return Delivery.ACK

    def launch(self, message: Message) -> None:
        """Launches the job of the message's attempt, if that is still wanted.

        What can never run is recorded as FAILED on its instance and done with. Raises: what may work later (`outcome`),
        or what the store says when not even the failure can be recorded; logged here.
        """
        asked = _asked(message.data)
        if asked is None:
            _log.error("a launch message is malformed and dropped", extra={"message_id": message.id})
            return
        instance_id, attempt = asked
        try:
            self._launch(instance_id, attempt)
        except ZookeeperError as error:
            _log.warning(
                "the launch of %s waits: %s",
                instance_id,
                error.message,
                extra={"instance_id": instance_id, "attempt": attempt, "message_id": message.id},
            )
            raise

    def _launch(self, instance_id: str, attempt: int) -> None:
        try:
            document = cast("InstanceDoc | None", self._store.get(instance_ref(instance_id)))
            if document is not None and _is_wanted(document, attempt):
                self._compute.launch(self._job(document))
        except ZookeeperError as error:
            if retry_after_s(error) is not None:
                raise
            self._verdicts.fail(instance_id, attempt, error.code, error.message)

    def _job(self, document: InstanceDoc) -> Job:
        model, environment, configuration = self._entries(document)
        instance_id, attempt = document["id"], document["attempt"]
        return Job(
            kind=document["kind"],
            instance_id=instance_id,
            attempt=attempt,
            variables={
                "ZOO_LINK": self._link_url,
                "ZOO_INSTANCE": instance_id,
                "ZOO_ATTEMPT": str(attempt),
                "ZOO_TOKEN": attempt_token(self._secret, "link", instance_id, attempt),
            },
            python=interpreter.choose(model, environment, interpreter.of_compute(configuration, document["computeId"])),
        )

    def _entries(self, document: InstanceDoc) -> list[Document | None]:
        """Returns the catalogue documents of the model and the environment that run in the job, and the zoo's."""
        model = document["model"]
        return self._store.get_many(
            [
                Ref(Collections.MODELS, "none" if model is None else model["id"]),
                Ref(Collections.ENVIRONMENTS, document["environmentId"] or "none"),
                Ref(Collections.CONFIGURATION, "zoo"),
            ]
        )


def _asked(data: Mapping[str, Any]) -> tuple[str, int] | None:
    """Returns instance and attempt; None for what no part of the zoo has ever published."""
    instance_id, attempt = data.get("instanceId"), data.get("attempt")
    if not isinstance(instance_id, str) or _INSTANCE_ID.fullmatch(instance_id) is None or type(attempt) is not int:
        return None
    return instance_id, attempt


def _is_wanted(document: InstanceDoc, attempt: int) -> bool:
    return (
        document["attempt"] == attempt
        and not document["status"]["claimed"]
        and not lifecycle.is_final(document)
        and document["desired"]["phase"] != "TERMINATED"
    )
