"""Saves: waiting until a runner has saved what it was asked to save."""

from __future__ import annotations

import asyncio
from typing import cast

from ainimal_zookeeper.domain import lifecycle
from ainimal_zookeeper.domain.documents import Document, InstanceDoc, SaveAnswer, instance_ref
from ainimal_zookeeper.domain.errors import InvalidTransition, NotFound, Transient, ZookeeperError

from .checkpoints import Checkpoints
from .records import Records
from .testimony import refusal
from .topics import Topics


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
        self._waiting: set[asyncio.Future[SaveAnswer]] = set()

    async def outcome(self, instance: InstanceDoc, save_id: str) -> str:
        """Returns the id of the checkpoint that a request has become. `instance`: the row that has the request.

        Raises: why it has become none; Transient when that takes longer than somebody would wait.
        """
        instance_id = instance["id"]
        answered: asyncio.Future[SaveAnswer] = asyncio.get_running_loop().create_future()

        def look(rows: list[Document]) -> None:
            row = cast("InstanceDoc | None", rows[0] if rows else None)
            # A watch that others hold open may still show what was before the request.
            if not answered.done() and (row is None or row["generation"] >= instance["generation"]):
                _settle(answered, instance_id, save_id, row)

        ref = instance_ref(instance_id)
        self._waiting.add(answered)
        self._topics.join(ref, look)
        try:
            async with asyncio.timeout(self._patience_s):
                answer = await answered
        except _Superseded:
            found = await self._records.run(self._checkpoints.earlier, instance_id, save_id)
            if found is None:
                raise NotFound(
                    f"instance {instance_id} was saved again since, and what became of {save_id} is not known any "
                    "more; list its checkpoints"
                ) from None
            answer = found
        except TimeoutError:
            raise Transient(
                f"instance {instance_id} has not been saved within {self._patience_s:g} s; it goes on, its checkpoint "
                "comes later",
                1.0,
            ) from None
        finally:
            self._waiting.discard(answered)
            self._topics.leave(ref, look)
        if answer["checkpointId"] is not None:
            return answer["checkpointId"]
        failure = answer["failure"] or {"code": "UNAVAILABLE", "message": f"instance {instance_id} was not saved"}
        raise refusal(failure["code"], failure["message"])

    def depart(self) -> None:
        """Gives up, a little later, what has no answer by then."""
        asyncio.get_running_loop().call_later(self._leave_s, self._give_up)

    def _give_up(self) -> None:
        for answered in self._waiting:
            if not answered.done():
                answered.set_exception(
                    Transient("this process leaves before the instance was saved; ask again with the same commandId")
                )


class _Superseded(Exception):
    """Another request has come since."""


def _settle(answered: asyncio.Future[SaveAnswer], instance_id: str, save_id: str, row: InstanceDoc | None) -> None:
    """Sets the answer once a row has it."""
    error: ZookeeperError | _Superseded
    if row is None:
        error = NotFound(f"instance {instance_id} was deleted before it was saved")
    else:
        answer, request = row["status"].get("save"), row["desired"].get("save")
        if answer is not None and answer["id"] == save_id:
            answered.set_result(answer)
            return
        if request is None or request["id"] != save_id:
            error = _Superseded()
        elif lifecycle.is_final(row):
            error = InvalidTransition(f"instance {instance_id} ended before it was saved")
        else:
            return
    answered.set_exception(error)
