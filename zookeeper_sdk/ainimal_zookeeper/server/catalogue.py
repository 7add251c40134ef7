"""Catalogue: what the configuration offers is published, also after its files or HEAD have changed."""

from __future__ import annotations

import logging
import threading

from job_launcher.catalogue import Catalogue as Published
from job_launcher.catalogue import Offer

from ainimal_zookeeper.config import Compilation, ConfigurationError
from ainimal_zookeeper.domain.documents import ModelDoc
from ainimal_zookeeper.ports.store import DocumentStore
from ainimal_zookeeper.provenance import Provenance

_log = logging.getLogger(__name__)


class Catalogue:
    """Writes compilations. `rescan` looks whether the files of the models, or where they stand in git, have changed.

    Thread-safe.
    """

    def __init__(self, store: DocumentStore, compilation: Compilation, provenance: Provenance) -> None:
        self._published = Published(store)
        self._compilation = compilation
        self._provenance = provenance
        self._models: list[ModelDoc] | None = None
        self._trouble: str | None = None
        self._alone = threading.Lock()

    def write(self) -> None:
        """Makes the store agree with the compilation."""
        with self._alone:
            self._write()

    def rescan(self) -> None:
        """Compiles again and writes what has changed. A configuration that is broken for now changes nothing."""
        with self._alone:
            self._rescan()

    def _write(self) -> None:
        compilation, models = self._compilation, self._provenance.told(self._compilation.models)
        self._models = None  # until it is published, which may fail
        self._published.publish(Offer(compilation.configuration, models, compilation.environments))
        self._models = models

    def _rescan(self) -> None:
        try:
            fresh = self._compilation.recompile()
        except ConfigurationError as error:
            if error.message != self._trouble:
                self._trouble = error.message
                _log.warning("the models stay as they were: %s", error.message)
            return
        self._trouble = None
        if fresh is not self._compilation or self._provenance.told(fresh.models) != self._models:
            self._compilation = fresh
            self._write()
