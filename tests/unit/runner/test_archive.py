"""A checkpoint's archive: the same bytes for the same content, and nothing outside of its folder."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest
from ainimal_zookeeper.domain.errors import DataCorrupt
from hypothesis import given
from hypothesis import strategies as st
from zookeeper_runner import archive

NAMES = st.text("abcä. -", min_size=1, max_size=8).filter(lambda name: name not in {".", ".."})


def written(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def content(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


@given(files=st.dictionaries(NAMES, st.binary(max_size=100), max_size=5))
def test_what_was_packed_comes_back(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Names, bytes and empty folders are the same afterwards."""
    place = tmp_path_factory.mktemp("archive")
    folder = written(place / "saved", {f"deep/{name}": data for name, data in files.items()} | files)
    (folder / "empty").mkdir() if "empty" not in files else None
    (place / "back").mkdir()

    archive.pack(folder, place / "a.zip")
    archive.unpack(place / "a.zip", place / "back")

    assert content(place / "back") == content(folder)


def test_same_content_makes_the_same_bytes(tmp_path: Path) -> None:
    """Neither the order of writing nor times nor rights show in the archive."""
    first = written(tmp_path / "first", {"a": b"1", "b/c": b"2"})
    second = written(tmp_path / "second", {"b/c": b"2", "a": b"1"})
    os.utime(second / "a", (1e9, 1e9))
    (second / "a").chmod(0o600)

    archive.pack(first, tmp_path / "first.zip")
    archive.pack(second, tmp_path / "second.zip")

    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "a/../../outside", "a//b", "./a", "..\\outside"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    """Nothing at all is unpacked of such an archive."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.writestr("good", b"x")
        zipped.writestr(zipfile.ZipInfo(name), b"x")
    (tmp_path / "back").mkdir()

    with pytest.raises(DataCorrupt, match="leads out of it"):
        archive.unpack(tmp_path / "a.zip", tmp_path / "back")

    assert content(tmp_path / "back") == {}


def test_links_bombs_and_doubles_are_refused(tmp_path: Path) -> None:
    """Only plain files as they are: no symbolic link, nothing that grows, no name twice."""
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    grows = zipfile.ZipInfo("bomb")
    grows.compress_type = zipfile.ZIP_DEFLATED
    for number, entry in enumerate((link, grows)):
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w") as zipped:
            zipped.writestr(entry, bytes(1 << 20))
        (tmp_path / str(number)).mkdir()
        with pytest.raises(DataCorrupt, match="no plain file"):
            archive.unpack(tmp_path / f"{number}.zip", tmp_path / str(number))
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as zipped:
        zipped.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            zipped.writestr("a", b"2")
    (tmp_path / "twice").mkdir()
    with pytest.raises(DataCorrupt, match="twice"):
        archive.unpack(tmp_path / "twice.zip", tmp_path / "twice")


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    """Whoever saves too many learns it then, and what claims to be one is not unpacked."""
    folder = written(tmp_path / "saved", dict.fromkeys("abc", b""))
    archive.pack(folder, tmp_path / "a.zip")
    (tmp_path / "back").mkdir()

    with pytest.raises(ValueError, match="at most 2"):
        archive.pack(folder, tmp_path / "b.zip", max_entries=2)
    with pytest.raises(DataCorrupt, match="more than 2"):
        archive.unpack(tmp_path / "a.zip", tmp_path / "back", max_entries=2)


@pytest.mark.parametrize("damage", [slice(0, 0), slice(0, 40), slice(30, None)])
def test_damaged_archive_is_refused(tmp_path: Path, damage: slice) -> None:
    """What is cut off or no zip at all is corrupt data, not a crash."""
    archive.pack(written(tmp_path / "saved", {"a": b"1" * 100}), tmp_path / "a.zip")
    (tmp_path / "b.zip").write_bytes((tmp_path / "a.zip").read_bytes()[damage][:-10])
    (tmp_path / "back").mkdir()

    with pytest.raises(DataCorrupt, match="no archive"):
        archive.unpack(tmp_path / "b.zip", tmp_path / "back")


def test_what_could_not_be_unpacked_is_not_packed(tmp_path: Path) -> None:
    """Whoever saves learns it then, and not when it is too late: room is left for what the zoo adds."""
    (tmp_path / "in").mkdir()
    for index in range(12):
        (tmp_path / "in" / str(index)).touch()
    with pytest.raises(ValueError, match="there are 12 files and folders"):
        archive.entries_of(tmp_path / "in", "saved/", max_entries=15)
    (tmp_path / "in" / "a\\b").touch()
    with pytest.raises(ValueError, match="has a backslash in its name"):
        archive.entries_of(tmp_path / "in", "saved/")
    (tmp_path / "in" / "a\\b").unlink()
    (tmp_path / "in" / "latest").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="'latest' is a link to a folder"):
        archive.entries_of(tmp_path / "in", "saved/")
