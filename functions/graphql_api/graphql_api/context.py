"""What the resolvers of one request share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ainimal_zookeeper.domain.access import Principal, Resource, decide
from ainimal_zookeeper.domain.documents import InstanceDoc, instance_ref
from ainimal_zookeeper.domain.queries import BoundQuery
from graphql import GraphQLResolveInfo

from . import projection
from .annotations import Annotations
from .attaching import Attachments
from .checkpoints import Checkpoints
from .commands import Commands
from .comparisons import Comparisons
from .control import Leases, Wheel
from .launch import Launches
from .links import Links
from .loading import Loader
from .manifests import Manifests
from .outlet import Outlet
from .overrides import Overrides
from .recordings import Recordings
from .records import Records
from .replays import Replays
from .saves import Saves
from .sealing import Sealing
from .selection import Selection, Selections
from .streams import LiveStreams
from .uploads import Uploads
from .visibility import missing, visible

Info = GraphQLResolveInfo[Any]
Fields = dict[str, dict[str, Callable[..., Any]]]  # resolvers by type and field


@dataclass(frozen=True, slots=True)
class Zoo:
    """What all requests share: the API's parts and facts about the deployment."""

    records: Records
    links: Links
    launches: Launches
    attachments: Attachments
    commands: Commands
    checkpoints: Checkpoints
    comparisons: Comparisons
    leases: Leases
    wheel: Wheel
    overrides: Overrides
    manifests: Manifests
    saves: Saves
    recordings: Recordings
    replays: Replays
    sealing: Sealing
    annotations: Annotations
    uploads: Uploads
    streams: LiveStreams
    profile: str
    version: str
    processes: Callable[[], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Context:
    """One request: who asks, and for what."""

    zoo: Zoo
    principal: Principal
    selections: Selections
    outlet: Outlet = field(default_factory=Outlet)

    @property
    def loader(self) -> Loader:
        return Loader(self.zoo.records, self.principal)

    async def total(self, query: BoundQuery) -> int | None:
        """Returns how many there are; None for a viewer from whom some may be hidden."""
        everything = decide(self.principal, "SEE", Resource("server", projection.SERVER_ID))
        return await self.zoo.records.count(query) if everything else None

    async def row(self, id: str) -> InstanceDoc:
        """Returns the instance or environment instance. Raises: NotFound, also when the viewer may not see it."""
        found = await self.zoo.records.get(instance_ref(id))
        if visible(found, self.principal) is None:
            raise missing(id)
        return cast(InstanceDoc, found)


def of(info: Info) -> Context:
    return cast(Context, info.context)


def selected(info: Info) -> Selection:
    return of(info).selections.below(info)
