"""What is known of each job, in one file a job, so that the next host finds the runners of this one."""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ainimal_zookeeper.domain.errors import Transient

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """`pid` and `started_at` (seconds since the epoch, as the system says) name the process; None: not started yet.

    `launcher` is the number of the process that launches it; absent in older records.
    """

    instance_id: str
    attempt: int
    launched_at: str
    pid: int | None = None
    started_at: float | None = None
    launcher: int | None = None

    @property
    def name(self) -> str:
        return f"{self.instance_id}-{self.attempt}"


class JobRecords:
    """The records below `root`, each written whole. Raises: Transient when the disk does not take them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _transient(root, error) from error

    def create(self, record: JobRecord) -> bool:
        """Writes a new record. Returns False when there is one of the same name."""
        fresh = self._write(json.dumps(asdict(record)))
        try:
            self._file(record.name).hardlink_to(fresh)
            self._end_file(record.name).unlink(missing_ok=True)
            return True
        except FileExistsError:
            return False
        except OSError as error:
            raise _transient(self._root, error) from error
        finally:
            fresh.unlink()

    def replace(self, record: JobRecord) -> None:
        self._write(json.dumps(asdict(record))).replace(self._file(record.name))

    def note_end(self, name: str, exit_status: int) -> None:
        """Keeps how the process ended, as `subprocess` says it: negative for a signal."""
        # Apart from the record, so that a job that is forgotten at the same time does not come back.
        self._write(str(exit_status)).replace(self._end_file(name))

    def exit_status(self, name: str) -> int | None:
        """Returns how the process ended; None while it runs, or when nobody saw the end."""
        try:
            return int(self._end_file(name).read_text())
        except (OSError, ValueError):
            return None

    def get(self, name: str) -> JobRecord | None:
        return self._read(self._file(name))

    def all(self) -> Iterator[JobRecord]:
        for file in sorted(self._root.glob("*.json")):
            record = self._read(file)
            if record is not None:
                yield record

    def remove(self, name: str) -> None:
        self._file(name).unlink(missing_ok=True)
        self._end_file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._root / f"{name}.json"

    def _end_file(self, name: str) -> Path:
        return self._root / f"{name}.exit"

    def _write(self, text: str) -> Path:
        path = self._root / f".{uuid.uuid4().hex}"
        try:
            path.write_text(text)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise _transient(self._root, error) from error
        return path

    @staticmethod
    def _read(file: Path) -> JobRecord | None:
        try:
            return JobRecord(**json.loads(file.read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            _logger.warning("job record %s cannot be read and counts as absent: %s", os.fspath(file), error)
            return None


def _transient(root: Path, error: OSError) -> Transient:
    return Transient(
        f"jobs cannot be written below {root}: {error.strerror or error}; check the space and the rights on its disk",
        5.0,
    )
