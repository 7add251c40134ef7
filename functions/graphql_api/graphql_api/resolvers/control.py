"""Taking the wheel of an instance, driving it, and letting go."""

from __future__ import annotations

from typing import Any

from ainimal_zookeeper.domain.errors import ZookeeperError

from .. import projection
from ..context import Fields, Info, of
from ..errors import user_error
from ..projection import Shown
from .commands import Input, _instance, _instance_id, mutation


@mutation
async def control_acquire(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    _instance_id(input)
    document = await zoo.records.run(zoo.leases.acquire, principal, input)
    zoo.links.tell(document)
    return {"control": projection.control(document["desired"].get("control")), **await _instance(info, document)}


async def control_release(_: Any, info: Info, input: Input, controlId: str | None = None) -> Shown:  # noqa: N803
    zoo, principal = of(info).zoo, of(info).principal
    try:
        expected = input.get("expectedGeneration")
        document = await zoo.records.run(zoo.leases.release, principal, _instance_id(input), expected, controlId)
        zoo.links.tell(document)
        return {**await _instance(info, document), "userErrors": []}
    except ZookeeperError as error:
        return {"userErrors": [user_error(error)]}


@mutation
async def control_send(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    _instance_id(input)
    return {"appliedAtStep": await zoo.wheel.send(principal, input)}


RESOLVERS: Fields = {
    "Mutation": {
        "controlAcquire": control_acquire,
        "controlRelease": control_release,
        "controlSend": control_send,
    }
}
