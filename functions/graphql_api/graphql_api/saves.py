"""Saves: waiting until a runner has saved what it was asked to save, or has gone back to what it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar, cast

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Document, InstanceDoc, SaveAnswer, instance_ref
from ainimal_zookeeper.domain.errors import Conflict, InvalidTransition, NotFound, Transient, ZookeeperError

from .checkpoints import Checkpoints
from .records import Records
from .testimony import refusal
from .topics import Topics

T = TypeVar("T")


class Saves:
    """For one event loop. patience_s: how long somebody waits; leave_s: and once this process has to leave."""

    def __init__(
        self, *, topics: Topics, records: Records, checkpoints: Checkpoints, patience_s: float, leave_s: float
    ) -> None:
        self._topics = topics
        self._records = records
        self._checkpoints = checkpoints
        self._patience_s = patience_s
        self._leave_s = leave_s
        self._waiting: dict[asyncio.Future[InstanceDoc], str] = {}

    async def outcome(self, instance: InstanceDoc, save_id: str) -> str:
        """Returns the id of the checkpoint that a request has become. `instance`: the row that has the request.

        Raises: why it has become none; Transient when that takes longer than somebody would wait.
        """
        instance_id = instance["id"]

        def is_answered(row: InstanceDoc) -> bool:
            answer, request = row["status"].get("save"), row["desired"].get("save")
            if answer is not None and answer["id"] == save_id:
                return True
            if request is None or request["id"] != save_id:
                raise _Superseded
            return False

        try:
            row = await self._until(is_answered, instance, "saved", "its checkpoint comes later")
            answer = cast(SaveAnswer, row["status"]["save"])
        except _Superseded:
            found = await self._records.run(self._checkpoints.earlier, instance_id, save_id)
            if found is None:
                raise NotFound(
                    f"instance {instance_id} was saved again since, and what became of {save_id} is not known any "
                    "more; list its checkpoints"
                ) from None
            answer = found
        if answer["checkpointId"] is not None:
            return answer["checkpointId"]
        failure = answer["failure"] or {"code": "UNAVAILABLE", "message": f"instance {instance_id} was not saved"}
        raise refusal(failure["code"], failure["message"])

    async def restored(self, instance: InstanceDoc, restore_id: str) -> InstanceDoc:
        """Returns the row once the instance has gone back as it was asked. `instance`: the row that has the request.

        Raises: why it has not, and goes on as it did; Transient when that takes longer than somebody would wait.
        """
        instance_id = instance["id"]

        def is_answered(row: InstanceDoc) -> bool:
            answer, request = row["status"].get("restore"), row["desired"].get("restore")
            if answer is not None and answer["id"] == restore_id:
                return True
            if request is None or request["id"] != restore_id:
                raise Conflict(f"instance {instance_id} was asked to go back again since; look at where it is")
            return False

        row = await self._until(is_answered, instance, "restored", "it will be as soon as it can")
        answer = row["status"].get("restore")
        if answer is not None and answer["failure"] is not None:
            raise refusal(answer["failure"]["code"], answer["failure"]["message"])
        return row

    def depart(self) -> None:
        """Gives up, a little later, what has no answer by then."""
        asyncio.get_running_loop().call_later(self._leave_s, self._give_up)

    def _give_up(self) -> None:
        for answered, done in self._waiting.items():
            if not answered.done():
                again = "ask again with the same commandId" if done == "saved" else "look at its timeline later"
                answered.set_exception(Transient(f"this process leaves before the instance was {done}; {again}"))

    async def _until(
        self, is_answered: Callable[[InstanceDoc], bool], instance: InstanceDoc, done: str, otherwise: str
    ) -> InstanceDoc:
        """Returns the first row with an answer. `is_answered` may raise."""
        instance_id = instance["id"]
        answered: asyncio.Future[InstanceDoc] = asyncio.get_running_loop().create_future()

        def look(rows: list[Document]) -> None:
            row = cast("InstanceDoc | None", rows[0] if rows else None)
            # A watch that others hold open may still show what was before the request.
            if answered.done() or (row is not None and row["generation"] < instance["generation"]):
                return
            try:
                if row is None:
                    raise NotFound(f"instance {instance_id} was deleted before it was {done}")
                if is_answered(row):
                    answered.set_result(row)
                elif lifecycle.is_final(row):
                    raise InvalidTransition(f"instance {instance_id} ended before it was {done}")
            except (ZookeeperError, _Superseded) as error:
                answered.set_exception(error)

        ref = instance_ref(instance_id)
        self._waiting[answered] = done
        self._topics.join(ref, look)
        try:
            async with asyncio.timeout(self._patience_s):
                return await answered
        except TimeoutError:
            raise Transient(
                f"instance {instance_id} has not been {done} within {self._patience_s:g} s; it goes on, {otherwise}",
                1.0,
            ) from None
        finally:
            del self._waiting[answered]
            self._topics.leave(ref, look)


class _Superseded(Exception):
    """Another request has come since."""
