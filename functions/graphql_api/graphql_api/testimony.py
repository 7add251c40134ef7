"""What runners say of themselves and why they refuse: read with care, since they run other people's code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ainimal_zookeeper.domain import errors
from ainimal_zookeeper.domain.errors import AInimalFault, DataCorrupt, Rejected, Transient, ZookeeperError

_REFUSALS: dict[str, type[Rejected]] = {
    kind.code: kind
    for kind in (
        errors.NotFound,
        errors.AlreadyExists,
        errors.InvalidInput,
        errors.InvalidTransition,
        errors.PermissionDenied,
        errors.LimitReached,
        errors.ControlHeld,
    )
}


def sound(report: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what of a report is shown live. Raises: TypeError, KeyError or ValueError when it is malformed."""
    kept: dict[str, Any] = {
        key: report[key]
        for key in ("timeline", "phase", "stage", "observedGeneration", "acknowledgedAtStep")
        if key in report
    }
    if not isinstance(kept.get("stage"), str | None) or not isinstance(kept.get("phase", ""), str):
        raise TypeError("stage and phase are texts")
    for key in ("timeline", "observedGeneration", "acknowledgedAtStep"):
        if kept.get(key) is not None:
            kept[key] = int(kept[key])
    for key in ("timeline", "observedGeneration"):
        if kept.get(key, 0) is None:
            del kept[key]
    if report.get("stats") is not None:
        given = report["stats"]
        kept["stats"] = {
            "step": int(given["step"]),
            "episode": int(given["episode"]),
            "stepsPerSecond": float(given["stepsPerSecond"]),
            "episodeReturn": None if given["episodeReturn"] is None else float(given["episodeReturn"]),
            "loss": None if given["loss"] is None else float(given["loss"]),
            "updatedAt": given["updatedAt"],
        }
    return kept


def known_code(code: Any) -> str:
    return str(code) if code in _REFUSALS or code in {"UNAVAILABLE", "AINIMAL_FAULT", "ENV_FAULT"} else "UNAVAILABLE"


def refusal(code: str, message: str) -> ZookeeperError:
    """Returns the error that a runner's `code` names."""
    if code in _REFUSALS:
        return _REFUSALS[code](message)
    if code == "AINIMAL_FAULT":
        return AInimalFault(message)
    if code == "DATA_CORRUPT":
        return DataCorrupt(message)
    return Transient(message)
