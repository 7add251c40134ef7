"""Snapshots of the Firestore emulator, which keeps all in memory and forgets it when it ends."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx

from ainimal_zookeeper.domain.errors import Transient

_NAME = "documents"
_TIMEOUT_S = 30.0


def saved(folder: Path) -> Path | None:
    """Returns the newest snapshot in `folder` as the emulator wants it named; None where there is none."""
    for place in (folder / "saved", folder / "before"):
        found = place / _NAME / f"{_NAME}.overall_export_metadata"
        if found.is_file():
            return found
    return None


def save(address: str, project: str, database: str, folder: Path) -> None:
    """Writes all documents of the emulator at `address` to `folder`, in place of the snapshot before.

    A crash leaves one of the two whole. Raises: Transient.
    """
    fresh, now, before = folder / "fresh", folder / "saved", folder / "before"
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        wanted = {
            "database": f"projects/{project}/databases/{database}",
            "export_directory": str(fresh),
            "export_name": _NAME,
        }
        url = f"http://{address}/emulator/v1/projects/{project}:export"
        httpx.post(url, json=wanted, timeout=_TIMEOUT_S, trust_env=False).raise_for_status()
        if now.exists():
            shutil.rmtree(before, ignore_errors=True)
            now.rename(before)
        fresh.rename(now)
    except (OSError, httpx.HTTPError) as error:
        raise Transient(f"the documents of the Firestore emulator cannot be saved below {folder}: {error}") from error
    shutil.rmtree(before, ignore_errors=True)
