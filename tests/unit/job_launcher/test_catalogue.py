"""The catalogue: what the configuration offers is in the store, whoever publishes it, however much it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.domain.documents import Collections, Document, Ref
from ainimal_zookeeper.domain.errors import Conflict, InvalidInput, Transient
from job_launcher.catalogue import CONFIGURATION, Catalogue, Offer
from job_launcher.staged import StagedCatalogue, read_offer

from tests.fakes import zoo
from tests.fakes.store import MemoryStore
from tests.unit.job_launcher.pusher import Pusher


def configuration(revision: str = "r1") -> Document:
    return {
        "id": "zoo",
        "name": "tiny",
        "revision": revision,
        "maxModels": None,
        "maxEnvironments": None,
        "launchDeadlineSeconds": 900.0,
        "computes": [],
        "allowedOrigins": [],
    }


def models(count: int, prefix: str = "mod", size: int = 0) -> list[Document]:
    return [
        {**zoo.model(note="x" * size), "id": f"{prefix}_{index}", "name": f"{prefix} {index:04}"}
        for index in range(count)
    ]


def offer(models: list[Document], environments: list[Document], revision: str = "r1") -> Offer:
    given: Any = (configuration(revision), models, environments)
    return Offer(*given)


def staged(folder: Path, **changes: Any) -> Path:
    """Returns the path of a staged configuration of the small zoo."""
    content = {
        "configuration": configuration(),
        "models": [zoo.model()],
        "environments": [zoo.environment()],
        "launches": [],
        **changes,
    }
    path = folder / "configuration.json"
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not ...}))
    return path


class FailingStore(MemoryStore):
    """A `MemoryStore` whose connection fails after `left` transactions."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 1000
        self.largest = 0

    def transact(self, fn: Any) -> Any:
        if self.left == 0:
            raise Transient("the store is away")
        self.left -= 1

        def counted(transaction: Any) -> Any:
            result = fn(transaction)
            self.largest = max(self.largest, len(transaction.writes))
            return result

        return super().transact(counted)


def ids(store: MemoryStore, collection: str) -> set[str]:
    return {ref.id for ref in store.documents if ref.collection == collection}


def test_small_offer_is_published_in_one_transaction() -> None:
    """Nobody ever sees half of it, and what vanished is gone with it."""
    store = FailingStore()
    Catalogue(store).publish(offer(models(3, "old"), [zoo.environment()]))
    store.left = 1
    Catalogue(store).publish(offer(models(2), [], "r2"))
    assert (ids(store, "models"), ids(store, "environments")) == ({"mod_0", "mod_1"}, set())
    assert Catalogue(store).revision() == "r2"


@pytest.mark.parametrize(("count", "size"), [(1100, 0), (10, 900_000)], ids=["many", "large"])
def test_large_offer_is_published_in_pieces(count: int, size: int) -> None:
    """No transaction takes more than any store does, and all is there in the end."""
    store = FailingStore()
    Catalogue(store).publish(offer(models(600, "old"), [], "r0"))
    Catalogue(store).publish(offer(models(count, size=size), [zoo.environment()]))
    assert ids(store, "models") == {f"mod_{index}" for index in range(count)}
    assert store.documents[CONFIGURATION] == configuration()
    assert store.largest <= 200


@pytest.mark.parametrize("left", range(8))
def test_publication_that_was_interrupted_is_done_again(tmp_path: Path, left: int) -> None:
    """Wherever it broke off, the revision tells that it is not done."""
    store = FailingStore()
    Catalogue(store).publish(offer(models(500, "old"), [], "r0"))
    path = staged(tmp_path, models=models(500))
    store.left = left
    with pytest.raises(Transient):
        StagedCatalogue(path, Catalogue(store)).publish()
    assert Catalogue(store).revision() != "r1"
    store.left = 1000
    StagedCatalogue(path, Catalogue(store)).publish()
    assert (ids(store, "models"), Catalogue(store).revision()) == ({f"mod_{index}" for index in range(500)}, "r1")


def test_two_publications_do_not_mix() -> None:
    """While a new version of the function is deployed both may publish; who began last goes on, the other gives up."""
    theirs = offer(models(450, "theirs"), [], "theirs")

    class SharedStore(MemoryStore):
        """A `MemoryStore` in which somebody else publishes after the second transaction."""

        transactions = 0

        def transact(self, fn: Any) -> Any:
            self.transactions += 1
            if self.transactions == 3:
                Catalogue(self).publish(theirs)
            return super().transact(fn)

    store = SharedStore()
    with pytest.raises(Conflict, match="somebody else"):
        Catalogue(store).publish(offer(models(700, "ours"), [], "ours"))
    assert Catalogue(store).revision() == "theirs"
    assert {f"theirs_{index}" for index in range(450)} <= ids(store, "models")


def test_staged_configuration_is_published_once(tmp_path: Path) -> None:
    """Where the revision agrees, one document is read and nothing written."""
    store = MemoryStore()
    path = staged(tmp_path)
    StagedCatalogue(path, Catalogue(store)).publish()
    assert (ids(store, "models"), ids(store, "environments")) == ({"mod_learner"}, {"world_box"})
    runs = store.runs
    again = StagedCatalogue(path, Catalogue(store))
    again.publish()
    again.publish()
    assert store.runs == runs


BROKEN = {
    "has no object at configuration": {"configuration": ...},
    "lacks launchDeadlineSeconds, revision at configuration": {
        "configuration": {
            key: value for key, value in configuration().items() if key not in {"revision", "launchDeadlineSeconds"}
        }
    },
    "has a configuration with the id 'moon'": {"configuration": {**configuration(), "id": "moon"}},
    "has no list of models": {"models": {}},
    "has no list of environments": {"environments": ...},
    "has no object at models\\[1\\]": {"models": [zoo.model(), 3]},
    "lacks specJson at models\\[0\\]": {
        "models": [{key: value for key, value in zoo.model().items() if key != "specJson"}]
    },
    "has no id at models\\[0\\]": {"models": [{**zoo.model(), "id": ""}]},
    "has models of the same id: mod_learner": {"models": [zoo.model(), zoo.model()]},
    "has a list in a list at models\\[0\\]": {"models": [{**zoo.model(), "findings": [["x"]]}]},
}


@pytest.mark.parametrize(("problem", "changes"), BROKEN.items(), ids=BROKEN)
def test_broken_file_says_what_is_wrong(tmp_path: Path, problem: str, changes: dict[str, Any]) -> None:
    """And what to do about it."""
    with pytest.raises(InvalidInput, match=f"configuration.json {problem}.*; stage and deploy the function again"):
        read_offer(staged(tmp_path, **changes))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_file_that_is_no_configuration_is_told(tmp_path: Path, content: bytes) -> None:
    """Whatever it holds."""
    path = tmp_path / "configuration.json"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"configuration\.json (is no JSON|holds no JSON object)"):
        read_offer(path)


async def test_broken_configuration_takes_nothing_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The timer is told, what is published stays, and the reconciler runs all the same."""
    pusher = Pusher()
    pusher = Pusher(catalogue=StagedCatalogue(tmp_path / "absent.json", Catalogue(pusher.store)))
    before = dict(pusher.store.documents)
    pusher.clock.advance(10)
    assert await pusher.send("/run") == 500
    assert "absent.json cannot be read (No such file or directory)" in caplog.text
    assert all(pusher.store.documents[ref] == document for ref, document in before.items())
    assert len(pusher.queue.published) == 3


async def test_timer_publishes_the_staged_configuration(tmp_path: Path) -> None:
    """In the cloud nobody else does."""
    path = staged(tmp_path)
    store = MemoryStore()
    pusher = Pusher(catalogue=StagedCatalogue(path, Catalogue(store)))
    assert await pusher.send("/run") == 204
    assert Ref(Collections.MODELS, "mod_learner") in store.documents
