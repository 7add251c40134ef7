"""The bucket of the embedded zoo: a directory.

The object `runs/a.mcap` is the one file in `objects/runs/a.mcap@/`, whose name is its generation, SHA-256 and content
type. A write is thus one rename, data and facts together, and no reader ever sees half of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

from ainimal_zookeeper.domain.errors import Conflict, InvalidInput, NotFound, Transient
from ainimal_zookeeper.ports.bucket import ObjectInfo, Share, SignedUrl
from ainimal_zookeeper.ports.clock import Clock

from .signing import Access, allowed, readable, shared, signed_url

_CHUNK = 1 << 20
_MARK = "@"  # ends the folder of an object, so that `a` and `a/b` can both be objects
_MAX_NAME_BYTES = 1024
_MAX_PART_BYTES = 250
_LONGEST_SHARE_S = 3600.0
_ABANDONED_S = 24 * 3600.0


class DirectoryBucket:
    """A `Bucket` below the folder `root`, also for several processes; its links start with `base_url`."""

    def __init__(self, root: Path, base_url: str, secret: bytes, clock: Clock) -> None:
        self._objects = root / "objects"
        self._incoming = root / "incoming"
        self._lock_file = root / "lock"
        self._base_url = base_url
        self._secret = secret
        self._clock = clock
        with _translated(root):
            self._objects.mkdir(parents=True, exist_ok=True)
            self._incoming.mkdir(exist_ok=True)
            self._lock_file.touch()
            for left in self._incoming.iterdir():
                if left.stat().st_mtime < time.time() - _ABANDONED_S:
                    left.unlink(missing_ok=True)

    def put(
        self,
        name: str,
        data: bytes | BinaryIO,
        *,
        if_generation: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> ObjectInfo:
        source = io.BytesIO(data) if isinstance(data, bytes) else data
        with self.receive(name, if_generation=if_generation, content_type=content_type) as upload:
            while chunk := source.read(_CHUNK):
                upload.write(chunk)
            return upload.commit()

    def receive(
        self,
        name: str,
        *,
        size_bytes: int | None = None,
        if_generation: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> Upload:
        """Begins a `put` whose bytes come bit by bit; with `size_bytes` it takes exactly that many."""
        folder = self._folder(name)
        self._check_generation(name, _current(folder), if_generation)
        with _translated(self._incoming):
            return Upload(self, name, self._incoming / uuid.uuid4().hex, size_bytes, if_generation, content_type)

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        with self._open(name) as (file, info):
            if not 0 <= start <= info.size_bytes:
                raise InvalidInput(f"start is {start}; object {name} has {info.size_bytes} bytes", ("start",))
            if end is not None and end < start:
                raise InvalidInput(f"end is {end}, before start {start}", ("end",))
            file.seek(start)
            return file.read() if end is None else file.read(end - start)

    def info(self, name: str) -> ObjectInfo | None:
        located = self._locate(name)
        return None if located is None else located[1]

    def locate(self, name: str) -> tuple[Path, ObjectInfo]:
        """Returns the file that holds the object now; it goes when the object is replaced. Raises: NotFound."""
        located = self._locate(name)
        if located is None:
            raise NotFound(f"object {name} does not exist")
        return located

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        parent = prefix.rpartition("/")[0]
        if "/" in prefix:
            self._folder(parent)
        folder = self._objects / parent
        names = []
        for path, _, files in os.walk(folder):
            name = Path(path).relative_to(self._objects).as_posix()
            if files and name.endswith(_MARK) and name.startswith(prefix):
                names.append(name.removesuffix(_MARK))
        for name in sorted(names):
            info = self.info(name)
            if info is not None and name.startswith(prefix):
                yield info

    def delete(self, name: str, *, if_generation: int | None = None) -> None:
        folder = self._folder(name)
        with _translated(folder), self._locked():
            current = _current(folder)
            self._check_generation(name, current, if_generation)
            if current is None:
                raise NotFound(f"object {name} does not exist")
            for file in _versions(folder):
                file.unlink()
            with suppress(OSError):  # a folder that others still use stays
                while folder != self._objects:
                    folder.rmdir()
                    folder = folder.parent

    def sign_get(self, name: str, expires_s: float = 900) -> SignedUrl:
        self._folder(name)
        return signed_url(self._base_url, self._secret, Access(name), self._clock.now(), expires_s)

    def sign_put(self, name: str, size_bytes: int, expires_s: float = 900) -> SignedUrl:
        self._folder(name)
        if size_bytes < 0:
            raise InvalidInput(f"sizeBytes is {size_bytes}; it must be at least 0", ("sizeBytes",))
        return signed_url(self._base_url, self._secret, Access(name, size_bytes), self._clock.now(), expires_s)

    def share(self, prefix: str, lifetime_s: float = 3600) -> Share:
        self._folder(prefix.removesuffix("/") if prefix.endswith("/") else "")
        return shared(self._base_url, self._secret, prefix, self._clock.now(), min(lifetime_s, _LONGEST_SHARE_S))

    def open_shared(self, method: str, name: str, header: str) -> Access:
        """As `open_signed`, for a request with the header of a share."""
        return readable(self._secret, method, name, header, self._clock.now())

    def open_signed(self, method: str, name: str, query: Mapping[str, str]) -> Access:
        """Returns what a request of a link may do: `locate` the name, or `receive_signed`. Raises: PermissionDenied."""
        return allowed(self._secret, method, name, query, self._clock.now())

    def receive_signed(self, access: Access, content_type: str = "application/octet-stream") -> Upload:
        """Begins the upload that `open_signed` has allowed. Raises: Conflict when the object exists."""
        return self.receive(access.name, size_bytes=access.size_bytes, if_generation=0, content_type=content_type)

    # --- inside ------------------------------------------------------------------------------------------------------

    def commit(self, upload: Upload, sha256: str) -> ObjectInfo:
        """Makes a received file the object; called by `Upload.commit`."""
        folder = self._folder(upload.name)
        with _translated(folder), self._locked():
            current = _current(folder)
            self._check_generation(upload.name, current, upload.if_generation)
            # Microseconds, as in Cloud Storage: they go on growing when an object is deleted and created again.
            generation = max(time.time_ns() // 1000, 0 if current is None else _generation(current) + 1)
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{generation}.{sha256}.{quote(upload.content_type, safe='')}"
            upload.path.rename(path)
            _sync(folder)
            for older in _versions(folder):
                if older != path:
                    older.unlink()
            return _info(upload.name, path)

    def _locate(self, name: str) -> tuple[Path, ObjectInfo] | None:
        folder = self._folder(name)
        with _translated(folder):
            while True:
                path = _current(folder)
                if path is None:  # one file may have come behind the scan and the other gone before it
                    with self._locked():
                        path = _current(folder)
                if path is None:
                    return None
                with suppress(FileNotFoundError):  # replaced meanwhile
                    return path, _info(name, path)

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[BinaryIO, ObjectInfo]]:
        while True:
            path, info = self.locate(name)
            try:
                file = path.open("rb")
            except FileNotFoundError:  # replaced meanwhile
                continue
            with file, _translated(path):
                yield file, info
                return

    def _folder(self, name: str) -> Path:
        """Returns the folder of the object. Raises: InvalidInput for a name that breaks the rules."""
        parts = name.split("/")
        try:
            fits = len(name.encode()) <= _MAX_NAME_BYTES and all(len(p.encode()) <= _MAX_PART_BYTES for p in parts)
        except UnicodeEncodeError:
            fits = False
        if not fits or any(part in {"", ".", ".."} for part in parts) or any(c < " " or c in "\\\x7f" for c in name):
            raise InvalidInput(
                f"object name {name[:80]!r}: parts between / must not be empty, '.' or '..', hold no backslash or "
                f"control character, and have at most {_MAX_PART_BYTES} bytes, {_MAX_NAME_BYTES} together",
                ("name",),
            )
        return self._objects / (name + _MARK)

    @staticmethod
    def _check_generation(name: str, current: Path | None, wanted: int | None) -> None:
        found = 0 if current is None else _generation(current)
        if wanted is not None and wanted != found:
            state = f"is at generation {found}" if found else "does not exist"
            raise Conflict(f"object {name} {state}, not at {wanted}" if wanted else f"object {name} exists already")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Holds the bucket for one change: flock excludes threads, too, since each opens the file anew."""
        with self._lock_file.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class Upload:
    """An object on its way in. Leaving the `with` block without `commit` drops it."""

    def __init__(
        self,
        bucket: DirectoryBucket,
        name: str,
        path: Path,
        size_bytes: int | None,
        if_generation: int | None,
        content_type: str,
    ) -> None:
        self.name = name
        self.path = path
        self.if_generation = if_generation
        self.content_type = content_type
        self._bucket = bucket
        self._wanted = size_bytes
        self._size = 0
        self._hash = hashlib.sha256()
        self._file = path.open("xb", buffering=0)

    def write(self, chunk: bytes) -> None:
        """Takes the next bytes. Raises: InvalidInput when they are more than announced, Transient."""
        self._size += len(chunk)
        if self._wanted is not None and self._size > self._wanted:
            raise InvalidInput(f"object {self.name} was announced with {self._wanted} bytes; more came", ("sizeBytes",))
        self._hash.update(chunk)
        rest = memoryview(chunk)
        with _translated(self.path):
            while rest:
                rest = rest[self._file.write(rest) :]

    def commit(self) -> ObjectInfo:
        """Makes it the object, durably. Raises: InvalidInput when bytes are missing, Conflict, Transient."""
        if self._wanted is not None and self._size != self._wanted:
            raise InvalidInput(
                f"object {self.name} was announced with {self._wanted} bytes; {self._size} came", ("sizeBytes",)
            )
        with _translated(self.path):
            os.fsync(self._file.fileno())
        return self._bucket.commit(self, self._hash.hexdigest())

    def close(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _versions(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _current(folder: Path) -> Path | None:
    return max(_versions(folder), key=_generation, default=None)


def _generation(path: Path) -> int:
    return int(path.name.partition(".")[0])


def _info(name: str, path: Path) -> ObjectInfo:
    generation, sha256, content_type = path.name.split(".", 2)
    return ObjectInfo(name, path.stat().st_size, int(generation), sha256, unquote(content_type))


def _sync(folder: Path) -> None:
    """Makes the names in `folder` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Transient(
            f"{path} cannot be read or written: {error.strerror or error}; check the space and the rights on its disk",
            5.0,
        ) from error
