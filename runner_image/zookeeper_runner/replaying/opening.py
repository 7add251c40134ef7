"""Opening: what a launch asks to be replayed, put together with the agent that is to do it once more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ainimal_zookeeper.domain import paths
from ainimal_zookeeper.domain.documents import OverrideDoc, ReplayReport
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.environments.world import World
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.models.agent import Agent
from ainimal_zookeeper.recording.exporters.excerpt import Recorded, RecordedChannel, dtype_of

from ..acting import Actor
from ..bell import Bell
from ..journal import Journal
from ..loop import Body, Ruled
from ..overrides.rule import Values
from ..taps import Taps
from .comparison import Comparison
from .driver import RecordedDriver
from .imposing import Imposing
from .replayer import Replayer
from .rules import RecordedRules
from .tape import Tape
from .world import RecordedWorld, modalities_of

_GROUPS = {"INPUTS": "inputs", "OUTPUTS": "outputs", "ACTIVATIONS": "activations", "WEIGHTS": "weights"}


class Opened:
    """A replay before its agent is there. asked: the `replay` of a launch."""

    def __init__(self, asked: Mapping[str, Any], recording: Recorded) -> None:
        self.tape = Tape(recording, asked.get("fromStep"), asked.get("toStep"))
        self._planes = frozenset(asked["planes"])
        self.world: RecordedWorld | None = None
        self._rules: RecordedRules | None = None
        self.has_world = any(signal["path"] == paths.REWARD for signal in asked["signals"])
        if "INPUTS" in self._planes:
            self.world = RecordedWorld(self.tape, *modalities_of(asked["signals"]))

    @property
    def given(self) -> frozenset[str]:
        """Groups of paths that the recording drives."""
        found = {_GROUPS[plane] for plane in self._planes}
        if "OUTPUTS" in self._planes:
            found.add(paths.ACTION)
        return frozenset(found | {"env"} if "INPUTS" in self._planes else found)

    def replayer(
        self,
        agent: Agent,
        world: World,
        actor: Body,
        journal: Journal,
        bell: Bell,
        *,
        taps: Callable[[], Taps | None],
        on_mode: Callable[[bool, bool], None] | None,
        tell: Callable[[ReplayReport], None],
        done: Callable[[], None],
        ends: Callable[[], bool],
        warn: Callable[[str], None],
    ) -> Replayer:
        """Returns the body. Raises: InvalidInput where the agent or the world has other signals than were recorded."""
        tape, given = self.tape, self.given
        if not isinstance(actor, Actor):
            raise InvalidInput("environments that step together are not replayed; replay with INPUTS, or one of them")
        _check_drives(tape.channels, world, self._planes)
        _check_signals(tape.channels, agent, world, stands_in=self.world is not None)
        within = [path for path in tape.channels if path.startswith(("activations.", "weights.", "state."))]
        compared = [path for path in [*within, *tape.copied] if path.partition(".")[0] not in given]
        tap = _tap(compared, taps()) if compared else None
        handover = agent.can.handover
        driver = RecordedDriver(tape, world.action, world.action_key, handover, always="OUTPUTS" in self._planes)
        made = partial(getattr, journal.counters, "step")
        return Replayer(
            actor,
            journal,
            bell,
            tape,
            world=self.world,
            driver=driver,
            imposing=Imposing(tape, given, taps, made),
            comparison=Comparison(tape, given, tap),
            on_mode=on_mode,
            tell=tell,
            done=done,
            ends=ends,
            warn=warn,
        )

    def rules(self, ruled: Ruled, journal: Journal, warn: Callable[[str], None]) -> RecordedRules:
        """Returns what lets the recorded rules stand, before those that `ruled` is asked for."""
        done = self.given - {"inputs"}  # which are recorded as they were before the rules on them
        self._rules = RecordedRules(ruled, self.tape, done, partial(getattr, journal.counters, "step"), warn)
        return self._rules

    def values(self, document: OverrideDoc) -> Values | None:
        """Returns what a recorded PATCH puts in place; None for one that is not of the recording."""
        return None if self._rules is None else self._rules.values(document)


def _tap(compared: Iterable[str], taps: Taps | None) -> Callable[[str], Any]:
    """Returns what reads `compared`. Raises: InvalidInput for what the model does not have."""
    if taps is None:
        raise InvalidInput(f"the recording has {next(iter(compared))}, and there is no model to compare it with")
    try:
        taps.observe("replay", frozenset(path for path in compared if path.startswith("activations.")))
        for path in compared:
            taps.read(path)
    except InvalidInput as error:
        raise InvalidInput(f"the model is not the one that was recorded: {error}") from error
    return taps.read


def _check_drives(channels: Mapping[str, RecordedChannel], world: World, planes: frozenset[str]) -> None:
    """Raises: InvalidInput where what is to drive was not recorded."""
    wanted = [paths.join("inputs", name) for name in world.observation] if "INPUTS" in planes else []
    if "OUTPUTS" in planes:
        wanted = [paths.ACTION] if len(world.action) == 1 else [paths.join(paths.ACTION, name) for name in world.action]
    for path in wanted:
        if path not in channels:
            raise InvalidInput(f"{path} was not recorded, so it cannot drive; record it, or leave its plane out")


def _check_signals(channels: Mapping[str, RecordedChannel], agent: Agent, world: World, *, stands_in: bool) -> None:
    """Raises: InvalidInput that names the first signal that was recorded and is not there, or is another."""
    known: dict[str, Mapping[str, Modality]] = {"outputs": {**agent.outputs, **world.action}}
    known["inputs"] = agent.inputs if stands_in else world.observation
    actions = world.action
    for path, channel in channels.items():
        group, _, name = path.partition(".")
        if group == paths.ACTION:
            modality = actions.get(name) if name else next(iter(actions.values()), None)
            offered = ["action"] if len(actions) == 1 else [f"action.{each}" for each in actions]
        elif known.get(group):
            modality = known[group].get(name)
            offered = [f"{group}.{each}" for each in known[group]]
        else:
            continue
        if modality is None:
            raise InvalidInput(
                f"{path} was recorded, and is not there; there are {', '.join(offered) or 'no signals of that kind'}. "
                "Replay with the model and the environment that were recorded"
            )
        _check_shape(path, channel, modality, strictly=group == "inputs" and not stands_in)


def _check_shape(path: str, channel: RecordedChannel, modality: Modality, *, strictly: bool) -> None:
    if channel.kind in {"text", "json"}:
        return
    varies = None in modality.shape
    same = varies or tuple(modality.shape) == tuple(channel.shape)
    if same and (not strictly or dtype_of(channel) == modality.dtype):
        return
    now = f"{modality.dtype}{list(modality.shape)}"
    raise InvalidInput(
        f"{path} was recorded as {channel.dtype}{list(channel.shape)}, and is {now} now; replay with what was recorded"
    )
