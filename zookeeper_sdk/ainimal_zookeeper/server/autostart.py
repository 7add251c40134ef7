"""Autostart: worlds and instances that the configuration wants to run from the start."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from graphql_api.launch import Launches

from ainimal_zookeeper.config import Compilation
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Document
from ainimal_zookeeper.domain.errors import ZookeeperError
from ainimal_zookeeper.domain.queries import ENVIRONMENT_INSTANCES_BY_PHASE, INSTANCES_BY_PHASE, Page, Query
from ainimal_zookeeper.ports.store import DocumentStore

_LIVING = ("PENDING", "STARTING", "RUNNING", "PAUSED", "HIBERNATED", "STOPPING")

_log = logging.getLogger(__name__)


class Autostart:
    """Launches what should run and does not, as the operator would."""

    def __init__(self, *, store: DocumentStore, launches: Launches) -> None:
        self._store = store
        self._launches = launches

    def run(self, compilation: Compilation) -> None:
        """What cannot be launched is said in the log; the rest is launched all the same."""
        operator = Principal.operator()
        worlds = {document["environmentId"] for document in self._living(ENVIRONMENT_INSTANCES_BY_PHASE)}
        for environment in compilation.environments:
            if not environment["autostart"] or environment["id"] in worlds:
                continue
            try:
                self._launches.environment(operator, {"environmentId": environment["id"]})
            except ZookeeperError as error:
                _log.warning("the environment %s does not start: %s", environment["name"], error.message)
        names = {document["name"] for document in self._living(INSTANCES_BY_PHASE)}
        for launch in compilation.launches:
            if launch["name"] in names:
                continue
            try:
                self._launches.instance(operator, launch)
            except ZookeeperError as error:
                _log.warning("%s does not start: %s", launch["name"], error.message)

    def _living(self, query: Query) -> Iterator[Document]:
        after = None
        while True:
            found = self._store.query(query.bind(phases=_LIVING), Page(first=200, after=after))
            yield from found.documents
            if not found.has_next:
                return
            after = found.cursors[-1]
