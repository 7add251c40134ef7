"""Emulators of the services that the zoo stands on in the cloud: found where they run already, or started here."""

from __future__ import annotations

from .emulators import Emulators
from .kinds import AUTH, FIRESTORE, PUBSUB, STORAGE, Kind
from .process import EmulatorProcess, free_address

__all__ = ["AUTH", "FIRESTORE", "PUBSUB", "STORAGE", "EmulatorProcess", "Emulators", "Kind", "free_address"]
