"""Archives and wheels."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile

from ainimal_zookeeper.staging.archive import archive, wheel
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.text("abcdef/._", min_size=1, max_size=12).filter(lambda name: name.strip("/") == name and "//" not in name)
FILES = st.dictionaries(NAMES, st.binary(max_size=40), max_size=6)


@given(FILES, st.randoms(use_true_random=False))
def test_an_archive_is_what_is_in_it(files: dict[str, bytes], random: object) -> None:
    """The order in which files were found changes nothing, and all come out as they went in."""
    shuffled = list(files.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    made = archive(dict(shuffled))

    assert made == archive(files)
    with zipfile.ZipFile(io.BytesIO(made)) as zipped:
        assert {name: zipped.read(name) for name in zipped.namelist()} == files
        assert zipped.namelist() == sorted(files)


def test_another_byte_makes_another_archive() -> None:
    """So its name changes, and it is deployed."""
    assert archive({"main.py": b"a"}) != archive({"main.py": b"b"})


def test_files_in_an_archive_tell_nothing_of_when_and_where() -> None:
    """Everyone may read them, nobody needs to run them, and all are of one moment."""
    with zipfile.ZipFile(io.BytesIO(archive({"main.py": b"text " * 1000}))) as zipped:
        entry = zipped.getinfo("main.py")

    assert entry.external_attr >> 16 == 0o100644
    assert entry.date_time == (1980, 1, 1, 0, 0, 0)
    assert entry.compress_type == zipfile.ZIP_STORED


def test_a_wheel_accounts_for_its_files_and_asks_for_nothing() -> None:
    """RECORD lists each file with its hash and size; METADATA requires no other distribution."""
    name, made = wheel("ainimal-zookeeper", "1.2", {"sdk/__init__.py": b"hello"})

    assert name == "ainimal_zookeeper-1.2-py3-none-any.whl"
    with zipfile.ZipFile(io.BytesIO(made)) as zipped:
        information = "ainimal_zookeeper-1.2.dist-info"
        recorded = [line.split(",") for line in zipped.read(f"{information}/RECORD").decode().splitlines()]
        for path, digest, size in recorded[:-1]:
            content = zipped.read(path)
            expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            assert (digest, size) == (f"sha256={expected}", str(len(content)))
        assert recorded[-1] == [f"{information}/RECORD", "", ""]
        assert {path for path, _digest, _size in recorded} == set(zipped.namelist())
        assert b"Requires-Dist" not in zipped.read(f"{information}/METADATA")
