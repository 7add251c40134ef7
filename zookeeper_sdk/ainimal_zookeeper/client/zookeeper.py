"""A zoo, seen from a script or a notebook."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ainimal_zookeeper.domain.documents import FINAL_PHASES
from ainimal_zookeeper.domain.errors import InvalidInput, NotFound

from . import documents
from .address import nearest_zoo
from .checkpoint import Checkpoint, checkpoints_of, find_checkpoint, table_of
from .difference import CheckpointDiff
from .endpoint import Endpoint
from .info import InstanceInfo, read_mode
from .instance import Instance
from .names import pick
from .recording import Recording, find_recording, recordings_of
from .recording import table_of as table_of_recordings
from .refusals import raise_user_errors
from .replay import ask_for_replay
from .tables import Table
from .uploading import add_model
from .waiting import wait_until
from .world import WorldInfo, read_world


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model on offer."""

    id: str
    name: str
    type: str
    source: str
    description: str | None
    trainable: bool | None
    """None until a runner has loaded it once."""
    parameters: tuple[Mapping[str, Any], ...]
    findings: tuple[str, ...]
    """What is wrong with it or was inferred of it."""
    launchable: bool
    """False when a launch would be refused, for one of the findings."""
    scan: str | None
    """What a look into a pickle or zip told, of which nothing was run: WAITING (for it), CLEAN, UNKNOWN, DANGEROUS or
    UNREADABLE; `findings` say it in sentences. None for source."""
    document: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class EnvironmentInfo:
    """A kind of world on offer."""

    id: str
    name: str
    type: str
    max_instances: int | None
    max_connected: int
    autostart: bool
    parameters: tuple[Mapping[str, Any], ...]
    document: Mapping[str, Any] = field(repr=False, compare=False)


class Zookeeper:
    """A connection to one zoo. Models, environments and instances go by id, name, or the unique beginning of either.

    url: where it is; None: `ZOO_SERVER`, else the zoo that runs in this folder, else the address that zoos have by
        default.
    Raises (all methods): the zoo's own errors (`ainimal_zookeeper.domain.errors`); Transient when it is not reachable.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._endpoint = Endpoint(
            nearest_zoo() if url is None else url, token=token, timeout_s=timeout_s, transport=transport, sleep=sleep
        )
        self._sleep = sleep

    def __enter__(self) -> Zookeeper:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._endpoint.close()

    @property
    def url(self) -> str:
        return self._endpoint.url

    def server(self) -> dict[str, Any]:
        """Returns the zoo's name, version, profile and side processes."""
        server: dict[str, Any] = self._endpoint.ask(documents.SERVER)["server"]
        return server

    # --- what there is -----------------------------------------------------------------------------------------------

    def models(self) -> Table[ModelInfo]:
        """Returns the models on offer."""
        return Table(
            (
                ModelInfo(
                    id=row["id"],
                    name=row["name"],
                    type=row["type"],
                    source=row["source"],
                    description=row["description"],
                    trainable=row["trainable"],
                    parameters=tuple(row["parameters"]),
                    findings=tuple(row["findings"]),
                    launchable=row["launchable"],
                    scan=row["scan"],
                    document=row,
                )
                for row in self._endpoint.rows(documents.MODELS, "models")
            ),
            {
                "name": lambda model: model.name,
                "type": lambda model: model.type,
                "parameters": lambda model: ", ".join(item["name"] for item in model.parameters),
                "trains": lambda model: {True: "yes", False: "no", None: ""}[model.trainable],
                "id": lambda model: model.id,
                "findings": lambda model: len(model.findings) or None,
                "scan": lambda model: model.scan and model.scan.lower(),
            },
        )

    def environments(self) -> Table[EnvironmentInfo]:
        """Returns the kinds of world on offer."""
        return Table(
            (
                EnvironmentInfo(
                    id=row["id"],
                    name=row["name"],
                    type=row["type"],
                    max_instances=row["maxInstances"],
                    max_connected=row["maxConnected"],
                    autostart=row["autostart"],
                    parameters=tuple(row["parameters"]),
                    document=row,
                )
                for row in self._endpoint.rows(documents.ENVIRONMENTS, "environments")
            ),
            {
                "name": lambda environment: environment.name,
                "type": lambda environment: environment.type,
                "parameters": lambda environment: ", ".join(item["name"] for item in environment.parameters),
                "seats": lambda environment: environment.max_connected,
                "id": lambda environment: environment.id,
            },
        )

    def worlds(self) -> Table[WorldInfo]:
        """Returns the worlds that run on their own."""
        return Table(
            (read_world(row) for row in self._endpoint.rows(documents.WORLDS, "environmentInstances")),
            {
                "name": lambda world: world.name,
                "environment": lambda world: world.environment,
                "phase": lambda world: world.phase,
                "connected": lambda world: ", ".join(world.connected),
                "id": lambda world: world.id,
            },
        )

    def instances(self, *, phase: str | None = None, search: str | None = None) -> Table[Instance]:
        """Returns the instances, newest first; `phase` and `search` (words of the name, tags) narrow them."""
        phases = None if phase is None else [phase.upper()]
        rows = self._endpoint.rows(documents.INSTANCES, "instances", phase=phases, search=search)
        return Table(
            (self._handle(row) for row in rows),
            {
                "name": lambda instance: instance.name,
                "model": lambda instance: instance.info.model,
                "environment": lambda instance: instance.info.environment,
                "phase": lambda instance: instance.phase,
                "mode": lambda instance: instance.info.mode,
                "step": lambda instance: instance.info.stats.step,
                "return": lambda instance: instance.info.stats.episode_return,
                "id": lambda instance: instance.id,
            },
        )

    def add_model(
        self, file: str | os.PathLike[str], *, name: str | None = None, command_id: str | None = None
    ) -> ModelInfo:
        """Uploads a pickle (.pkl, .pickle) or a packed folder (.zip) and puts it on offer; nothing in it runs here.

        Args:
            name: what to call it; None: as the file.
            command_id: any unique text; the same one again makes no other model, and raises Conflict.

        Raises: NotFound, InvalidInput and LimitReached for the file; AlreadyExists for the name; DataCorrupt.
        """
        return self.model(add_model(self._endpoint, Path(file), name, command_id))

    def model(self, wanted: str) -> ModelInfo:
        return pick(self.models(), wanted, "model", identity=lambda row: row.id, name=lambda row: row.name)

    def environment(self, wanted: str) -> EnvironmentInfo:
        return pick(self.environments(), wanted, "environment", identity=lambda row: row.id, name=lambda row: row.name)

    def world(self, wanted: str) -> WorldInfo:
        return pick(
            self.worlds(),
            wanted,
            "running world",
            identity=lambda row: row.id,
            name=lambda row: row.name,
            preferred=lambda row: row.phase not in FINAL_PHASES,
        )

    def instance(self, wanted: str) -> Instance:
        """Returns the instance that `wanted` names; among several of one name, the one that has not ended."""
        if wanted.startswith("ins_"):
            document = self._endpoint.ask(documents.INSTANCE, id=wanted)["instance"]
            if document is not None:
                return self._handle(document)
        return pick(
            self.instances(),
            wanted,
            "instance",
            identity=lambda row: row.id,
            name=lambda row: row.name,
            preferred=lambda row: not row.ended,
        )

    def __getitem__(self, wanted: str) -> Instance:
        return self.instance(wanted)

    def checkpoints(self, model: str) -> Table[Checkpoint]:
        """Returns the checkpoints of a model, newest first."""
        return table_of(checkpoints_of(self._endpoint, self.model(model).id))

    def checkpoint(self, wanted: str, model: str | None = None) -> Checkpoint:
        """Returns the checkpoint that `wanted` names: by its id, its tag, or the beginning of either.

        It is one of `model`, or of any model where that is None. Raises: InvalidInput when several fit.
        """
        models = self.models() if model is None else [self.model(model)]
        return find_checkpoint(self._endpoint, wanted, *(checkpoints_of(self._endpoint, found.id) for found in models))

    def checkpoint_diff(
        self, before: Checkpoint | str, after: Checkpoint | str, model: str | None = None
    ) -> CheckpointDiff:
        """Returns what leads from one checkpoint to another, tensor by tensor, and which parameters differ.

        They go by what `checkpoint` takes, and may be of two models: what has the same name is compared. A tag means
        one of the same model, where that has it.

        Raises: NotFound; LimitReached for what is too big; DataCorrupt for what is not as it was saved.
        """
        first = self.checkpoint(before, model) if isinstance(before, str) else before
        try:
            return first.diff(after)
        except NotFound:
            if model is not None or not isinstance(after, str):
                raise
        return first.diff(self.checkpoint(after))

    # --- launching ---------------------------------------------------------------------------------------------------

    def launch(
        self,
        model: str,
        environment: str | None = None,
        *,
        join: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        environment_parameters: Mapping[str, Any] | None = None,
        name: str | None = None,
        mode: str | None = None,
        seed: int | None = None,
        paused: bool = False,
        tags: tuple[str, ...] = (),
        checkpoint: Checkpoint | str | None = None,
        command_id: str | None = None,
        wait: bool = True,
        timeout_s: float = 900.0,
        **more_parameters: Any,
    ) -> Instance:
        """Launches a model, in a world of its own (`environment`), in a running one (`join`), or without any.

        Args:
            parameters: of the model; keyword arguments that are no argument of `launch` are added to them.
            mode: both, training, inference or none; None: the zoo's default.
            checkpoint: what it starts from: one of the model's, or its id or tag.
            command_id: any unique text; the same one again returns the same instance and launches nothing.
            wait: whether to wait until it runs (PAUSED with `paused`).

        Raises: InvalidInput with the parameter, the value and the rule; LimitReached; what `Instance.wait` raises.
        """
        if environment is not None and join is not None:
            raise InvalidInput("give an environment (a new world) or join (a running one), not both", ("input",))
        model_id = self.model(model).id
        if isinstance(checkpoint, str):
            checkpoint = find_checkpoint(self._endpoint, checkpoint, checkpoints_of(self._endpoint, model_id))
        wanted = {
            "modelId": model_id,
            "environmentId": None if environment is None else self.environment(environment).id,
            "environmentInstanceId": None if join is None else self.world(join).id,
            "name": name,
            "parameters": {**(parameters or {}), **more_parameters} or None,
            "environmentParameters": dict(environment_parameters) if environment_parameters else None,
            "mode": None if mode is None else read_mode(mode),
            "seed": seed,
            "paused": paused or None,
            "tags": list(tags) or None,
            "checkpointId": None if checkpoint is None else checkpoint.id,
            "commandId": command_id,
        }
        given = {key: value for key, value in wanted.items() if value is not None}
        answer = self._endpoint.ask(documents.LAUNCH, input=given)["instanceLaunch"]
        raise_user_errors(answer)
        instance = self._handle(answer["instance"])
        return instance.wait(("RUNNING", "PAUSED"), timeout_s=timeout_s) if wait else instance

    # --- recordings --------------------------------------------------------------------------------------------------

    def recordings(self) -> Table[Recording]:
        """Returns all recordings, newest first; those of instances that are gone are among them."""
        return table_of_recordings(recordings_of(self._endpoint, None))

    def recording(self, wanted: str) -> Recording:
        """Returns the recording that `wanted` names: by its id, or the beginning of it."""
        return find_recording(self._endpoint, wanted)

    def replay(
        self,
        recording: str,
        *,
        planes: Sequence[str] | None = None,
        environment: str | None = None,
        checkpoint: Checkpoint | str | None = None,
        from_step: int | None = None,
        to_step: int | None = None,
        command_id: str | None = None,
    ) -> Instance:
        """Launches an instance that does once more what a recording holds, and ends by itself; `replay()` of it says
        how far the two are equal: `zoo.replay("rec_...").wait("TERMINATED").replay()`.

        Args:
            recording: its id, or the beginning of it.
            planes: what is taken from it, of inputs, outputs, activations and weights; None: inputs, or outputs with an
                environment; empty: nothing, so that the environment is run once more, too.
            environment: what steps where inputs do not drive; None: the one that was recorded in.
            checkpoint: another one of its model to start from, or its id, its tag, or the beginning of either.
            from_step, to_step: the first step that is compared, and the last.

        Raises: NotFound; InvalidTransition while it is open; what `launch` raises.
        """
        if isinstance(checkpoint, str):
            checkpoint = self.checkpoint(checkpoint)
        launched = ask_for_replay(
            self._endpoint,
            self.recording(recording).id,
            planes=planes,
            environment_id=None if environment is None else self.environment(environment).id,
            checkpoint_id=None if checkpoint is None else checkpoint.id,
            from_step=from_step,
            to_step=to_step,
            command_id=command_id,
        )
        return self._handle(launched)

    def export_recording(
        self,
        recording: str,
        format: str,
        target: Path | str | None = None,
        *,
        signals: Sequence[str] | None = None,
        from_step: int | None = None,
        to_step: int | None = None,
    ) -> Path:
        """Writes a recording, by its id or in a folder, in a format of others on this computer; returns the file.

        Args:
            format: MCAP_FOXGLOVE, RERUN, MINARI (a folder) or NPZ.
            target: the file or folder to make; None: called as the recording is, in this folder.
            signals: patterns of paths; None: all. from_step, to_step: both inclusive.

        Raises: NotFound; InvalidInput, also where the format's library is missing; AlreadyExists; DataCorrupt.
        """
        from ainimal_zookeeper.recording import Recording as Reader  # NumPy is not needed by who only steers a zoo
        from ainimal_zookeeper.recording.exporters import export, format_of

        chosen = format_of(format)
        folder = Path(recording)
        made = Path(f"{folder.name}{chosen.suffix or '-' + chosen.name.lower()}") if target is None else Path(target)
        opened = Reader.open(folder) if folder.is_dir() else self.recording(recording).open()
        try:
            return export(opened, chosen.name, made, signals=signals, from_step=from_step, to_step=to_step)
        finally:
            opened.close()

    # --- worlds on their own -----------------------------------------------------------------------------------------

    def launch_world(
        self,
        environment: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        command_id: str | None = None,
        wait: bool = False,
        timeout_s: float = 900.0,
        **more_parameters: Any,
    ) -> WorldInfo:
        """Starts a world that instances can join; they may be launched into it before it runs.

        Args, Raises: as `launch`.
        """
        wanted = {
            "environmentId": self.environment(environment).id,
            "parameters": {**(parameters or {}), **more_parameters} or None,
            "commandId": command_id,
        }
        given = {key: value for key, value in wanted.items() if value is not None}
        world = self._change_world(documents.WORLD_LAUNCH, "environmentLaunch", given)
        return self.wait_for_world(world.id, timeout_s=timeout_s) if wait else world

    def reset_world(self, wanted: str) -> WorldInfo:
        """Ends its episode, for all who are in it, and starts the next."""
        return self._change_world(documents.WORLD_RESET, "environmentReset", self._input_for(wanted))

    def terminate_world(self, wanted: str) -> WorldInfo:
        """Ends it for good."""
        return self._change_world(documents.WORLD_TERMINATE, "environmentTerminate", self._input_for(wanted))

    def wait_for_world(
        self,
        wanted: str,
        phase: str = "RUNNING",
        *,
        timeout_s: float = 900.0,
        progress: Callable[[WorldInfo], None] | None = None,
    ) -> WorldInfo:
        """Waits until the world is in `phase`; `progress` is called with each look at it.

        Raises: as `Instance.wait`.
        """
        world = self.world(wanted)

        def look() -> WorldInfo:
            document = self._endpoint.ask(documents.WORLD, id=world.id)["node"]
            if not document:
                raise NotFound(f"world {world.name} ({world.id}) is no longer there")
            return read_world(document)

        return wait_until(
            world,
            look,
            lambda seen: seen.phase == phase.upper(),
            f"to be {phase.upper()}",
            timeout_s=timeout_s,
            sleep=self._sleep,
            progress=progress,
        )

    def _input_for(self, wanted: str) -> dict[str, Any]:
        return {"environmentInstanceId": self.world(wanted).id}

    def _change_world(self, document: str, name: str, given: Mapping[str, Any]) -> WorldInfo:
        answer = self._endpoint.ask(document, input=given)[name]
        raise_user_errors(answer)
        return read_world(answer["environmentInstance"])

    def _handle(self, document: Mapping[str, Any]) -> Instance:
        return Instance(self._endpoint, document, sleep=self._sleep)

    def __repr__(self) -> str:
        return f"<Zookeeper of {self.url}>"


__all__ = ["EnvironmentInfo", "InstanceInfo", "ModelInfo", "WorldInfo", "Zookeeper"]
