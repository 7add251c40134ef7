"""Control: who holds the wheel of an instance, and what they send to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

from ainimal_zookeeper.domain import control, lifecycle
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections, ControlDoc, Document, InstanceDoc, Ref, instance_ref
from ainimal_zookeeper.domain.errors import InvalidInput, NotFound, ZookeeperError
from ainimal_zookeeper.domain.events import event
from ainimal_zookeeper.domain.paths import ACTION
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.store import DocumentStore, Transaction

from . import stored
from .commands import allowed
from .links import Links
from .records import Records

Input = Mapping[str, Any]

_log = logging.getLogger(__name__)

_MAX_VALUES = 256


class Leases:
    """Thread-safe; its functions block.

    All raise NotFound for what is not there or not to be seen, PermissionDenied, ControlHeld, InvalidTransition in a
    phase that does not allow it, InvalidInput, and Transient.
    """

    def __init__(self, *, store: DocumentStore, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def acquire(self, principal: Principal, input: Input) -> InstanceDoc:
        """Takes the wheel. `input` is a `ControlAcquireInput`."""
        instance_id, lease_id = input["instanceId"], self._ids.new("ctl")
        paths = None if input.get("paths") is None else list(dict.fromkeys(input["paths"]))

        def change(row: InstanceDoc, transaction: Transaction) -> tuple[InstanceDoc, str]:
            now = self._clock.now()
            control.check_drivable(row)
            _check_paths(transaction.get(Ref(Collections.MANIFESTS, instance_id)), instance_id, paths)
            before = control.in_force(row, now)
            after = control.acquire(
                row,
                principal,
                lease_id,
                now,
                on_silence=input["onSilence"],
                paths=paths,
                if_free=bool(input.get("ifFree")),
            )
            who = principal.user_id or control.OPERATOR
            what = "" if paths is None else f" of {', '.join(paths)}"
            over = "" if before is None else f" over from {control.holder_name(before)}"
            return after, f"{who} takes the wheel{what}{over}; on silence: {input['onSilence']}"

        return self._change(principal, instance_id, None, change)

    def release(
        self, principal: Principal, instance_id: str, expected: int | None, lease_id: str | None
    ) -> InstanceDoc:
        """Lets go of the wheel; of the lease `lease_id` only, where it is given."""

        def change(row: InstanceDoc, _: Transaction) -> tuple[InstanceDoc, str]:
            now = self._clock.now()
            held = lifecycle.control_of(row)
            if held is None or (lease_id is not None and held["id"] != lease_id):
                return row, ""
            whose = "" if held["holderId"] == principal.user_id else f" of {control.holder_name(held)}"
            message = f"{principal.user_id or control.OPERATOR} lets go of the wheel{whose}"
            return control.release(row, principal, now), message

        return self._change(principal, instance_id, expected, change)

    def renew(self, instance_id: str, lease_id: str) -> None:
        """Prolongs a lease whose end is near."""

        def apply(transaction: Transaction) -> None:
            found = transaction.get(instance_ref(instance_id))
            if found is None:
                return
            row = cast(InstanceDoc, found)
            after = control.renew(row, lease_id, self._clock.now())
            if after is not row:
                transaction.put(instance_ref(instance_id), cast(Document, after))

        self._store.transact(apply)

    def _change(
        self,
        principal: Principal,
        instance_id: str,
        expected: int | None,
        change: Callable[[InstanceDoc, Transaction], tuple[InstanceDoc, str]],
    ) -> InstanceDoc:
        """Changes the row and tells so, both or neither; a change that changes nothing is not told."""
        event_id = self._ids.new("evt")

        def apply(transaction: Transaction) -> InstanceDoc:
            row = allowed(principal, transaction.get(instance_ref(instance_id)), instance_id, "CONTROL")
            lifecycle.check_generation(row, expected)
            after, message = change(row, transaction)
            if after is row:
                return row
            happened = event(
                event_id,
                instance_id,
                "CONTROL",
                message,
                self._clock.now(),
                user_id=principal.user_id,
                step=row["status"]["stats"]["step"],
            )
            transaction.put(instance_ref(instance_id), cast(Document, after))
            transaction.put(Ref(Collections.EVENTS, event_id), cast(Document, happened))
            return after

        return self._store.transact(apply)


class Wheel:
    """Passes on what drivers send, and prolongs their leases. For one event loop."""

    def __init__(self, *, leases: Leases, links: Links, records: Records, clock: Clock) -> None:
        self._leases = leases
        self._links = links
        self._records = records
        self._clock = clock
        self._renewals: dict[str, asyncio.Task[None]] = {}

    async def send(self, principal: Principal, input: Input) -> float | None:
        """Returns the step in which the values took effect, None where that is not known. A `ControlSendInput`.

        The store is asked only where the link does not know that the caller drives: values come often.
        Raises: as `Leases`; Transient when the runner cannot be reached.
        """
        values, instance_id = input["values"], input["instanceId"]
        if not isinstance(values, dict) or len(values) > _MAX_VALUES:
            raise InvalidInput(f"values must be an object by path, of at most {_MAX_VALUES}", ("input", "values"))
        row = self._links.known(instance_id)
        try:
            row, lease = self._checked(principal, row, input)
        except ZookeeperError:
            row = cast("InstanceDoc | None", await self._records.get(instance_ref(instance_id)))
            row, lease = self._checked(principal, row, input)
        step = await self._links.control(row, lease["id"], values, input["sequence"])
        if control.is_near_its_end(lease, self._clock.now()):
            self._renew(instance_id, lease["id"])
        return step

    def _checked(self, principal: Principal, row: InstanceDoc | None, input: Input) -> tuple[InstanceDoc, ControlDoc]:
        row = allowed(principal, cast("Document | None", row), input["instanceId"], "CONTROL")
        return row, control.check(row, principal, self._clock.now(), input.get("controlId"))

    def _renew(self, instance_id: str, lease_id: str) -> None:
        """Prolongs a lease beside what is answered, once at a time."""
        if lease_id in self._renewals:
            return

        async def renew() -> None:
            try:
                await self._records.run(self._leases.renew, instance_id, lease_id)
            except ZookeeperError:  # the next value tries again
                _log.info("a control lease could not be prolonged", exc_info=True, extra={"instance_id": instance_id})
            finally:
                del self._renewals[lease_id]

        self._renewals[lease_id] = asyncio.get_running_loop().create_task(renew())


def _check_paths(manifest: Document | None, instance_id: str, paths: list[str] | None) -> None:
    """Raises: InvalidInput for a path that cannot be driven, with the nearest ones; NotFound without any."""
    signals = () if manifest is None else stored.manifest(manifest["manifestJson"], instance_id).get("signals") or ()
    known = [path for signal in signals if (path := signal["path"]) == ACTION or path.startswith(f"{ACTION}.")]
    if manifest is not None and not known:
        raise NotFound(f"{instance_id} has no action that could be driven")
    for path in paths or ():
        if path not in known and not (path == ACTION and known):
            raise InvalidInput(f"{path} cannot be driven; {', '.join(known[:8])} can", ("input", "paths"))
