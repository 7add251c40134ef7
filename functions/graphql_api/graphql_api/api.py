"""The API: its parts put together, behind one coroutine per request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.live import LiveDialer
from ainimal_zookeeper.ports.queue import Queue
from ainimal_zookeeper.ports.store import DocumentStore
from starlette.requests import Request
from starlette.responses import Response

from . import http
from .annotations import Annotations
from .attaching import Attachments
from .checkpoints import Checkpoints
from .commands import Commands
from .comparisons import COMPARE_S, Comparisons
from .console import Consoles, ConsoleSettings
from .context import Zoo
from .control import Leases, Wheel
from .encoding import encode
from .engine import Engine
from .launch import Launches
from .limits import Limits
from .link import LinkSettings
from .links import Links
from .manifests import Manifests
from .overrides import Overrides
from .recordings import Recordings
from .records import Records
from .replays import Replays
from .resolvers import RESOLVERS, SUBSCRIPTIONS
from .saves import Saves
from .schema import bind, source
from .sealing import Sealing
from .stream import Sources, StreamSettings
from .streams import LiveStreams
from .topics import Topics
from .uploads import Uploads

SCHEMA = bind(source(), RESOLVERS, SUBSCRIPTIONS)


SAVE_S = 30.0


def no_processes() -> Sequence[Mapping[str, Any]]:
    return ()


class Api:
    """Answers requests on one event loop; `close` it there.

    bucket: opens the bucket, when something in it is read or deleted. save_s: how long who asks for a checkpoint
    waits. compare_s: how long two may be compared. processes: returns the side processes as {name, running, restarts,
    url}. link_url: where scripts that attach reach the runner link, None where they cannot. On the embedded profile a
    visitor of whom nothing else is said is the operator; elsewhere nobody.
    """

    def __init__(
        self,
        *,
        store: DocumentStore,
        queue: Queue,
        dialer: LiveDialer,
        bucket: Callable[[], Bucket],
        clock: Clock,
        ids: Ids,
        secret: bytes,
        profile: str = "embedded",
        version: str = "0",
        processes: Callable[[], Sequence[Mapping[str, Any]]] = no_processes,
        limits: Limits | None = None,
        links: LinkSettings | None = None,
        streams: StreamSettings | None = None,
        consoles: ConsoleSettings | None = None,
        save_s: float = SAVE_S,
        compare_s: float = COMPARE_S,
        link_url: str | None = None,
    ) -> None:
        self._records = Records(store)
        self._topics = Topics(self._records)
        link_settings = links or LinkSettings()
        self._links = Links(topics=self._topics, dialer=dialer, clock=clock, secret=secret, settings=link_settings)
        self._streams = LiveStreams(
            Sources(
                self._records,
                self._topics,
                self._links,
                Consoles(self._records, self._links, consoles or ConsoleSettings()),
                clock,
            ),
            streams or StreamSettings(),
        )
        checkpoints = Checkpoints(store=store, queue=queue, bucket=bucket, clock=clock, ids=ids)
        self._saves = Saves(
            topics=self._topics,
            records=self._records,
            checkpoints=checkpoints,
            patience_s=save_s,
            leave_s=link_settings.leave_s,
        )
        self._sealing = Sealing(topics=self._topics, patience_s=save_s, leave_s=link_settings.leave_s)
        self._comparisons = Comparisons(bucket, compare_s)
        self._launches = Launches(store=store, queue=queue, clock=clock, ids=ids)
        leases = Leases(store=store, clock=clock, ids=ids)
        zoo = Zoo(
            records=self._records,
            links=self._links,
            launches=self._launches,
            attachments=Attachments(store=store, clock=clock, ids=ids, secret=secret, link_url=link_url),
            commands=Commands(store=store, clock=clock, ids=ids),
            checkpoints=checkpoints,
            comparisons=self._comparisons,
            leases=leases,
            wheel=Wheel(leases=leases, links=self._links, records=self._records, clock=clock),
            overrides=Overrides(store=store, clock=clock, ids=ids),
            manifests=Manifests(bucket),
            saves=self._saves,
            recordings=Recordings(store=store, bucket=bucket, clock=clock, ids=ids),
            replays=Replays(store=store, launches=self._launches),
            sealing=self._sealing,
            annotations=Annotations(store=store, clock=clock, ids=ids),
            uploads=Uploads(store=store, bucket=bucket, clock=clock, ids=ids),
            streams=self._streams,
            profile=profile,
            version=version,
            processes=processes,
        )
        self._engine = Engine(SCHEMA, zoo, limits or Limits())
        self._visitor = Principal.operator() if profile == "embedded" else Principal.nobody()

    async def handle(self, request: Request, principal: Principal | None = None) -> Response:
        """Answers `/graphql` (also as `/`) and `/healthz`; other paths are 404."""
        path = request.url.path.rstrip("/")
        if path.endswith("/healthz"):
            return Response(encode({"status": "ok"}), media_type="application/json")
        if path not in {"", "/graphql"}:
            return Response(encode({"errors": [{"message": f"nothing is at {path}; ask /graphql"}]}), 404)
        return await http.respond(self._engine, request, principal or self._visitor)

    @property
    def open_streams(self) -> int:
        return self._streams.count

    @property
    def open_links(self) -> int:
        return self._links.open

    @property
    def open_watches(self) -> int:
        return self._topics.open

    def depart(self) -> None:
        """Sends the viewers to another process, within seconds; what else is asked is answered until the end."""
        self._streams.depart()
        self._links.depart()
        self._saves.depart()
        self._sealing.depart()

    async def close(self) -> None:
        """Ends all streams, links and watches, within a second."""
        await self._streams.close()
        await self._links.close()
        await self._topics.close()
        self._comparisons.close()
        self._records.close()
