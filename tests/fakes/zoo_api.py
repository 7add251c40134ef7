"""A zoo's API without a zoo: the project's schema over a few rows in memory, as an httpx transport."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from graphql import (
    ExecutionResult,
    GraphQLSchema,
    build_schema,
    graphql_sync,
    parse,
    subscribe,
)

SCHEMA = Path(__file__).parents[2] / "functions/graphql_api/graphql_api/schema"

Row = dict[str, Any]


@cache
def schema() -> GraphQLSchema:
    return build_schema("\n".join(path.read_text() for path in sorted(SCHEMA.glob("*.graphql"))))


def model_row(name: str, **changes: Any) -> Row:
    return {
        "id": f"mod_{name.lower().replace(' ', '_')}",
        "name": name,
        "type": "python_class",
        "source": f"ainimals/{name}.py",
        "parameters": [],
        "findings": [],
        "launchable": True,
        "scan": None,
        **changes,
    }


def environment_row(name: str, **changes: Any) -> Row:
    return {
        "id": f"world_{name.lower()}",
        "name": name,
        "type": "gymnasium",
        "parameters": [],
        "maxConnected": 1,
        "autostart": False,
        **changes,
    }


def instance_row(name: str, **changes: Any) -> Row:
    return {
        "id": f"ins_{name.lower()}",
        "name": name,
        "phase": "RUNNING",
        "desiredPhase": "RUNNING",
        "mode": {"training": True, "inference": True},
        "generation": 1,
        "observedGeneration": 1,
        "attempt": 1,
        "timeline": 0,
        "modelName": "CartPole learner",
        "tags": [],
        "overrides": [],
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "stats": {"step": 7.0, "episode": 1.0, "stepsPerSecond": 50.0, "episodeReturn": 21.0, "loss": "NaN"},
        **changes,
    }


def world_row(name: str, kind: str = "CartPole", **changes: Any) -> Row:
    return {
        "id": f"env_{name.lower()}",
        "name": name,
        "environment": environment_row(kind),
        "phase": "RUNNING",
        "connected": [],
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "stats": {"step": 7.0, "episode": 1.0, "stepsPerSecond": 50.0},
        **changes,
    }


def checkpoint_row(tag: str, step: int = 0, **changes: Any) -> Row:
    """The commit is made of the step: the checkpoint that another grew from is named by it."""
    commit = f"{step:040x}"
    return {
        "id": f"chk_{commit}",
        "tag": tag,
        "commit": commit,
        "parents": [],
        "step": float(step),
        "episode": 1.0,
        "timeline": 0,
        "attempt": 1,
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "kind": "ASKED",
        "kept": True,
        "sizeBytes": 2048.0,
        "needsPickle": False,
        "instanceId": "ins_rex",
        "instanceName": "Rex",
        "modelId": "mod_painter",
        "modelName": "Painter",
        "viewerCan": ["SEE", "DELETE"],
        **changes,
    }


def recording_row(id: str, **changes: Any) -> Row:
    return {
        "id": id,
        "phase": "SEALED",
        "kind": "ASKED",
        "instanceId": "ins_rex",
        "instanceName": "Rex",
        "timeline": 1,
        "signals": ["action"],
        "firstStep": 5.0,
        "lastStep": 1004.0,
        "sizeBytes": 2048.0,
        "droppedSteps": 0.0,
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "viewerCan": ["SEE", "OBSERVE"],
        **changes,
    }


def tensor_diff_row(path: str, change: str = "changed", **changes: Any) -> Row:
    shape, dtype = [2, 2], "float32"
    return {
        "path": path,
        "change": change,
        "norm": 2.0 if change == "changed" else None,
        "relative": 0.25 if change == "changed" else None,
        "fromShape": None if change == "added" else shape,
        "toShape": None if change == "removed" else shape,
        "fromDtype": None if change == "added" else dtype,
        "toDtype": None if change == "removed" else dtype,
        **changes,
    }


def live_event(kind: str = "UPDATE", cursor: str = "c1", **changes: Any) -> Row:
    lists = ("instances", "environmentInstances", "removedInstanceIds", "values", "events", "logs", "problems")
    return {"kind": kind, "cursor": cursor, **{name: [] for name in lists}, **changes}


def value_row(path: str, step: int = 0, **changes: Any) -> Row:
    return {
        "path": path,
        "instanceId": "ins_rex",
        "timeline": 0,
        "step": float(step),
        "time": "2026-01-01T00:00:00.000000Z",
        "overridden": False,
        "dropped": 0,
        **changes,
    }


class FakeZoo:
    """Rows that tests fill in, mutations that are recorded, and one script of events for each stream."""

    def __init__(self) -> None:
        self.models: list[Row] = []
        self.environments: list[Row] = []
        self.worlds: list[Row] = []
        self.instances: list[Row] = []
        self.checkpoints: list[Row] = []
        """All of them are of the first model."""
        self.recordings: list[Row] = []
        """The first is what each of their mutations answers, and what is recorded of the instances."""
        self.others_checkpoints: dict[str, list[Row]] = {}
        """Those of other models, by the model's id."""
        self.differences: dict[tuple[str, str], Row] = {}
        """`CheckpointDiff`s by the tags of both."""
        self.not_saved: list[Row] = []
        """What the next saves answer, an error each, before one makes a checkpoint."""
        self.profile = "embedded"
        self.page = 100
        self.pages = 0
        """How many pages of lists were asked for."""
        self.asked: list[tuple[str, Row]] = []
        """Every mutation with its input, in order."""
        self.user_errors: list[Row] = []
        """What the next mutation answers instead of doing something."""
        self.refusals: dict[str, list[Row]] = {}
        """What a mutation of that name always answers instead."""
        self.uploaded: tuple[httpx.URL, httpx.Headers, bytes] | None = None
        """What came by the last link of an upload."""
        self.upload_status = 201
        self.upload_url = "http://bucket.test/uploads/upl_1"
        self.streams: list[list[Row | None] | httpx.Response | httpx.TransportError] = []
        """Events of each stream in the order of opening; a None at the end cuts the connection. Or what else is
        answered, or why nothing is."""
        self.subscribed: list[Row] = []
        """The input of each stream."""
        self.on_instance: Callable[[Row], None] = lambda _row: None
        """Called before an instance is shown by id: what changes between two looks."""

        self.on_world: Callable[[Row], None] = lambda _row: None
        """As `on_instance`, for worlds."""

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._handle)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            self.uploaded = (request.url, request.headers, request.read())
            return httpx.Response(self.upload_status)
        body = json.loads(request.content)
        if request.headers["accept"] == "text/event-stream":
            return self._stream(body)
        result = graphql_sync(schema(), body["query"], self._root(), variable_values=body["variables"])
        answer: Row = {"data": result.data}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        return httpx.Response(200, json=answer)

    def _stream(self, body: Row) -> httpx.Response:
        self.subscribed.append(body["variables"]["input"])
        script = self.streams.pop(0)
        if isinstance(script, httpx.TransportError):
            raise script
        if isinstance(script, httpx.Response):
            return script
        cut = script[-1:] == [None]
        events = [event for event in script if event is not None]
        results = asyncio.run(_results(body, events))
        text = "".join(f"event: next\ndata: {json.dumps({'data': result.data})}\n\n" for result in results)
        if not cut:
            text += "event: complete\ndata: \n\n"
        return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})

    def _root(self) -> Row:
        changes = ("Pause", "Resume", "Terminate", "Reset", "Step", "RateSet", "ModeSet", "Update")
        return {
            "server": {"id": "zoo", "name": "Test zoo", "version": "0.1.0", "profile": self.profile, "processes": []},
            "model": lambda _info, **wanted: self._model(wanted["id"]),
            "models": lambda _info, **page: self._connection(self.models, **page),
            "environments": lambda _info, **page: self._connection(self.environments, **page),
            "environmentInstances": lambda _info, **page: self._connection(self.worlds, **page),
            "instances": self._instances,
            "instance": self._instance,
            "instanceLaunch": self._launch,
            "instanceDelete": self._answering("instanceDelete", lambda given: {"deletedId": given["instanceId"]}),
            "instanceInfer": self._answering("instanceInfer", lambda given: {"outputs": given["inputs"], "step": 1.0}),
            "environmentLaunch": self._answering("environmentLaunch", self._newest_world),
            "environmentReset": self._answering("environmentReset", self._newest_world),
            "environmentTerminate": self._answering("environmentTerminate", self._newest_world),
            "checkpointDiff": self._difference,
            "checkpointSave": self._save,
            "checkpointRestore": self._changer("checkpointRestore"),
            "checkpointDelete": self._answering("checkpointDelete", lambda given: {"deletedId": given["checkpointId"]}),
            "recordings": self._recordings,
            "recording": lambda _info, **wanted: next(
                (row for row in self.recordings if row["id"] == wanted["id"]), None
            ),
            "recordingStart": self._answering("recordingStart", self._recorded),
            "recordingStop": self._answering("recordingStop", self._recorded),
            "recordingSaveLast": self._answering("recordingSaveLast", self._recorded),
            "recordingReplay": self._answering("recordingReplay", lambda _given: {"instance": self.instances[-1]}),
            "recordingDelete": self._answering("recordingDelete", lambda given: {"deletedId": given["recordingId"]}),
            "annotationCreate": self._answering("annotationCreate", self._annotated),
            "annotationDelete": self._answering("annotationDelete", lambda given: {"deletedId": given["annotationId"]}),
            "overrideSet": self._answering("overrideSet", self._override),
            "overrideClear": self._changer("overrideClear"),
            "controlAcquire": self._answering("controlAcquire", lambda _given: {"control": self._control()}),
            "controlSend": self._answering("controlSend", lambda _given: {"appliedAtStep": 7.0}),
            "controlRelease": self._answering("controlRelease", lambda _given: {}),
            "uploadCreate": self._answering("uploadCreate", self._upload),
            "modelCreate": self._answering("modelCreate", lambda _given: {"model": self.models[0]}),
            "node": self._node,
            **{f"instance{change}": self._changer(f"instance{change}") for change in changes},
        }

    def _said(self, name: str, input: Row) -> Row:
        self.asked.append((name, input))
        errors, self.user_errors = self.user_errors or self.refusals.get(name, []), []
        return {"userErrors": errors}

    def _answering(self, name: str, answer: Callable[[Row], Row]) -> Callable[..., Row]:
        def mutate(_info: Any, input: Row, **_beside: Any) -> Row:
            return {**answer(input), **self._said(name, input)}

        return mutate

    def _recordings(self, _info: Any, instanceId: str | None = None, **page: Any) -> Row:  # noqa: N803
        rows = [row for row in self.recordings if instanceId in {None, row["instanceId"]}]
        return self._connection(rows, **page)

    def _recorded(self, _given: Row) -> Row:
        return {"recording": self.recordings[0]}

    def _annotated(self, given: Row) -> Row:
        note = {"id": "ann_1", "timeline": 1, "endStep": None, **given}
        self.instances[0].setdefault("annotations", []).append(note)
        return {"annotation": note}

    def _override(self, given: Row) -> Row:
        """Returns a rule with what was given, which is the newest of the first instance then."""
        rules = self.instances[0].setdefault("overrides", [])
        rule = {
            **given,
            "id": f"ovr_{len(rules) + 1}",
            "order": len(rules) + 1,
            "allowNonFinite": given.get("allowNonFinite", False),
            "setAt": "2026-01-01T00:00:00.000000Z",
            "appliedAtStep": 7.0,
            "author": {"id": "user_operator", "name": "operator", "role": "OPERATOR"},
        }
        if given.get("patch") is not None:
            rule["patch"] = {**given["patch"], "path": given["patch"]["path"] or given["path"]}
        rules.append(rule)
        return {"override": rule}

    def _control(self) -> Row:
        holder = {"id": "user_operator", "name": "operator", "role": "OPERATOR"}
        return {"id": "ctl_1", "holder": holder, "onSilence": "HOLD", "expiresAt": "2026-01-01T00:00:15.000000Z"}

    def _upload(self, _given: Row) -> Row:
        return {"uploadId": "upl_1", "url": self.upload_url, "headers": {"x-once": "1"}}

    def _newest_world(self, _given: Row) -> Row:
        return {"environmentInstance": self.worlds[0]}

    def _save(self, _info: Any, input: Row) -> Row:
        if self.not_saved:
            self.user_errors = [self.not_saved.pop(0)]
        made = None if self.user_errors else self.checkpoints[0]
        return {"checkpoint": made, **self._said("checkpointSave", input)}

    def _difference(self, _info: Any, fromId: str, toId: str) -> Row:  # noqa: N803
        tags = {row["id"]: row["tag"] for row in self.checkpoints}
        return self.differences[tags[fromId], tags[toId]]

    def _model(self, id: str) -> Row | None:
        row = next((row for row in self.models if row["id"] == id), None)
        if row is None:
            return None
        saved = self.checkpoints if row is self.models[0] else self.others_checkpoints.get(id, [])
        return {**row, "checkpoints": lambda _info, **page: self._connection(saved, **page)}

    def _changer(self, name: str) -> Callable[..., Row]:
        def change(_info: Any, input: Row) -> Row:
            said = self._said(name, input)
            if said["userErrors"]:
                return said
            row = next(row for row in self.instances if row["id"] == input["instanceId"])
            row["generation"] += 1
            return {**said, "instance": row}

        return change

    def _launch(self, _info: Any, input: Row) -> Row:
        said = self._said("instanceLaunch", input)
        if said["userErrors"]:
            return said
        row = instance_row(input.get("name", "Fresh"), phase="PENDING", stage="waiting for a runner")
        self.instances.insert(0, row)
        return {**said, "instance": row}

    def _instances(self, _info: Any, phase: list[str] | None = None, search: str | None = None, **page: Any) -> Row:
        rows = [row for row in self.instances if phase is None or row["phase"] in phase]
        return self._connection([row for row in rows if search is None or search in row["name"]], **page)

    def _instance(self, _info: Any, id: str) -> Row | None:
        row = next((row for row in self.instances if row["id"] == id), None)
        if row is None:
            return None
        self.on_instance(row)
        own = [saved for saved in self.checkpoints if saved["instanceId"] == id]
        recorded = next((each for each in self.recordings if each["phase"] == "OPEN"), None)
        return {
            **row,
            "recording": recorded,
            "model": self._model(self.models[0]["id"]) if self.models else None,
            "checkpoints": lambda _info, **page: self._connection(own, **page),
            "logs": lambda _info, **page: self._connection(row.get("logs", []), **page),
            "signals": lambda _info, **page: self._connection(row.get("signals", []), **page),
            "metrics": lambda _info, **_page: row.get("metrics", []),
        }

    def _node(self, _info: Any, id: str) -> Row | None:
        saved = next((row for row in self.checkpoints if row["id"] == id), None)
        if saved is not None:
            return {"__typename": "Checkpoint", **saved}
        row = next((row for row in self.worlds if row["id"] == id), None)
        if row is None:
            return None
        self.on_world(row)
        return {"__typename": "EnvironmentInstance", **row}

    def _connection(self, rows: list[Row], first: int = 20, after: str | None = None) -> Row:
        self.pages += 1
        start = int(after or 0)
        stop = start + min(first, self.page)
        return {"nodes": rows[start:stop], "pageInfo": {"hasNextPage": stop < len(rows), "endCursor": str(stop)}}


async def _results(body: Row, events: list[Row]) -> list[ExecutionResult]:
    async def source(_info: Any, **_input: Any) -> AsyncIterator[Row]:
        for event in events:
            yield {"live": event}

    stream = subscribe(schema(), parse(body["query"]), {"live": source}, variable_values=body["variables"])
    if asyncio.iscoroutine(stream):
        stream = await stream
    assert not isinstance(stream, ExecutionResult), stream.errors
    return [result async for result in stream]  # type: ignore[union-attr]


def naps(sleeps: list[float]) -> Callable[[float], None]:
    """Returns a sleep that only notes how long it was asked to be."""
    return sleeps.append


def documents_in(module: Any) -> list[tuple[str, str]]:
    """Returns name and text of each GraphQL document that is a public constant of `module`."""
    return [
        (name, value)
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str)
    ]
