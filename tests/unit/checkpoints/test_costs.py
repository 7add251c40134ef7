"""What saving and reading ask of the bucket: the same with thousands of checkpoints as with ten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ainimal_zookeeper.checkpoints import Repository

from tests.fakes.bucket import CountingBucket, MemoryBucket
from tests.unit.checkpoints.lineage import snapshot, upload

FEW = 10
MANY = 2000


def costs_of(repository: Repository, counting: CountingBucket, grew_from: str) -> dict[str, Counter[str]]:
    """Returns the calls, by their kind, of each thing that is done to one more checkpoint."""
    taken = snapshot(counting.inner, 9_999, grew_from, payload=(upload(counting.inner, b"one more"),))
    commit = ""

    def save() -> None:
        nonlocal commit
        commit = repository.save(taken, "one-more").commit

    done: dict[str, Counter[str]] = {}
    steps: list[tuple[str, Callable[[], object]]] = [
        ("save", save),
        ("save again", save),
        ("read by tag", lambda: repository.read("one-more")),
        ("read by id", lambda: repository.read(commit)),
        ("verify", lambda: repository.verify("one-more")),
        ("delete", lambda: repository.delete("one-more")),
    ]
    for what, step in steps:
        counting.calls.clear()
        step()
        done[what] = Counter(counting.calls)
    return done


def test_many_checkpoints_cost_what_few_cost() -> None:
    """One more checkpoint takes the same calls, whatever is there already."""
    counting = CountingBucket(MemoryBucket())
    repository = Repository(counting, "mod_1")
    file = upload(counting, b"the same for all")
    grew_from = None
    costs = []
    for count in range(1, MANY + 1):
        grew_from = repository.save(snapshot(counting, count, grew_from, payload=(file,)), f"s{count}").commit
        if count in {FEW, MANY}:
            costs.append(costs_of(repository, counting, grew_from))

    assert len(list(repository)) == MANY
    few, many = costs
    assert few == many
    assert few == {
        "save": Counter(put=7, get=2, info=2),
        "save again": Counter(get=1),
        "read by tag": Counter(get=5),
        "read by id": Counter(get=3),
        "verify": Counter(get=9, info=1),
        "delete": Counter(info=1, delete=1),
    }
