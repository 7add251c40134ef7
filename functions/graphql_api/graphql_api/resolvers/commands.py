"""Mutations: each answers with what it changed, or with why it did not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any

from ainimal_zookeeper.domain.access import decide
from ainimal_zookeeper.domain.documents import Collections, InstanceDoc, Ref
from ainimal_zookeeper.domain.errors import InvalidTransition, NotFound, PermissionDenied, ZookeeperError

from .. import projection
from ..context import Fields, Info, of, selected
from ..errors import user_error
from ..projection import Shown, resource_of

Input = Mapping[str, Any]
Mutation = Callable[[Any, Info, Input], Awaitable[Shown]]


def mutation(work: Callable[[Info, Input], Awaitable[Shown]]) -> Mutation:
    """Makes a resolver of `work`: errors of the zoo become `userErrors`, others stay what they are."""

    @wraps(work)
    async def resolve(_: Any, info: Info, input: Input) -> Shown:
        try:
            return {**await work(info, input), "userErrors": []}
        except ZookeeperError as error:
            return {"userErrors": [user_error(error)]}

    return resolve


async def _instance(info: Info, document: InstanceDoc) -> Shown:
    shown = await of(info).loader.instances([dict(document)], selected(info).get("instance", {}))
    return {"instance": shown[0] if shown else None}


async def _world(info: Info, document: InstanceDoc) -> Shown:
    below = selected(info).get("environmentInstance", {})
    shown = await of(info).loader.environment_instances([dict(document)], below)
    return {"environmentInstance": shown[0] if shown else None}


def _instance_id(input: Input) -> str:
    """Raises: NotFound for the id of something else, so that a world is no instance."""
    return _id_of(input, "instanceId", "ins_", "instance")


def _world_id(input: Input) -> str:
    return _id_of(input, "environmentInstanceId", "env_", "environment instance")


def _id_of(input: Input, key: str, prefix: str, what: str) -> str:
    named = str(input[key])
    if not named.startswith(prefix):
        raise NotFound(f"there is no {what} {named}; ids of that kind begin with {prefix}")
    return named


async def _ask(info: Info, name: str, id: str, *arguments: Any) -> InstanceDoc:
    """Runs the command `name` and lets the runner know at once, without waiting for it."""
    zoo, principal = of(info).zoo, of(info).principal
    document: InstanceDoc = await zoo.records.run(getattr(zoo.commands, name), principal, id, *arguments)
    zoo.links.tell(document)
    return document


@mutation
async def instance_launch(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    return await _instance(info, await zoo.records.run(zoo.launches.instance, principal, input))


@mutation
async def instance_attach(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    attached = await zoo.records.run(zoo.attachments.attach, principal, input)
    link = {"url": attached.url, "attempt": attached.row["attempt"], "token": attached.token}
    return {**await _instance(info, attached.row), "link": link}


@mutation
async def instance_pause(info: Info, input: Input) -> Shown:
    return await _instance(info, await _ask(info, "pause", _instance_id(input), input.get("expectedGeneration")))


@mutation
async def instance_resume(info: Info, input: Input) -> Shown:
    return await _instance(info, await _ask(info, "resume", _instance_id(input), input.get("expectedGeneration")))


@mutation
async def instance_terminate(info: Info, input: Input) -> Shown:
    return await _instance(info, await _ask(info, "terminate", _instance_id(input), input.get("expectedGeneration")))


@mutation
async def instance_reset(info: Info, input: Input) -> Shown:
    return await _instance(info, await _ask(info, "reset", _instance_id(input), input.get("expectedGeneration")))


@mutation
async def instance_step(info: Info, input: Input) -> Shown:
    return await _instance(info, await _ask(info, "step", _instance_id(input), input["count"]))


@mutation
async def instance_mode_set(info: Info, input: Input) -> Shown:
    expected = input.get("expectedGeneration")
    return await _instance(info, await _ask(info, "set_mode", _instance_id(input), expected, input["mode"]))


@mutation
async def instance_rate_set(info: Info, input: Input) -> Shown:
    expected = input.get("expectedGeneration")
    rate = input.get("stepsPerSecond")
    return await _instance(info, await _ask(info, "set_rate", _instance_id(input), expected, rate))


@mutation
async def instance_update(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    return await _instance(info, await zoo.records.run(zoo.commands.update, principal, _instance_id(input), input))


@mutation
async def instance_delete(info: Info, input: Input) -> Shown:
    zoo, principal, deleted = of(info).zoo, of(info).principal, _instance_id(input)
    await zoo.records.run(zoo.commands.delete, principal, deleted, input.get("expectedGeneration"))
    return {"deletedId": deleted}


@mutation
async def instance_infer(info: Info, input: Input) -> Shown:
    context = of(info)
    document = await context.row(_instance_id(input))
    if not decide(context.principal, "CONTROL", resource_of(document)):
        raise PermissionDenied(f"you may not ask {document['id']} for answers; ask its owner")
    if document["environmentId"] is not None or document["environmentInstanceId"] is not None:
        raise InvalidTransition(
            f"instance {document['id']} takes its inputs from an environment; launch the model without one to ask it"
        )
    answered = await context.zoo.links.infer(document, input["inputs"], input.get("conversation"))
    step = answered.get("step")
    return {"outputs": answered.get("outputs"), "step": None if step is None else float(step)}


@mutation
async def environment_launch(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    return await _world(info, await zoo.records.run(zoo.launches.environment, principal, input))


@mutation
async def environment_reset(info: Info, input: Input) -> Shown:
    return await _world(info, await _ask(info, "reset", _world_id(input), None))


@mutation
async def environment_terminate(info: Info, input: Input) -> Shown:
    return await _world(info, await _ask(info, "terminate", _world_id(input), None))


@mutation
async def checkpoint_save(info: Info, input: Input) -> Shown:
    context = of(info)
    _instance_id(input)
    document, save_id = await context.zoo.records.run(context.zoo.checkpoints.save, context.principal, input)
    context.zoo.links.tell(document)
    checkpoint_id = await context.zoo.saves.outcome(document, save_id)
    found = await context.zoo.records.get(Ref(Collections.CHECKPOINTS, checkpoint_id))
    return {"checkpoint": projection.checkpoint(found, context.principal)}


@mutation
async def checkpoint_restore(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    _instance_id(input)
    document, restore_id = await zoo.records.run(zoo.checkpoints.restore, principal, input)
    if restore_id is not None:
        zoo.links.tell(document)
        document = await zoo.saves.restored(document, restore_id)
    return await _instance(info, document)


@mutation
async def checkpoint_delete(info: Info, input: Input) -> Shown:
    zoo, principal = of(info).zoo, of(info).principal
    deleted = _id_of(input, "checkpointId", "chk_", "checkpoint")
    await zoo.records.run(zoo.checkpoints.delete, principal, deleted)
    return {"deletedId": deleted}


RESOLVERS: Fields = {
    "Mutation": {
        "instanceLaunch": instance_launch,
        "instanceAttach": instance_attach,
        "instancePause": instance_pause,
        "instanceResume": instance_resume,
        "instanceTerminate": instance_terminate,
        "instanceDelete": instance_delete,
        "instanceUpdate": instance_update,
        "instanceModeSet": instance_mode_set,
        "instanceRateSet": instance_rate_set,
        "instanceStep": instance_step,
        "instanceReset": instance_reset,
        "instanceInfer": instance_infer,
        "environmentLaunch": environment_launch,
        "environmentReset": environment_reset,
        "environmentTerminate": environment_terminate,
        "checkpointSave": checkpoint_save,
        "checkpointRestore": checkpoint_restore,
        "checkpointDelete": checkpoint_delete,
    }
}
