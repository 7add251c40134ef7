"""The control lease: at most one driver of an instance at a time, who must be heard of to stay one.

Who calls what, each inside one transaction: the API `acquire`, `renew` and `release`; the runner link takes in that a
lease has lapsed (`lifecycle.report`). Nothing here knows a store or a clock.

Invariants, held by a property test:
    - of two leases the newer one counts, and the holder of the older is refused with CONTROL_HELD;
    - a lease that is in force passes to somebody else only by its release, its end, or to an operator;
    - a lease that is not renewed ends LEASE_S after it was acquired or renewed last;
    - `acquire` and `release` make a new generation, `renew` never does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from .access import Principal
from .documents import ControlDoc, InstanceDoc
from .documents.control import OnSilence
from .errors import ControlHeld, InvalidTransition
from .lifecycle.state import check_not_final, control_of
from .moments import moment, timestamp

LEASE_S = 15.0
RENEW_BELOW_S = 10.0  # so that one who drives costs a write every five seconds, not one per value
OPERATOR = "operator"  # what the holder is called where there are no users


def in_force(document: InstanceDoc, now: datetime) -> ControlDoc | None:
    """Returns the lease that counts now; None where nobody may drive."""
    lease = control_of(document)
    return lease if lease is not None and moment(lease["expiresAt"]) > now else None


def holder_name(lease: ControlDoc) -> str:
    return lease["holderId"] or OPERATOR


def acquire(
    document: InstanceDoc,
    principal: Principal,
    id: str,
    now: datetime,
    *,
    on_silence: OnSilence,
    paths: list[str] | None = None,
    if_free: bool = False,
) -> InstanceDoc:
    """Gives `principal` the wheel under the new lease `id`.

    A lease that is in force passes over to its own holder, and to operators; with `if_free` to nobody. `paths`: what is
    driven, as checked by the caller; None: all that can be.

    Raises: ControlHeld, naming the holder; InvalidTransition where there is nothing to drive.
    """
    check_drivable(document)
    held = in_force(document, now)
    is_own = held is not None and held["holderId"] == principal.user_id
    if held is not None and (if_free or not (is_own or principal.role == "OPERATOR")):
        raise ControlHeld(
            f"{holder_name(held)} drives {document['id']} until {held['expiresAt']}, or longer; "
            "wait for the release, or let an operator take over"
        )
    lease: ControlDoc = {
        "id": id,
        "holderId": principal.user_id,
        "holderRole": principal.role or "OBSERVER",
        "paths": paths,
        "onSilence": on_silence,
        "acquiredAt": timestamp(now),
        "expiresAt": timestamp(now + timedelta(seconds=LEASE_S)),
    }
    return _with_control(document, lease)


def check(document: InstanceDoc, principal: Principal, now: datetime, lease_id: str | None = None) -> ControlDoc:
    """Returns the lease that `principal` holds; with `lease_id`, which must be that one.

    Raises: ControlHeld where somebody else drives, or a newer lease of the same holder does; InvalidTransition where
    nobody does.
    """
    check_not_final(document)
    held = in_force(document, now)
    if held is None:
        raise InvalidTransition(f"you do not drive {document['id']}, or no longer; acquire control first")
    if held["holderId"] != principal.user_id or (lease_id is not None and held["id"] != lease_id):
        raise ControlHeld(f"{holder_name(held)} drives {document['id']} since {held['acquiredAt']}; acquire it anew")
    return held


def renew(document: InstanceDoc, lease_id: str, now: datetime) -> InstanceDoc:
    """Prolongs a lease whose end is near; `document` itself where it is not, or where that lease is over."""
    held = in_force(document, now)
    if held is None or held["id"] != lease_id or not is_near_its_end(held, now):
        return document
    lease: ControlDoc = {**held, "expiresAt": timestamp(now + timedelta(seconds=LEASE_S))}
    return _desiring(document, lease)


def is_near_its_end(lease: ControlDoc, now: datetime) -> bool:
    return moment(lease["expiresAt"]) - now < timedelta(seconds=RENEW_BELOW_S)


def release(document: InstanceDoc, principal: Principal, now: datetime) -> InstanceDoc:
    """Lets go of the wheel. Nobody at it changes nothing; an operator may also take it from others.

    Raises: ControlHeld where somebody else drives.
    """
    held = in_force(document, now)
    if held is not None and held["holderId"] != principal.user_id and principal.role != "OPERATOR":
        raise ControlHeld(f"{holder_name(held)} drives {document['id']}, and so lets go of it; you do not")
    return document if control_of(document) is None else _with_control(document, None)


def check_drivable(document: InstanceDoc) -> None:
    """Raises: InvalidTransition for what takes no action, or has not begun to."""
    check_not_final(document)
    if document["kind"] == "environment":
        raise InvalidTransition(f"{document['id']} is a world: drive an instance that has a seat in it")
    # What attaches itself says by its signals whether there is an action.
    in_a_world = document["environmentId"] is not None or document["environmentInstanceId"] is not None
    if document["origin"] == "LAUNCHED" and not in_a_world:
        raise InvalidTransition(f"{document['id']} acts in no environment: launch the model in one to drive it")
    phase = document["status"]["phase"]
    if phase not in {"RUNNING", "PAUSED"}:
        raise InvalidTransition(f"instance {document['id']} is {phase}; drive it while it is RUNNING or PAUSED")


def _with_control(document: InstanceDoc, lease: ControlDoc | None) -> InstanceDoc:
    after: Any = _desiring(document, lease)
    return cast(InstanceDoc, {**after, "generation": document["generation"] + 1})


def _desiring(document: InstanceDoc, lease: ControlDoc | None) -> InstanceDoc:
    return cast(InstanceDoc, {**document, "desired": {**document["desired"], "control": lease}})
