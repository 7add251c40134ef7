"""What an object has become: taken apart into tensors and values, and put together again, the same to the bit."""

from __future__ import annotations

import contextlib
import json
import pickle
import random
import struct
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from zookeeper_runner.state import tensors
from zookeeper_runner.state.giving import ABSENT, Giving, give
from zookeeper_runner.state.taking import Taken, take

DTYPES = (
    "?",
    "u1",
    "i1",
    "<i2",
    "<u2",
    "<f2",
    "<i4",
    "<f4",
    "<i8",
    "<u8",
    "<f8",
    "<c8",
    "<c16",
    ">f4",
    "<M8[s]",
    "S3",
    "<U2",
)


def back(value: Any, live: Any = ABSENT) -> Any:
    """Returns `value` as it comes back, by way of bytes."""
    return given_back(take(value), live)


def given_back(taken: Taken, live: Any = ABSENT) -> Any:
    taken.finish()
    text = json.dumps(taken.root, allow_nan=False)
    data = b"".join(map(bytes, tensors.layout(taken.tensors)))
    return give(json.loads(text), tensors.parse(memoryview(bytearray(data))), taken.pickles, live)


def identical(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack(">d", one) == struct.pack(">d", other)
    if isinstance(one, complex):
        return identical(one.real, other.real) and identical(one.imag, other.imag)
    if isinstance(one, np.ndarray):
        if one.dtype == object:
            return one.shape == other.shape and identical(one.reshape(-1).tolist(), other.reshape(-1).tolist())
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, np.generic):
        return (one.dtype, one.tobytes()) == (other.dtype, other.tobytes())
    if isinstance(one, dict):
        return identical(list(one.items()), list(other.items()))
    if isinstance(one, (list, tuple, deque)):
        return len(one) == len(other) and all(map(identical, one, other))
    return bool(one == other)


FLOATS = st.binary(min_size=8, max_size=8).map(lambda data: struct.unpack(">d", data)[0])
ARRAYS = st.tuples(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)).flatmap(
    lambda kind: st.binary(min_size=(size := int(np.prod(kind[1])) * np.dtype(kind[0]).itemsize), max_size=size).map(
        lambda data: array_of(kind[0], kind[1], data)
    )
)
TEXTS = st.text(st.characters(), max_size=4) | st.sampled_from(["\ud83d\ude00", "\ud83d", "$", "id", "items", "tensor"])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(2**62, 2**70), FLOATS, st.complex_numbers(), TEXTS,
    st.binary(max_size=5), ARRAYS,
    st.sampled_from([range(1, 9, 3), Path("a/b"), b"x" * 70_000, np.float32(0.1), np.bool_(True)]),
)  # fmt: skip
KEYS = TEXTS | st.integers() | st.booleans() | st.none() | st.tuples(st.integers(), TEXTS)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(TEXTS, inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=3),
        st.lists(inner, max_size=3).map(lambda items: deque(items, maxlen=5)),
        st.sets(st.integers() | TEXTS, max_size=3),
        st.frozensets(st.integers(), max_size=3),
        LEAVES.map(lambda item: [item] * 70),
        st.tuples(LEAVES, LEAVES).map(lambda pair: [(pair[0], index, {"a": pair[1]}) for index in range(65)]),
    ),
    max_leaves=8,
)


def array_of(dtype: str, shape: tuple[int, ...], data: bytes) -> np.ndarray[Any, Any]:
    kind = np.dtype(dtype)
    if kind.kind == "b":
        data = bytes(each & 1 for each in data)
    elif kind.kind == "U":
        data = bytes(65 if index % 4 == 0 else 0 for index in range(len(data)))
    return np.frombuffer(data, kind).reshape(shape)


@given(tree=TREES)
@settings(max_examples=150, deadline=None)
def test_what_is_taken_comes_back_identical(tree: Any) -> None:
    """Types, bits of every number, order of keys, tuples and lists, and nothing runs code."""
    taken = take(tree)
    assert identical(given_back(taken), tree)
    assert taken.pickles == []
    assert taken.left == {}


@given(data=st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_tensors_or_corrupt(data: bytes) -> None:
    """Whoever wrote the file: it is read, or refused, and never anything else."""
    for header in (b"", len(data[8:]).to_bytes(8, "little")):
        with contextlib.suppress(DataCorrupt):
            tensors.parse(memoryview(header + data))


@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}},
        {"a": {"dtype": "F32", "shape": [-1, -2], "data_offsets": [0, 8]}},
        {"a": {"dtype": "Q4", "shape": [8], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 8]}},
        {"a": 1},
        [],
    ],
)
def test_tensors_that_are_not_whole_are_refused(header: Any) -> None:
    """Sizes must agree with each other and with the file, before memory is taken for them."""
    text = json.dumps(header).encode()
    with pytest.raises(DataCorrupt):
        tensors.parse(memoryview(len(text).to_bytes(8, "little") + text + bytes(8)))


def test_the_formats_own_reader_agrees() -> None:
    """What is laid out is a safetensors file to everybody."""
    safetensors = pytest.importorskip("safetensors.numpy")
    arrays = {"w.a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(True), "c": np.zeros((0, 4), np.int64)}
    taken = take(arrays)

    loaded = safetensors.load(b"".join(map(bytes, tensors.layout(taken.finish().tensors))))

    assert loaded.keys() == arrays.keys()
    assert all(identical(loaded[name], array) for name, array in arrays.items())
    again = tensors.parse(memoryview(safetensors.save(arrays)))
    assert all(identical(again[name].data, array) for name, array in arrays.items())


class Point(NamedTuple):
    x: int
    y: Any


class Colour(Enum):
    RED = 1


class Slotted:
    __slots__ = ("hidden", "seen")
    hidden: set[int]

    def __init__(self) -> None:
        self.seen = [1]


class Model:
    """What an author may keep in a model."""

    def __init__(self, rate: float = 0.1) -> None:
        self.rate = rate
        self.weights: dict[str, Any] = {"in": np.zeros((2, 3)), "out": np.zeros(3, np.float32)}
        self.alias = self.weights["in"]
        self.columns = np.zeros((2, 3), order="F")
        self.rng = np.random.default_rng(1)
        self.old = np.random.RandomState(1)
        self.dice = random.Random(1)
        self.memory: deque[Any] = deque(maxlen=100)
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.words = Counter("aab")
        self.order: OrderedDict[int, str] = OrderedDict()
        self.at, self.slots = Point(1, None), Slotted()
        self.colour: Colour | None = None
        self.act = lambda value: value
        self.lock = threading.Lock()
        self.self = self
        self.grows = np.zeros(0)
        self.gone = 1

    def live(self) -> None:
        self.weights["in"] += self.rng.random((2, 3))
        self.weights["new"] = np.array([1.5, np.nan], np.float16)
        self.columns[...] = self.old.rand(2, 3)
        for index in range(80):
            self.memory.append((self.rng.random(4).astype(np.float32), index, self.dice.random(), None, {"a": True}))
        self.counts["x"] += 3
        self.words.update("abc")
        self.order[3] = "three"
        self.at, self.colour = Point(2, (3, [4])), Colour.RED
        self.slots.hidden = {5}
        self.grows = np.append(self.grows, 2.0)
        vars(self).pop("gone", None)

    def drawn(self) -> list[float]:
        return [self.rng.random(), self.old.rand(), self.dice.random()]


@pytest.mark.parametrize("anew", [True, False])
def test_an_object_becomes_what_it_was(anew: bool) -> None:
    """Arrays, containers, chance and objects of the author's, in another object as in the same one later."""
    model = Model()
    model.live()
    taken = take(model)
    weights = model.weights["in"].copy()
    expected = model.drawn()
    model.live()

    live = Model() if anew else model
    array, rng = live.weights["in"], live.rng
    assert given_back(taken, live) is live

    assert live.weights["in"] is array is live.alias
    assert live.rng is rng
    assert live.self is live
    np.testing.assert_array_equal(array, weights)
    assert list(live.weights) == ["in", "out", "new"]
    assert live.drawn() == expected
    assert live.columns.flags.f_contiguous
    assert (len(live.memory), live.memory.maxlen, live.memory[79][1], live.memory[3][4]) == (80, 100, 79, {"a": True})
    assert live.counts == {"x": 3}
    assert live.counts["y"] == 0
    assert (live.words["a"], live.order, live.at, live.colour) == (3, {3: "three"}, Point(2, (3, [4])), Colour.RED)
    assert live.slots.hidden == {5}
    assert live.grows.tolist() == [2.0]
    assert not hasattr(live, "gone")
    assert live.act(7) == 7
    assert list(taken.left) == ["lock"]


def test_things_that_were_one_come_back_as_one() -> None:
    """And things that the constructor made as one, and were two, come back as two."""
    shared = [np.zeros(2)]
    tree = {"a": shared, "b": (shared, shared[0])}
    again = back(tree)
    assert again["a"] is again["b"][0]
    assert again["b"][1] is again["a"][0]
    one = np.zeros(2)
    parted = back({"a": np.ones(2), "b": np.full(2, 2.0)}, {"a": one, "b": one})
    assert (parted["a"].tolist(), parted["b"].tolist()) == ([1.0, 1.0], [2.0, 2.0])


def test_long_lists_share_nothing_with_what_stands_elsewhere() -> None:
    """Whichever comes first: a list that is looked at later must not name what is told of after it."""
    one = b"bytes"
    tree = {"before": [(one, index) for index in range(70)], "one": one, "after": deque([one] * 70, maxlen=90)}
    assert identical(back(tree), tree)
    assert identical(back([[b""] * 70, [b""] * 70]), [[b""] * 70, [b""] * 70])


def test_what_changes_afterwards_is_not_in_it() -> None:
    """Everything is copied in the moment of taking, long lists of arrays as well."""
    tree: dict[str, Any] = {"w": np.zeros(3), "many": [np.zeros(2) for _ in range(100)], "list": [1]}
    taken = take(tree)
    tree["w"] += 1
    tree["many"][0] += 1
    tree["list"].append(2)
    again = given_back(taken)
    assert (again["w"].sum(), again["many"][0].sum(), again["list"]) == (0, 0, [1])


def test_only_what_is_left_is_pickled() -> None:
    """What others have written and keeps state of its own is, and then it is said."""
    from datetime import datetime, timezone

    moment = datetime.now(timezone.utc)
    taken = take({"at": moment, "w": np.zeros(1)})
    assert len(taken.pickles) == 1
    rest = [pickle.loads(data) for data in taken.pickles]  # noqa: S301 - made above
    assert give(taken.finish().root, taken.tensors, rest)["at"] == moment


def test_a_parameter_that_differs_stays_as_it_was_chosen() -> None:
    """What the constructor made of the new value stays; what training has changed comes back."""
    before = Model(rate=0.1)
    taken = take(before).finish()
    later = Model(rate=0.1)
    later.rate = 0.05
    changed = take(later).finish()

    for state, expected in ((taken, 0.3), (changed, 0.05)):
        live = Model(rate=0.3)
        giving = Giving(state.root, state.tensors, [], live, [(0.1, 0.3)])
        giving.check()
        giving.give()
        assert live.rate == expected


def test_a_tensor_that_is_not_there_changes_nothing() -> None:
    """Whatever would be put back before it is not, and its name is told."""
    model = Model()
    model.live()
    taken = take(model).finish()
    del taken.tensors["memory"]
    live = Model()
    with pytest.raises(DataCorrupt, match="tensor memory is not in its tensor file"):
        give(taken.root, taken.tensors, [], live)
    assert live.weights["in"].sum() == 0


def test_another_class_is_refused() -> None:
    """The class that was saved and the one that is there are named."""
    taken = take(Slotted()).finish()
    with pytest.raises(InvalidInput, match="holds the model as a Slotted, and the constructor makes a dict"):
        Giving(taken.root, taken.tensors, [], {}).check()
