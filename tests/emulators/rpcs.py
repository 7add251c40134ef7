"""A client of Firestore that counts what goes over the wire."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
from google.cloud import firestore

_INTERCEPTORS: Any = (
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamStreamClientInterceptor,
)


class Rpcs(*_INTERCEPTORS):  # type: ignore[misc]
    """Counts calls by their names, the documents that answers bring, and the writes of commits."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.documents = 0
        self.writes = 0
        self._lock = threading.Lock()
        self._listening: set[Any] = set()

    @property
    def listening(self) -> int:
        """How many streams of changes are open."""
        with self._lock:
            self._listening = {call for call in self._listening if call.is_active()}
            return len(self._listening)

    def reset(self) -> None:
        with self._lock:
            self.calls.clear()
            self.documents = self.writes = 0

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        self._count(details)
        with self._lock:
            self.writes += len(getattr(request, "writes", ()))
        return continuation(details, request)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        self._count(details)
        return _Counted(continuation(details, request), self)

    def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        self._count(details)
        call = continuation(details, requests)
        with self._lock:
            self._listening.add(call)
        return call

    def brought(self, answer: Any) -> None:
        message = getattr(answer, "_pb", answer)
        fields = {field.name for field, _ in message.ListFields()}
        with self._lock:
            self.documents += bool(fields & {"document", "found", "missing"})

    def _count(self, details: Any) -> None:
        with self._lock:
            self.calls[details.method.rpartition("/")[2]] += 1


class _Counted:
    """A call whose answers are counted as they come."""

    def __init__(self, call: Any, rpcs: Rpcs) -> None:
        self._call = call
        self._rpcs = rpcs

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        answer = next(self._call)
        self._rpcs.brought(answer)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


class CountedClient(firestore.Client):  # type: ignore[misc]
    """`rpcs` counts what it sends and hears."""

    def __init__(self, project: str) -> None:
        super().__init__(project=project)
        self.rpcs = Rpcs()

    def _emulator_channel(self, transport: Any) -> grpc.Channel:
        return grpc.intercept_channel(super()._emulator_channel(transport), self.rpcs)
