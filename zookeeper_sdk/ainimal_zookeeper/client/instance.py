"""One instance, seen and steered from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from html import escape
from itertools import chain
from typing import Any

from ainimal_zookeeper.domain.documents import FINAL_PHASES
from ainimal_zookeeper.domain.errors import InvalidInput, NotFound, ZookeeperError

from . import documents
from .annotating import Annotation, annotate, annotations_of
from .checkpoint import Checkpoint, find_checkpoint, read_checkpoint, table_of
from .driving import Wheel
from .endpoint import Endpoint
from .history import LogLine, Series, read_line, read_series
from .info import InstanceInfo, read_info, read_mode
from .overriding import Override, overrides_of, patch_of, set_override
from .recording import Recording, open_recording_of, recordings_of, save_last, start_recording
from .recording import table_of as table_of_recordings
from .refusals import raise_user_errors, refusal
from .replay import ReplayReport, read_report
from .saving import ANSWERED_S, ask_to_save, save_to_the_end
from .signals import Value, decode, encode, read_value
from .tables import Table
from .waiting import wait_until

_NOT_YET = frozenset({"UNAVAILABLE", "RATE_LIMITED"})
_LINES_KNOWN = 20_000  # more than the zoo keeps
_SAVE_S = 20.0  # between answers that it is still being saved, of which each takes half a minute


class Instance:
    """A handle on one instance. Verbs return the handle, so that they chain: `instance.pause().settled().step(3)`."""

    def __init__(
        self, endpoint: Endpoint, document: Mapping[str, Any], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._endpoint = endpoint
        self._sleep = sleep
        self.info = read_info(document)
        self.saved: Checkpoint | None = None
        """The checkpoint that this handle made last."""

    # --- how it is ---------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def phase(self) -> str:
        """The phase when the handle was last refreshed."""
        return self.info.phase

    @property
    def ended(self) -> bool:
        return self.info.phase in FINAL_PHASES

    def refresh(self) -> Instance:
        """Asks the zoo how it is now. Raises: NotFound when it was deleted."""
        document = self._endpoint.ask(documents.INSTANCE, id=self.id)["instance"]
        if document is None:
            raise NotFound(f"instance {self.name} ({self.id}) is no longer there")
        self.info = read_info(document)
        return self

    def wait(
        self,
        phase: str | Sequence[str] = "RUNNING",
        *,
        timeout_s: float = 900.0,
        progress: Callable[[InstanceInfo], None] | None = None,
    ) -> Instance:
        """Waits until it is in `phase` (or one of several); `progress` is called with each look at it.

        Raises:
            the failure as a domain error when it FAILED instead; InvalidTransition when it ended otherwise.
            Transient when `timeout_s` has passed; the message says what it was doing.
        """
        wanted = {phase.upper()} if isinstance(phase, str) else {item.upper() for item in phase}
        self._poll(lambda: self.phase in wanted, f"to be {' or '.join(sorted(wanted))}", timeout_s, progress)
        return self

    def settled(self, *, timeout_s: float = 60.0) -> Instance:
        """Waits until the runner has followed all that was asked so far.

        Raises: as `wait`.
        """
        asked = self.info.generation
        self._poll(lambda: self.info.observed_generation >= asked, "to follow what was asked", timeout_s)
        return self

    def _poll(
        self,
        reached: Callable[[], bool],
        what: str,
        timeout_s: float,
        progress: Callable[[InstanceInfo], None] | None = None,
    ) -> None:
        def look() -> InstanceInfo:
            return self.refresh().info

        wait_until(
            self.info,
            look,
            lambda _info: reached(),
            what,
            timeout_s=timeout_s,
            sleep=self._sleep,
            progress=progress,
        )

    # --- steering it -------------------------------------------------------------------------------------------------

    def pause(self, *, save: bool | str = False) -> Instance:
        """Holds it at the end of its current step or train call.

        save: True, or a tag, also saves the state that it is held in; `saved` is the checkpoint then.

        Raises: what `save_checkpoint` raises, when it is paused already.
        """
        self._change(documents.PAUSE, "instancePause")
        if save is not False:
            self._save_held(save, "it is paused all the same")
            self.refresh()  # it has followed since
        return self

    def resume(self) -> Instance:
        return self._change(documents.RESUME, "instanceResume")

    def step(self, count: int = 1) -> Instance:
        """Lets it make exactly `count` steps while paused."""
        return self._change(documents.STEP, "instanceStep", count=count)

    def rate(self, steps_per_second: float | None) -> Instance:
        """Sets its speed; None: as fast as it goes."""
        return self._change(documents.RATE, "instanceRateSet", stepsPerSecond=steps_per_second)

    def mode(self, mode: str) -> Instance:
        """Sets what it does: `both` (learns and acts), `training`, `inference` or `none`."""
        return self._change(documents.MODE, "instanceModeSet", mode=read_mode(mode))

    def reset(self) -> Instance:
        """Ends the episode and starts the next."""
        return self._change(documents.RESET, "instanceReset")

    def terminate(self, *, save: bool | str = False) -> Instance:
        """Ends it for good; its history and log stay.

        save: True, or a tag, first holds it and saves the state that it ends in; `saved` is the checkpoint then.

        Raises: what `save_checkpoint` raises: then it is not terminated, and goes on if it did before.
        """
        if save is not False:
            goes_on = self.refresh().info.desired_phase == "RUNNING"
            self._change(documents.PAUSE, "instancePause")
            try:
                self._save_held(save, "it is not terminated")
            except ZookeeperError:
                if goes_on:
                    with suppress(ZookeeperError):  # what has failed by now does not go on
                        self.resume()
                raise
        return self._change(documents.TERMINATE, "instanceTerminate")

    def _save_held(self, save: bool | str, otherwise: str) -> None:
        tag = None if save is True else str(save)
        try:
            self.saved = save_to_the_end(self._endpoint, self.id, tag, timeout_s=_SAVE_S, sleep=self._sleep)
        except ZookeeperError as error:
            error.args = (f"{error.message}; {otherwise}",)
            raise

    def rename(self, name: str) -> Instance:
        return self.update(name=name)

    def update(
        self, *, name: str | None = None, tags: Sequence[str] | None = None, notes: str | None = None
    ) -> Instance:
        """Changes what people write on it; None leaves it as it is. `tags` replace all; empty ones and "" remove."""
        if isinstance(tags, str):
            raise InvalidInput(f"tags is the text {tags!r}; give a list of texts", ("input", "tags"))
        wanted = {"name": name, "tags": None if tags is None else list(tags), "notes": notes}
        given = {key: value for key, value in wanted.items() if value is not None}
        if not given:
            raise InvalidInput("there is nothing to change; give name, tags or notes", ("input",))
        return self._change(documents.UPDATE, "instanceUpdate", **given)

    def delete(self) -> None:
        """Removes it, its history and its log, once it has ended."""
        answer = self._endpoint.ask(documents.DELETE, input={"instanceId": self.id})
        raise_user_errors(answer["instanceDelete"])

    def infer(self, inputs: Mapping[str, Any], *, conversation: str | None = None) -> dict[str, Any]:
        """Makes one forward pass on an instance without an environment.

        Args:
            inputs: values by modality: numbers, text, nested lists or arrays.
            conversation: any name; calls with the same one share a recurrent model's state.

        Returns: outputs by modality; arrays as `numpy.ndarray` (nested lists without NumPy, and when they are small).
        """
        answer = self._endpoint.ask(
            documents.INFER, input={"instanceId": self.id, "inputs": encode(inputs), "conversation": conversation}
        )["instanceInfer"]
        raise_user_errors(answer)
        outputs: dict[str, Any] = decode(answer["outputs"])
        return outputs

    def _change(self, document: str, mutation: str, **values: Any) -> Instance:
        return self._became(self._endpoint.ask(document, input={"instanceId": self.id, **values})[mutation])

    def _became(self, answer: dict[str, Any]) -> Instance:
        raise_user_errors(answer)
        self.info = read_info(answer["instance"])
        return self

    # --- driving it --------------------------------------------------------------------------------------------------

    def drive(self, *, paths: Sequence[str] | None = None, on_silence: str = "neutral", if_free: bool = False) -> Wheel:
        """Returns the wheel, which a `with` block holds: `with instance.drive() as wheel: wheel.send(1)`.

        Args:
            paths: what is driven, such as `action.steer`; None: the whole action. The model drives the rest.
            on_silence: what acts half a second after this process was heard of last: model, hold (what was sent last),
                neutral, or pause (nothing).
            if_free: whether somebody who drives already keeps the wheel, also from an operator.
        """
        return Wheel(self._endpoint, self.id, paths=paths, on_silence=on_silence, if_free=if_free)

    # --- overriding what it sees, thinks and does ---------------------------------------------------------------------

    def override(
        self,
        path: str,
        value: Any = None,
        *,
        rule: str = "set",
        low: Any = None,
        high: Any = None,
        weight: float | None = None,
        index: Sequence[int] | None = None,
        recording: str | None = None,
        recording_path: str | None = None,
        from_step: int | None = None,
        allow_non_finite: bool = False,
        steps: int | None = None,
        seconds: float | None = None,
        command_id: str | None = None,
    ) -> Override:
        """Lets a rule stand on a signal from the next step on: `instance.override("outputs.steer", 0.5, steps=100)`.

        It outlives pauses, checkpoints and relaunches, and takes the place of the same rule on the same path and
        element.

        Args:
            path: such as `inputs.camera`, `action`, `activations.encoder`, `weights.head.bias`: `signals()` lists them.
            value: a number for all elements, nested lists, an array, or text; for `scale` the factor.
            rule: set, clamp (`low`, `high`), scale, blend (`weight` of `value`, from 0 to 1), or patch.
            index: the one element that it is about.
            recording, recording_path, from_step: for patch: what is put in place, step by step.
            allow_non_finite: lets values be NaN or infinite.
            steps, seconds: after how many, or how long, it expires; None: only when it is cleared.
            command_id: any unique text; the same one again sets nothing anew.

        Raises: InvalidInput that says what fits; NotFound for a path, with the nearest; LimitReached.
        """
        terms = {
            "value": value,
            "low": low,
            "high": high,
            "weight": weight,
            "index": None if index is None else list(index),
            "patch": patch_of(recording, recording_path, from_step),
            "allowNonFinite": allow_non_finite or None,
            "expiresInSteps": steps,
            "expiresInSeconds": seconds,
            "commandId": command_id,
        }
        return set_override(self._endpoint, self.id, path, rule, terms)

    def overrides(self) -> Table[Override]:
        """Returns the rules that stand, in the order in which they are applied."""
        return overrides_of(self._endpoint, self.id, self.name)

    def clear_overrides(self, which: Override | str | None = None) -> Instance:
        """Ends a rule (or its id), all rules on a path, or all; weights and state become what they were."""
        if isinstance(which, Override):
            which = which.id
        key = "overrideId" if which is not None and which.startswith("ovr_") else "path"
        return self._change(documents.OVERRIDE_CLEAR, "overrideClear", **({} if which is None else {key: which}))

    # --- saving it and going back -------------------------------------------------------------------------------------

    def save_checkpoint(self, tag: str | None = None, *, command_id: str | None = None) -> Checkpoint:
        """Saves its state between two steps, after which it goes on.

        Args:
            tag: what to call it; None: a name made of the instance, the timeline and the step.
            command_id: any unique text; the same one again returns the same checkpoint and saves nothing.

        Raises: AlreadyExists for a tag that its model has; InvalidTransition when it does not run or is saving already;
        AInimalFault when its model's code failed; Transient when it takes long, and goes on by itself.
        """
        self.saved = ask_to_save(self._endpoint, self.id, tag, command_id)
        return self.saved

    def checkpoints(self) -> Table[Checkpoint]:
        """Returns the checkpoints that were saved from it, newest first."""
        pages = self._pages(documents.CHECKPOINTS, "checkpoints")
        return table_of(read_checkpoint(self._endpoint, row) for page in pages for row in page)

    def restore(self, checkpoint: Checkpoint | str) -> Instance:
        """Puts a checkpoint of its model into it, on the next timeline.

        While it runs or is paused that happens in its process, has happened when this returns, and it stays paused;
        where its process cannot, a new attempt starts from the checkpoint.

        Args:
            checkpoint: of this or another instance of its model; or its id, its tag, or the beginning of either.

        Raises: InvalidInput that says what differs, for a checkpoint of something else; DataCorrupt when its bytes are
        not what they were, and AInimalFault; NotFound; InvalidTransition, also while it is saved or goes back;
        Transient when it takes longer than half a minute, and goes on.
        """
        if isinstance(checkpoint, str):
            checkpoint = find_checkpoint(self._endpoint, checkpoint, self._siblings())
        wanted = {"instanceId": self.id, "checkpointId": checkpoint.id}
        answer = self._endpoint.ask(documents.CHECKPOINT_RESTORE, patience_s=ANSWERED_S, input=wanted)
        return self._became(answer["checkpointRestore"])

    def _siblings(self) -> Iterator[Checkpoint]:
        """Yields the checkpoints of its model; of a script, which is of none, its own."""
        answer = self._endpoint.ask(documents.SIBLINGS, id=self.id, first=1)["instance"]
        if answer is not None and answer["model"] is None:
            pages = self._pages(documents.CHECKPOINTS, "checkpoints")
        else:
            pages = self._pages(documents.SIBLINGS, "checkpoints", of="model")
        for page in pages:
            for row in page:
                yield read_checkpoint(self._endpoint, row)

    # --- recording it -------------------------------------------------------------------------------------------------

    def record(self, signals: Sequence[str] | None = None, *, command_id: str | None = None) -> Recording:
        """Records it from its next step on, until `stop_recording` or the end of its process.

        Args:
            signals: paths, with * for any text and ? for one character; None: inputs, outputs, action and reward.
            command_id: any unique text; the same one again returns the same recording.

        Raises: InvalidInput for a pattern that names nothing; InvalidTransition while it is recorded already.
        """
        return start_recording(self._endpoint, self.id, signals, command_id)

    def stop_recording(self) -> Recording:
        """Ends what is recorded, and returns it as it is then. Raises: InvalidTransition where nothing is."""
        return open_recording_of(self._endpoint, self.id, self.name).stop()

    def save_last(self, seconds: float = 10.0, *, command_id: str | None = None) -> Recording:
        """Makes a recording of what it did in the last seconds, as far as it remembers.

        Raises: InvalidTransition that says why nothing is remembered, and how that is changed.
        """
        return save_last(self._endpoint, self.id, seconds, command_id)

    def recordings(self) -> Table[Recording]:
        """Returns what was recorded of it, newest first."""
        return table_of_recordings(recordings_of(self._endpoint, self.id))

    def annotate(self, text: str, step: int | None = None, end_step: int | None = None) -> Annotation:
        """Notes something at a step, or up to `end_step`; None: at the newest that the zoo knows of."""
        if step is None:
            step = self.refresh().info.stats.step
        return annotate(self._endpoint, self.id, text, step, end_step)

    def annotations(self) -> Table[Annotation]:
        """Returns what was noted at its steps, in their order."""
        return annotations_of(self._endpoint, self.id, self.name)

    def replay(self) -> ReplayReport | None:
        """Returns how far it equals what it replays; None where it replays nothing."""
        found = self._endpoint.ask(documents.REPLAY, id=self.id)["instance"]
        return None if found is None or found["replay"] is None else read_report(found["replay"])

    # --- watching it -------------------------------------------------------------------------------------------------

    def watch(
        self,
        *paths: str,
        rate: float | None = None,
        reduce: str | None = None,
        max_size: int | None = None,
        crop: Sequence[int] | None = None,
        index: Sequence[int] | None = None,
    ) -> Iterator[Value]:
        """Yields values of signals as they come, the newest first after a gap, until the instance has ended.

        Args:
            paths: `env.reward`, `inputs.camera`, `action`, ...: `signals()` lists them.
            rate: at most so many values per second and signal; None: as many as come.
            reduce: full, jpeg, statistics or histogram.
            max_size: the longest side in pixels or elements.
            crop: start and stop for each axis.
            index: one element of an array.

        Raises: NotFound for a path that it does not have, with the nearest ones.
        """
        if not paths:
            raise InvalidInput("nothing to watch; give a path such as 'env.reward' (signals() lists them)")
        request = {
            "instanceId": self.id,
            "maxRate": rate,
            "reduce": None if reduce is None else reduce.upper(),
            "maxSize": max_size,
            "crop": None if crop is None else list(crop),
            "index": None if index is None else list(index),
        }
        signals = [{"key": path, "path": path, **request} for path in paths]
        return self._watched({"instanceIds": [self.id], "signals": signals})

    def _watched(self, wanted: Mapping[str, Any]) -> Iterator[Value]:
        newest: dict[str, tuple[int, int, str]] = {}
        for event in self._live(wanted):
            if self.id in event["removedInstanceIds"]:
                return
            for problem in event["problems"]:
                if problem["code"] not in _NOT_YET:
                    raise refusal(problem["code"], problem["message"], (problem["path"] or "",))
            for value in map(read_value, event["values"]):
                # A stream opens with the newest values, which the one before may have told already.
                place = (value.timeline, value.step, value.time)
                if newest.get(value.path) != place:
                    newest[value.path] = place
                    yield value

    def logs(self, *, follow: bool = False, last: int | None = None) -> Iterator[LogLine]:
        """Yields its console lines, all or the `last` ones; with `follow` also those to come, until it has ended."""
        written = list(self._written_logs())
        yield from written if last is None else written[max(len(written) - last, 0) :]
        if not follow:
            return
        shown = dict.fromkeys(written)
        # What it printed last may be stored after the zoo has told of its end.
        for line in chain(self._coming_logs(), self._last_logs()):
            # A line may come more than once: from what was written, and over several streams.
            if line not in shown:
                shown[line] = None
                if len(shown) > _LINES_KNOWN:
                    del shown[next(iter(shown))]
                yield line

    def _coming_logs(self) -> Iterator[LogLine]:
        for event in self._live({"instanceIds": [self.id], "logs": [self.id]}):
            yield from map(read_line, event["logs"])

    def _last_logs(self) -> Iterator[LogLine]:
        try:
            yield from self._written_logs()
        except NotFound:
            return

    def _written_logs(self) -> Iterator[LogLine]:
        for page in self._pages(documents.LOGS, "logs"):
            yield from map(read_line, page)

    def _live(self, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for event in self._endpoint.live(documents.LIVE, wanted):
            yield event
            ended = any(row["id"] == self.id and row["phase"] in FINAL_PHASES for row in event["instances"])
            if ended or self.id in event["removedInstanceIds"]:
                return

    def signals(self) -> Table[dict[str, Any]]:
        """Returns what can be watched."""
        rows = [row for page in self._pages(documents.SIGNALS, "signals") for row in page]
        return Table(
            rows,
            {
                "path": lambda row: row["path"],
                "kind": lambda row: row["modality"]["kind"],
                "shape": lambda row: row["modality"]["shape"],
                "dtype": lambda row: row["modality"]["dtype"],
                "overridable": lambda row: "yes" if row["overridable"] else "no",
            },
        )

    def metrics(self, *paths: str, points: int | None = None) -> dict[str, Series]:
        """Returns the history of its scalars by path, of the newest timeline; no paths: all of them."""
        answer = self._endpoint.ask(documents.METRICS, id=self.id, paths=list(paths) or None, points=points)["instance"]
        if answer is None:
            raise NotFound(f"instance {self.name} ({self.id}) is no longer there")
        series = sorted(map(read_series, answer["metrics"]), key=lambda item: item.timeline)
        return {item.path: item for item in series}

    def _pages(self, document: str, field_name: str, *, of: str | None = None) -> Iterator[list[dict[str, Any]]]:
        after = None
        while True:
            answer = self._endpoint.ask(document, id=self.id, first=100, after=after)["instance"]
            if of is not None:
                answer = answer and answer[of]
            connection = answer and answer[field_name]
            if connection is None:
                raise NotFound(
                    f"instance {self.name} ({self.id}) is no longer there, or you may not see its {field_name}"
                )
            yield connection["nodes"]
            if not connection["pageInfo"]["hasNextPage"]:
                return
            after = connection["pageInfo"]["endCursor"]

    # --- how it looks ------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        info = self.info
        world = f" in {info.environment}" if info.environment else ""
        return f"<{self.name} ({self.id}): {info.model}{world}, {self.phase}, step {info.stats.step}>"

    def _repr_html_(self) -> str:
        info = self.info
        rows = {
            "model": info.model,
            "environment": info.environment or "",
            "phase": f"{info.phase} {info.stage or ''}".strip(),
            "mode": info.mode,
            "step": info.stats.step,
            "return": "" if info.stats.episode_return is None else f"{info.stats.episode_return:g}",
            "failure": info.failure or "",
        }
        body = "".join(
            f"<tr><th>{escape(key)}</th><td>{escape(str(value))}</td></tr>"
            for key, value in rows.items()
            if value != ""
        )
        return f"<table><caption>{escape(self.name)} ({escape(self.id)})</caption>{body}</table>"
