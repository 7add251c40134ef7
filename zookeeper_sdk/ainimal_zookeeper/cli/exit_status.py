"""What `zoo` exits with, in one table: scripts tell apart what went wrong without reading messages."""

from __future__ import annotations

from collections.abc import Mapping

from ainimal_zookeeper.domain.errors import ZookeeperError

UNEXPECTED = 1
"""A failed check of `zoo doctor`, and everything that no row below names."""

INTERRUPTED = 130
"""Ctrl-C while waiting for something that goes on; what shells say of it (128 and the signal's number)."""

EXIT_STATUS: Mapping[str, int] = {
    "INVALID_INPUT": 2,  # also what click exits with for a wrong option
    "NOT_FOUND": 3,
    "ALREADY_EXISTS": 4,
    "INVALID_TRANSITION": 5,
    "UNAUTHENTICATED": 6,
    "PERMISSION_DENIED": 7,
    "LIMIT_REACHED": 8,
    "RATE_LIMITED": 9,
    "CONFLICT": 10,
    "CONTROL_HELD": 11,
    "UNAVAILABLE": 12,
    "DATA_CORRUPT": 13,
    "AINIMAL_FAULT": 14,
    "ENV_FAULT": 15,
}
"""By error code."""


def exit_status(error: ZookeeperError) -> int:
    """Returns the exit status for `error`. What the API could not name is UNEXPECTED."""
    if type(error) is ZookeeperError:
        return UNEXPECTED
    return EXIT_STATUS[error.code]
