"""What is compared of an archive, and what archives of strangers can do: nothing."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.checkpoints import contents, regions, tensor_files
from ainimal_zookeeper.checkpoints.regions import Held, Region, open_checked
from ainimal_zookeeper.checkpoints.tensors import compare_tensors
from ainimal_zookeeper.domain.errors import DataCorrupt, LimitReached
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import archives
from tests.fakes.bucket import MemoryBucket

ONES = np.ones((2, 3), np.float32)


def region(content: bytes) -> Region:
    return Region(Held(content), 0, len(content))


def names(content: bytes) -> list[str]:
    return sorted(contents.tensors_in(region(content)))


def values(content: bytes, name: str) -> Any:
    """Returns the bytes of a tensor."""
    with contents.tensors_in(region(content))[name].open() as stream:
        return stream.read()


# --- what is in it ---------------------------------------------------------------------------------------------------


def test_captured_tensors_go_by_their_own_names() -> None:
    """What the zoo keeps of a run besides is not looked at; what it could not take apart is compared as bytes."""
    content = archives.captured(
        {"policy.0.weight": ONES},
        **{"model/rest.pickle": b"rest", "model/values.json": b"null", "runner/chance.json": b"{}", "other": b"x"},
    )
    assert names(content) == ["model/rest.pickle", "model/values.json", "policy.0.weight"]
    found = contents.tensors_in(region(content))["policy.0.weight"]
    assert (found.shape, found.element.name, found.size_bytes) == ((2, 3), "float32", 24)
    assert values(content, "policy.0.weight") == ONES.tobytes()
    assert values(content, "model/rest.pickle") == b"rest"


@pytest.mark.parametrize("pack", [archives.saved, archives.packed], ids=["today", "of older zoos"])
def test_files_that_save_wrote_are_looked_into(pack: Callable[[dict[str, bytes]], bytes]) -> None:
    """Safetensors and NumPy's, packed or not, in folders too; others are files."""
    content = pack(
        {
            "b.npz": archives.npz(policy=ONES, bias=ONES[0]),
            "c.NPZ": archives.npz(compressed=True, policy=ONES * 2),
            "folder/d.npy": archives.npy(ONES.T),
            "e.safetensors": archives.safetensors({"x.y": ONES}),
            "torch.pt": b"not looked into",
        }
    )
    assert names(content) == [
        "b.npz/bias", "b.npz/policy", "c.NPZ/policy", "e.safetensors/x.y", "folder/d.npy", "torch.pt",
    ]  # fmt: skip
    assert values(content, "c.NPZ/policy") == (ONES * 2).tobytes()
    assert values(content, "e.safetensors/x.y") == ONES.tobytes()
    assert contents.tensors_in(region(content))["folder/d.npy"].fortran
    assert values(content, "torch.pt") == b"not looked into"


NODES = {
    "$": "object",
    "class": "Learner",
    "items": {
        "epsilon": 0.5,
        "greedy": False,
        "steps": 7,
        "name": "größer",
        "unknown": None,
        "layers": [{"width": 8}, 2],
        "optimizer": {"$": "dict", "items": {"lr": {"$": "float", "bits": struct.pack(">d", np.inf).hex()}}, "id": 1},
        "temperature": {"$": "scalar", "dtype": "<f4", "hex": np.float32(1.5).tobytes().hex()},
        "chance": {"$": "random", "state": [1, 2, 3]},
        "weights": {"$": "array", "tensor": "weights"},
        "text": {"$": "scalar", "dtype": "<U1", "hex": "41000000"},
        "huge": {"$": "int", "hex": hex(2**70)},
    },
}


def valued(nodes: Any) -> bytes:
    return archives.captured({}, **{"model/values.json": json.dumps(nodes).encode()})


def test_numbers_among_the_values_go_by_name() -> None:
    """Of attributes, and of what they hold; the rest is compared without them."""
    changed = json.loads(json.dumps(NODES))
    changed["items"] |= {"epsilon": 0.25, "greedy": True, "steps": 7.0}
    changed["items"]["layers"][0]["width"] = 12
    changed["items"]["temperature"]["hex"] = np.float32(2).tobytes().hex()
    before, after = (contents.tensors_in(region(valued(nodes))) for nodes in (NODES, changed))
    differ = [change for change in compare_tensors(before, after) if change.kind != "same"]
    assert [(change.name, change.norm, change.dtype_after, change.shape_after) for change in differ] == [
        ("epsilon", 0.25, "float64", ()),
        ("greedy", 1.0, "bool", ()),
        ("layers.0.width", 4.0, "int64", ()),
        ("steps", 0.0, "float64", ()),
        ("temperature", 0.5, "float32", ()),
    ]
    assert {"layers.1", "optimizer.lr"} <= before.keys()


def test_what_is_no_number_goes_by_the_name_of_its_attribute() -> None:
    """Whoever compares is told that a source of chance went on, not that some file differs."""
    changed = json.loads(json.dumps(NODES))
    changed["items"]["chance"]["name"] = "Philox"
    changed["items"]["name"] = "kleiner"
    before, after = (contents.tensors_in(region(valued(nodes))) for nodes in (NODES, changed))
    differ = [change.name for change in compare_tensors(before, after) if change.kind != "same"]
    assert differ == ["chance", "name"]
    assert not {"model/values.json", "weights", "unknown"} & before.keys()


def test_a_value_may_be_nothing_but_a_number() -> None:
    """Its name is empty then, as it has none."""
    assert names(valued(5)) == ["", "model/values.json"]


@pytest.mark.parametrize(
    "nodes", [{f"n{number}": 1 for number in range(1_001)}, {"text": "x" * (4 << 20)}], ids=["numbers", "bytes"]
)
def test_many_values_are_compared_as_a_whole(nodes: Any) -> None:
    """A thousand numbers without axes tell nobody anything."""
    assert names(valued(nodes)) == ["model/values.json"]
    assert values(valued(nodes), "model/values.json") == json.dumps(nodes).encode()


@pytest.mark.parametrize(
    "text",
    [b"{", b"[" * 100_000, b'{"$": "float"}', b'{"$": "float", "bits": 5}', b'{"$": "scalar", "dtype": 1, "hex": ""}'],
)
def test_values_that_are_none_are_corrupt(text: bytes) -> None:
    """They are named."""
    with pytest.raises(DataCorrupt, match=r"^model/values\.json: it"):
        contents.tensors_in(region(archives.captured({}, **{"model/values.json": text})))


KEYS = st.sampled_from(["$", "items", "a", "bits", "hex", "dtype"]) | st.text(max_size=2)
LEAVES = st.none() | st.integers() | st.floats() | st.text() | st.sampled_from(["float", "scalar", "<f4", "0000803f"])


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)))
def test_any_values_are_refused_or_compared(nodes: Any) -> None:
    """And differ in nothing from themselves."""
    content = valued(nodes)
    with suppress(DataCorrupt):
        found = contents.tensors_in(region(content))
        assert {change.kind for change in compare_tensors(found, contents.tensors_in(region(content)))} == {"same"}


def test_only_what_a_newer_zoo_knows_is_refused() -> None:
    """A file that `save` calls as the zoo calls its own is one that `save` wrote."""
    with pytest.raises(DataCorrupt, match="format 3, which only a newer zoo"):
        contents.tensors_in(region(archives.packed({"zoo.json": b'{"format": 3, "needsPickle": true}'})))
    for mine in (b"{}", b"[]", b"\xff", b'{"format": 2}', b"[" * 100_000):
        assert names(archives.packed({"zoo.json": mine, "saved/x": b""})) == ["saved/x", "zoo.json"]


def test_objects_are_never_unpickled() -> None:
    """An array of objects is compared as bytes, whatever its pickle would run."""
    array = np.array([_Trap()], object)
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    content = archives.saved({"trap.npy": file.getvalue(), "trap.npz": archives.npz(trap=array, fine=ONES)})
    found = contents.tensors_in(region(content))
    assert [found[name].element.name for name in ("trap.npy", "trap.npz/trap", "trap.npz/fine")] == [
        "|O", "|O", "float32",
    ]  # fmt: skip
    assert {change.kind for change in compare_tensors(found, found)} == {"same"}
    assert not _Trap.sprung


class _Trap:
    sprung = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (_Trap, "sprung", True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npz", b"no archive"),
        ("a.npz", archives.npz(x=ONES)[:-30]),
        ("a.npz", archives.packed({"x.npy": b"\x93NUMPY"})),
        ("a.npz", archives.packed({"x": archives.npy(1.0), "x.npy": archives.npy(2.0)})),
        ("a.npy", b""),
        ("a.npy", b"\x93NUMPY\x09\x00\x10\x00"),
        ("a.npy", archives.npy(ONES)[:-1]),
        ("a.npy", archives.npy(ONES) + b"x"),
        ("a.safetensors", b"\x01"),
        ("a.safetensors", archives.framed([], b"")),
        ("a.safetensors", archives.safetensors({"x": ONES})[:-1]),
    ],
)
def test_a_file_that_is_not_what_it_is_called_is_bytes(name: str, content: bytes) -> None:
    """Who saves what is theirs: one odd file does not hide what the others say."""
    found = contents.tensors_in(region(archives.saved({name: content, "good.npy": archives.npy(ONES)})))
    assert sorted(found) == [name, "good.npy"]
    assert (found[name].shape, found[name].element.name) == (None, "bytes")


def test_names_cannot_steer_a_terminal() -> None:
    """Nor be no text: what cannot be printed is written out."""
    found = names(archives.captured({"\x1b[2Jw": ONES, "\ud800": ONES, "größe": ONES}))
    assert found == ["\\ud800", "\\x1b[2Jw", "größe"]


# --- what strangers make ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        [],
        {"x": None},
        {"x": {"dtype": "F32", "shape": [6]}},
        {"x": {"dtype": 5, "shape": [6], "data_offsets": [0, 24]}},
        {"x": {"dtype": "F32", "shape": [6], "data_offsets": [0, 25]}},
        {"x": {"dtype": "F32", "shape": [6], "data_offsets": [24, 0]}},
        {"x": {"dtype": "F32", "shape": [6], "data_offsets": [-24, 0]}},
        {"x": {"dtype": "F32", "shape": [6], "data_offsets": [0, 24, 24]}},
        {"x": {"dtype": "F32", "shape": [7], "data_offsets": [0, 24]}},
        {"x": {"dtype": "F32", "shape": [2**31], "data_offsets": [0, 24]}},
        {"x": {"dtype": "F32", "shape": [2**30] * 60 + [0], "data_offsets": [0, 24]}},
        {"x": {"dtype": "F32", "shape": [1] * 65, "data_offsets": [0, 4]}},
        {"x": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}},
        {"x": {"dtype": "F32", "shape": [6.0], "data_offsets": [0, 24]}},
        {"x": {"dtype": "F32", "shape": "6", "data_offsets": [0, 24]}},
        {name: {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]} for name in "xy"},
    ],
)
def test_a_header_that_lies_is_corrupt(header: Any) -> None:
    """Sizes and shapes that do not fit, lie outside, overlap, or overflow."""
    content = archives.packed({**archives.MARK, "model/tensors.safetensors": archives.framed(header, bytes(24))})
    with pytest.raises(DataCorrupt, match=r"^model/tensors\.safetensors: it"):
        contents.tensors_in(region(content))


@pytest.mark.parametrize("text", [b"{" * 100_000, b"[" * 100_000, b'{"x": 1' + b"1" * 5000 + b"}", b"\xff\xfe", b"nan"])
def test_a_header_that_is_no_object_is_corrupt(text: bytes) -> None:
    """However deep it goes."""
    content = len(text).to_bytes(8, "little") + text
    with pytest.raises(DataCorrupt):
        tensor_files.safetensors(region(content))


def test_headers_have_a_size() -> None:
    """Beyond which they are not read: in a file of safetensors, of NumPy, and the directory of an archive."""
    huge = (tensor_files.MAX_HEADER_BYTES + 1).to_bytes(8, "little") + bytes(tensor_files.MAX_HEADER_BYTES + 1)
    with pytest.raises(LimitReached, match="up to 4,194,304 are read"):
        tensor_files.safetensors(region(huge))
    with pytest.raises(DataCorrupt, match="NumPy takes 10,000"):
        tensor_files.npy(region(b"\x93NUMPY\x02\x00" + struct.pack("<I", 20_000) + bytes(20_000)))
    listed = bytes(5 << 20)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, len(listed), 0, 0)
    with pytest.raises(DataCorrupt, match="its directory has 5,242,880 bytes"):
        contents.tensors_in(region(listed + end))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "{",
        "(" * 3000,
        "-" * 9000 + "1",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [1]}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (10**9,)}",
        "{'descr': '<f4', 'fortran_order': __import__('os'), 'shape': ()}",
        "{[]: 1}",
        "\x00",
        "'\\d'",
    ],
)
def test_a_header_of_numpy_that_is_none_is_corrupt(header: str) -> None:
    """It is a literal, or nothing: no code of it runs."""
    text = header.encode()
    with pytest.raises(DataCorrupt):
        tensor_files.npy(region(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(4)))


def _changed(content: bytes, change: Callable[[zipfile.ZipInfo], None]) -> bytes:
    """Returns an archive of one entry whose directory says something else of it."""
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        (entry,) = zipped.infolist()
    change(entry)
    start = content.index(b"PK\x01\x02")
    listed = bytearray(content[start:])
    struct.pack_into("<H", listed, 8, entry.flag_bits)
    struct.pack_into("<H", listed, 10, entry.compress_type)
    struct.pack_into("<LL", listed, 20, entry.compress_size, entry.file_size)
    struct.pack_into("<L", listed, 42, entry.header_offset)
    return content[:start] + bytes(listed)


@pytest.mark.parametrize(
    "change",
    [
        {"compress_type": zipfile.ZIP_DEFLATED},
        {"flag_bits": 1},
        {"header_offset": 5},
        {"header_offset": 2**31},
        {"file_size": 2**31},
        {"file_size": 20},
    ],
)
def test_an_entry_that_is_not_what_its_directory_says_is_corrupt(change: dict[str, int]) -> None:
    """Archives of the zoo have their entries as they are, one after another."""

    def lie(entry: zipfile.ZipInfo) -> None:
        for key, value in change.items():
            setattr(entry, key, value)

    content = _changed(archives.packed({"w.npy": archives.npy(ONES)}), lie)
    with pytest.raises(DataCorrupt):
        contents.tensors_in(region(content))


def test_entries_that_overlap_are_corrupt() -> None:
    """A small archive with much in it is none of the zoo's."""
    content = archives.packed({"w.npy": archives.npy(np.zeros(10_000))})
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    listed = content[start:end]
    others = b"".join(listed.replace(b"w.npy", f"{number:05}".encode()) for number in range(100))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 100, 100, len(others), start, 0)
    with pytest.raises(DataCorrupt, match="overlap"):
        contents.tensors_in(region(content[:start] + others + tail))


def test_one_name_twice_is_corrupt() -> None:
    """Nobody could say which one was restored."""
    content = archives.packed({"a": b"1", "b": b"2"})
    with pytest.raises(DataCorrupt, match="one name twice"):
        contents.tensors_in(region(content.replace(b"b\x32", b"a\x32").replace(b"\x00b", b"\x00a")))


def test_a_name_may_be_empty() -> None:
    """It is no folder."""
    nameless = archives.packed({"q": b"x"}).replace(b"q", b"\0")  # a name ends where a zero is
    assert names(nameless) == [""]
    assert names(archives.saved({"a.npz": nameless})) == ["a.npz"]


def test_too_many_are_not_compared() -> None:
    """The number is in the message; files of tensors count for what is in them."""
    header = {f"t{number}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for number in range(10_001)}
    content = archives.packed({**archives.MARK, "model/tensors.safetensors": archives.framed(header, b"")})
    with pytest.raises(LimitReached, match="10,001 tensors and files"):
        contents.tensors_in(region(content))


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compressed counts as what it becomes, over all files together."""
    monkeypatch.setattr(contents, "MAX_BYTES", 3_000_000)
    bomb = archives.npz(compressed=True, zeros=np.zeros(200_000))
    assert names(archives.saved({"a.npz": bomb})) == ["a.npz/zeros"]
    with pytest.raises(LimitReached, match="bytes unpacked"):
        contents.tensors_in(region(archives.saved({"a.npz": bomb, "b.npz": bomb})))


def test_packed_bytes_that_are_altered_are_corrupt() -> None:
    """They are found out while they are read."""
    content = bytearray(archives.npz(compressed=True, w=np.random.default_rng(1).normal(size=50_000)))
    content[content.index(b"PK\x01\x02") - 40] ^= 0xFF
    found = contents.tensors_in(region(archives.saved({"a.npz": bytes(content)})))
    with pytest.raises(DataCorrupt, match=r"its entry 'w\.npy' cannot be read"):
        compare_tensors(found, found)


@given(st.data())
def test_whatever_is_altered_is_corrupt_or_something_else(data: st.DataObject) -> None:
    """No archive, header or stream of any bytes raises anything but what the zoo says of it."""
    whole = data.draw(
        st.sampled_from(
            [
                archives.captured({"a": ONES, "b": ONES[0]}),
                archives.saved({"a.npz": archives.npz(x=ONES), "b.npy": archives.npy(ONES)}),
                archives.saved({"a.npz": archives.npz(compressed=True, x=np.arange(50)), "c.pt": b"torch"}),
            ]
        )
    )
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        if not content:
            return
    with suppress(DataCorrupt, LimitReached):
        found = contents.tensors_in(region(bytes(content)))
        compare_tensors(found, contents.tensors_in(region(whole)))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(content: bytes) -> None:
    """Each of the parsers, with what looks like its beginning and without."""
    for read in (tensor_files.safetensors, tensor_files.npy, lambda it: tensor_files.npz(it, 1 << 20)):
        for before in (b"", b"\x93NUMPY\x01\x00", b"\x20\x00\x00\x00\x00\x00\x00\x00{", b"PK\x03\x04"):
            with suppress(DataCorrupt, LimitReached):
                read(region(before + content))


# --- where it lies ---------------------------------------------------------------------------------------------------


def test_a_big_object_is_read_by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is checked first, and never held as a whole."""
    monkeypatch.setattr(regions, "_BLOCK", 1000)
    monkeypatch.setattr(regions, "_HELD", 5000)
    bucket, tensors = MemoryBucket(), {f"t{number}": np.arange(number, 300 + number) for number in range(9)}
    content = archives.captured(tensors)
    bucket.put("big", content)
    archive = open_checked(bucket, "big", len(content), hashlib.sha256(content).hexdigest())
    found = contents.tensors_in(archive)
    changes = compare_tensors(found, contents.tensors_in(region(content)))
    assert {change.kind for change in changes} == {"same"}
    for name, values_ in tensors.items():
        with found[name].open() as stream:
            assert stream.read() == values_.tobytes()


@pytest.mark.parametrize("size", [9, 10, 11])
def test_what_is_not_what_was_saved_is_corrupt(size: int) -> None:
    """By its hash, or by its size."""
    bucket = MemoryBucket()
    bucket.put("x", b"0123456789")
    right = hashlib.sha256(b"0123456789").hexdigest()
    if size == 10:
        assert open_checked(bucket, "x", 10, right).read_at(2, 99) == b"23456789"
        right = right[::-1]
    with pytest.raises(DataCorrupt, match="the object x is not what was saved"):
        open_checked(bucket, "x", size, right)


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.integers(-20, 20), st.integers(0, 20)), max_size=8))
def test_a_part_is_a_file_of_its_own(moves: list[tuple[int, int, int]]) -> None:
    """It seeks, tells and reads as a file of those bytes does."""
    part, file = region(bytes(range(30))).part(5, 25).open(), io.BytesIO(bytes(range(5, 25)))
    for whence, offset, size in moves:
        base = (0, file.tell(), 20)[whence]
        if base + offset >= 0:
            assert part.seek(offset, whence) == file.seek(offset, whence)
        assert part.read(size) == file.read(size)
        assert part.tell() == file.tell()


def test_headers_that_numpy_writes_are_literals() -> None:
    """Records too: they are no numbers, and are told apart by their bytes."""
    record = np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")])
    header = archives.npy(record)[10:].split(b"\n")[0]
    assert isinstance(ast.literal_eval(header.decode())["descr"], list)
    assert tensor_files.npy(region(archives.npy(record))).element.name == "record"
    assert json.dumps(header.decode())
