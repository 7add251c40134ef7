"""Kinds of emulators: what each is called, which variable names one that runs, and how one is started."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import programs, snapshot
from .process import free_address


@dataclass(frozen=True, slots=True)
class Kind:
    """An emulator of one service."""

    service: str
    variable: str
    """Where the client libraries look for it; one that is set names an emulator that runs already."""
    name: str
    """Of its folder and its log."""
    command: Callable[[str, Path, bool], list[str]]
    """Of the address to listen at, a folder of its own, and whether what it holds is to outlive it. Raises: NotFound
    for a program that is missing."""
    scheme: str = ""
    """What the variable's value has before the address."""


_LINK_HEADERS = "x-goog-if-generation-match,x-goog-content-length-range"  # of links to which pages send files


def _firestore(address: str, folder: Path, lasting: bool) -> list[str]:
    gcloud = programs.gcloud("cloud-firestore-emulator")
    command = [str(gcloud), "emulators", "firestore", "start", "--quiet", f"--host-port={address}"]
    saved = snapshot.saved(folder) if lasting else None
    return command if saved is None else [*command, f"--import-data={saved}"]


def _pubsub(address: str, folder: Path, _lasting: bool) -> list[str]:
    gcloud = programs.gcloud("pubsub-emulator")
    command = [str(gcloud), "beta", "emulators", "pubsub", "start", "--quiet", "--project=zoo"]
    return [*command, f"--data-dir={folder}", f"--host-port={address}"]


def _storage(address: str, folder: Path, lasting: bool) -> list[str]:
    host, _, port = address.partition(":")
    backend = ["filesystem", "-filesystem-root", str(folder)] if lasting else ["memory"]
    command = [str(programs.fake_gcs_server()), "-backend", *backend, "-scheme", "http", "-host", host, "-port", port]
    command += ["-public-host", address, "-external-url", f"http://{address}", "-log-level", "warn"]
    return [*command, "-cors-headers", _LINK_HEADERS]


def _auth(address: str, folder: Path, _lasting: bool) -> list[str]:
    firebase = programs.firebase()
    host, _, port = address.partition(":")
    emulators = {
        "auth": {"host": host, "port": int(port)},
        "hub": {"host": host, "port": _free_port()},
        "logging": {"host": host, "port": _free_port()},
        "ui": {"enabled": False},
        "singleProjectMode": False,
    }
    configuration = folder / "firebase.json"
    configuration.write_text(json.dumps({"emulators": emulators}), encoding="utf-8")
    command = [str(firebase), "emulators:start", "--only", "auth", "--project", "demo-zoo"]
    return [*command, "--config", str(configuration)]


def _free_port() -> int:
    return int(free_address().rpartition(":")[2])


FIRESTORE = Kind("Firestore", "FIRESTORE_EMULATOR_HOST", "firestore", _firestore)
PUBSUB = Kind("Pub/Sub", "PUBSUB_EMULATOR_HOST", "pubsub", _pubsub)
STORAGE = Kind("Cloud Storage", "STORAGE_EMULATOR_HOST", "storage", _storage, scheme="http://")
AUTH = Kind("Firebase Auth", "FIREBASE_AUTH_EMULATOR_HOST", "auth", _auth)
