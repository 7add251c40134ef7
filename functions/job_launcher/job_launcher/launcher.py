"""Launcher: a message that an instance is wanted becomes a job that runs it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Collections, Document, InstanceDoc, Ref, instance_ref
from ainimal_zookeeper.domain.errors import Rejected, Transient
from ainimal_zookeeper.domain.tokens import attempt_token
from ainimal_zookeeper.ports.clock import Clock
from ainimal_zookeeper.ports.compute import Compute, Job
from ainimal_zookeeper.ports.queue import Delivery, Message
from ainimal_zookeeper.ports.store import DocumentStore

from . import interpreter
from .verdict import Verdicts

_log = logging.getLogger(__name__)


class Launcher:
    """Delivers launch messages. Thread-safe; the same message may come any number of times."""

    def __init__(self, *, store: DocumentStore, compute: Compute, clock: Clock, secret: bytes, link_url: str) -> None:
        """`link_url` is where runners reach the runner link."""
        self._store = store
        self._compute = compute
        self._secret = secret
        self._link_url = link_url
        self._verdicts = Verdicts(store=store, clock=clock)

    def deliver(self, message: Message) -> Delivery:
        """Launches the job of the message's attempt, if that is still wanted.

        What can never run is recorded as FAILED on its instance and done with; RETRY only for what may work later.
        """
        asked = _asked(message.data)
        if asked is None:
            _log.error("the launch message %s is malformed and dropped", message.id)
            return Delivery.ACK
        instance_id, attempt = asked
        try:
            document = cast("InstanceDoc | None", self._store.get(instance_ref(instance_id)))
            if document is None or not _is_wanted(document, attempt):
                return Delivery.ACK
            self._compute.launch(self._job(document))
        except Transient as error:
            _log.warning("the launch of %s waits: %s", instance_id, error.message)
            return Delivery.RETRY
        except Rejected as error:
            self._verdicts.fail(instance_id, attempt, error.code, error.message)
        return Delivery.ACK

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
    instance_id, attempt = data.get("instanceId"), data.get("attempt")
    return (instance_id, attempt) if isinstance(instance_id, str) and type(attempt) is int else None


def _is_wanted(document: InstanceDoc, attempt: int) -> bool:
    return (
        document["attempt"] == attempt
        and not document["status"]["claimed"]
        and not lifecycle.is_final(document)
        and document["desired"]["phase"] != "TERMINATED"
    )
