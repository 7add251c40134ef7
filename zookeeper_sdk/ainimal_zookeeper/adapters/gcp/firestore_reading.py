"""Reading of Firestore: documents by their names, and what queries find, each by one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.cloud import firestore

from ainimal_zookeeper.domain.documents import Document

from .firestore_values import decoded

Call = Mapping[str, Any]
Moment = tuple[int, int]  # seconds and nanoseconds, to be compared


@dataclass(frozen=True, slots=True)
class Read:
    """A document as it was read; `message` None stands for one that is absent."""

    name: str
    message: Any
    read_time: Any  # a Timestamp

    @property
    def exists(self) -> bool:
        return self.message is not None

    @property
    def id(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def version(self) -> Moment | None:
        return None if self.message is None else _moment(self.message.update_time)

    @property
    def read_at(self) -> Moment:
        return _moment(self.read_time)

    def document(self) -> Document | None:
        """Returns a copy of its own for each caller. Raises: DataCorrupt."""
        return None if self.message is None else decoded(self.message)


def by_name(client: firestore.Client, names: Sequence[str], call: Call, *, at: Any = None) -> list[Read]:
    """Returns the documents in the order of `names`, as they were at one moment: at the Timestamp `at`, or just now."""
    request = {"database": client._database_string, "documents": list(dict.fromkeys(names)), "read_time": at}
    found: dict[str, Read] = {}
    for answer in client._firestore_api.batch_get_documents(request=request, metadata=client._rpc_metadata, **call):
        message = answer._pb
        if message.HasField("found"):
            found[message.found.name] = Read(message.found.name, message.found, message.read_time)
        elif message.missing:
            found[message.missing] = Read(message.missing, None, message.read_time)
    return [found[name] for name in names]


def asked(client: firestore.Client, query: firestore.Query, call: Call) -> list[Read]:
    """Returns what `query` finds, in its order."""
    request = {"parent": f"{client._database_string}/documents", "structured_query": query._to_protobuf()}
    answers = client._firestore_api.run_query(request=request, metadata=client._rpc_metadata, **call)
    return [
        Read(message.document.name, message.document, message.read_time)
        for message in (answer._pb for answer in answers)
        if message.HasField("document")
    ]


def _moment(timestamp: Any) -> Moment:
    return timestamp.seconds, timestamp.nanos
