"""The catalogue and the autostart: what the configuration says is in the store, and runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from ainimal_zookeeper.config import Compilation, ConfigurationError
from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections, Document, Ref
from ainimal_zookeeper.domain.errors import LimitReached, Transient
from ainimal_zookeeper.provenance import Provenance
from ainimal_zookeeper.server.autostart import Autostart
from ainimal_zookeeper.server.catalogue import Catalogue

from tests.fakes import zoo
from tests.fakes.clock import FakeClock
from tests.fakes.secrets import FakeSecrets
from tests.fakes.store import MemoryStore


def compilation(models: list[Document], environments: list[Document], **changes: Any) -> Compilation:
    configuration: Any = {"id": "zoo", "name": "tiny", "launchDeadlineSeconds": 900}

    def again() -> Compilation:
        return made

    made = Compilation(
        configuration=configuration,
        models=cast(Any, models),
        environments=cast(Any, environments),
        launches=[],
        processes=[],
        host="127.0.0.1",
        port=0,
        client=False,
        no_auth=False,
        state_dir=Path("/nowhere"),
        allowed_origins=[],
        home=Path("/zoo"),
        secrets=FakeSecrets(),
        recompile=again,
    )
    return dataclasses.replace(made, **changes)


def catalogue_of(store: MemoryStore, offered: Compilation) -> Catalogue:
    return Catalogue(store, offered, Provenance(offered.home, {}, at_hand=True))


def stored(store: MemoryStore) -> set[str]:
    return {ref.id for ref in store.documents}


def test_catalogue_is_what_the_configuration_offers() -> None:
    """New entries come, vanished ones go, others are written only when they differ."""
    store = MemoryStore()
    other = {**zoo.model(), "id": "mod_other", "name": "other"}
    catalogue_of(store, compilation([zoo.model(), other], [zoo.environment()])).write()
    assert stored(store) == {"zoo", "mod_learner", "mod_other", "world_box"}
    catalogue_of(store, compilation([zoo.model(path="/new.py")], [])).write()
    assert stored(store) == {"zoo", "mod_learner"}
    assert "/new.py" in store.documents[Ref(Collections.MODELS, "mod_learner")]["specJson"]


def test_rescan_writes_only_when_something_changed() -> None:
    """A quiet zoo writes nothing, however long it runs."""
    store = MemoryStore()
    found: list[Compilation] = []
    found.append(compilation([zoo.model()], [], recompile=lambda: found[-1]))
    catalogue = catalogue_of(store, found[0])
    found.append(compilation([zoo.model(path="/new.py")], [], recompile=lambda: found[-1]))
    catalogue.rescan()
    runs = store.runs
    assert runs == 1
    catalogue.rescan()
    assert store.runs == runs


class AwayStore(MemoryStore):
    """A store that can be away."""

    away = False

    def transact(self, fn: Any) -> Any:
        if self.away:
            raise Transient("the store is away")
        return super().transact(fn)


def test_what_could_not_be_published_is_published_at_the_next_look() -> None:
    """A store that is away for a moment leaves no change behind."""
    store = AwayStore()
    found: list[Compilation] = []
    found.append(compilation([zoo.model()], [], recompile=lambda: found[-1]))
    catalogue = catalogue_of(store, found[0])
    catalogue.write()
    found.append(compilation([zoo.model()], [zoo.environment()], recompile=lambda: found[-1]))
    store.away = True
    with pytest.raises(Transient):
        catalogue.rescan()
    store.away = False
    catalogue.rescan()
    assert "world_box" in stored(store)


def test_configuration_that_is_broken_for_now_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Half a saved file is said once and leaves the catalogue as it was."""
    store = MemoryStore()

    def broken() -> Compilation:
        raise ConfigurationError([])

    catalogue = catalogue_of(store, compilation([zoo.model()], [], recompile=broken))
    catalogue.write()
    catalogue.rescan()
    catalogue.rescan()
    assert "mod_learner" in stored(store)
    assert len(caplog.records) == 1


class RecordingLaunches:
    """Notes what is launched; refuses environments when told to."""

    def __init__(self) -> None:
        self.launched: list[Mapping[str, Any]] = []
        self.full = False

    def environment(self, principal: Principal, input: Mapping[str, Any]) -> None:
        if self.full:
            raise LimitReached("environments in the zoo: 1 of at most 1 are running")
        assert principal == Principal.operator()
        self.launched.append(input)

    def instance(self, principal: Principal, input: Mapping[str, Any]) -> None:
        assert principal == Principal.operator()
        self.launched.append(input)


LAUNCH: Any = {"name": "first", "modelId": "mod_learner", "environmentId": None}


def test_autostart_launches_what_does_not_run() -> None:
    """Worlds with autostart and named launches start, others do not."""
    launches: Any = RecordingLaunches()
    quiet = {**zoo.environment(), "id": "world_quiet"}
    loud = {**zoo.environment(), "autostart": True}
    Autostart(store=MemoryStore(), launches=launches).run(compilation([], [quiet, loud], launches=[LAUNCH]))
    assert launches.launched == [{"environmentId": "world_box"}, LAUNCH]


def test_autostart_leaves_what_runs_and_repeats_what_has_ended() -> None:
    """A zoo that comes back finds its survivors and starts only what is missing."""
    clock, store, launches = FakeClock(), MemoryStore(), cast(Any, RecordingLaunches())
    zoo.add(store, zoo.instance(clock.now(), "env_1"))
    zoo.add(store, lifecycle.lose(zoo.instance(clock.now(), "ins_1", name="first"), clock.now(), "gone"))
    loud = {**zoo.environment(), "autostart": True}
    Autostart(store=store, launches=launches).run(compilation([], [loud], launches=[LAUNCH]))
    assert launches.launched == [LAUNCH]


def test_autostart_goes_on_behind_a_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """A limit that is reached is said, and the rest starts all the same."""
    launches: Any = RecordingLaunches()
    launches.full = True
    loud = {**zoo.environment(), "autostart": True}
    Autostart(store=MemoryStore(), launches=launches).run(compilation([], [loud], launches=[LAUNCH]))
    assert launches.launched == [LAUNCH]
    assert "1 of at most 1" in caplog.text
