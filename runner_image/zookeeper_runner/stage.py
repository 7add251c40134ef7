"""Stage: what a launch asks for, loaded and put together: model, world, seats, and the body that plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ainimal_zookeeper import environments, models
from ainimal_zookeeper.domain.documents import Manifest
from ainimal_zookeeper.domain.errors import AInimalFault, EnvFault, InvalidInput, UserCodeFault
from ainimal_zookeeper.environments.world import World
from ainimal_zookeeper.models.agent import Agent, Finding

from .acting import Actor
from .answering import Answerer
from .arrows import Arrows
from .batching import BatchActor
from .bell import Bell
from .checkpoint import Keeps, fetch, saved_in, stage_of
from .fault import fault_of, first_line
from .gate import Gate
from .home import at_home
from .inference import Inference
from .joining import join
from .journal import Journal
from .loop import Body
from .manifest import manifest_of, sentences
from .overrides import Overrides
from .seats import STEP_TIMEOUT_S, SeatBoard, WorldHost
from .session import Leave
from .uploaded import specification

if TYPE_CHECKING:
    from .replaying.opening import Opened
    from .taps import Taps

Launch = Mapping[str, Any]
T = TypeVar("T")
_LEFT = 10  # things that are not saved, told one by one


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What those on the stage need of the attempt around them.

    enter: says in a few words what is going on. idle: called while waiting for others; raises Leave at the end.
    ask: `POST /desired`. inference, board: None where nobody is to be answered, or seated. patience_s: how long to ask
    again for what does not answer. home: the folder of the zoo's files. arrows: who stands at those of the step.
    """

    journal: Journal
    bell: Bell
    inference: Inference | None
    board: SeatBoard | None
    enter: Callable[[str], None]
    idle: Callable[[], None]
    ask: Callable[[], Mapping[str, Any]]
    patience_s: float = 60.0
    home: Path | None = None
    arrows: Arrows = field(default_factory=Arrows)


@dataclass(slots=True)
class Stage:
    """What was loaded, as the loop and those who watch see it."""

    body: Body
    agent: Agent | None = None
    render: Callable[[], Any] | None = None
    describe: Callable[[], Manifest] = field(default=lambda: manifest_of({}, {}, has_world=False))
    close: Callable[[], None] = field(default=lambda: None)
    folder: str | None = None  # the checkpoint that the launch starts from, fetched and unpacked; None: it starts anew

    parameters: Mapping[str, Any] = field(default_factory=dict)  # what the agent was made with
    keeps: Keeps | None = None  # the body, where there is an agent to save with it
    gate: Gate = field(default_factory=Gate)  # shut while the agent learns
    world: World | None = None  # where the agent acts
    overrides: Overrides | None = None  # rules that stand on signals of the agent
    replay: Opened | None = None  # what it does once more
    _taps: Taps | None = None

    @property
    def taps(self) -> Taps | None:
        """What is within the agent, from the first time on that somebody asks; None without an agent."""
        if self._taps is None and self.agent is not None:
            from .taps import Taps

            self._taps = Taps(self.agent, self.gate)
        return self._taps

    @property
    def in_place(self) -> str | None:
        """Why only a new attempt can go back to a checkpoint; None when `put_back` can."""
        if self.agent is None:
            return "there is no model in it"
        if self.agent.can.save is not None and self.agent.can.load is None:
            return "the model has no load: its constructor takes save_path, so that it is made anew"
        return None

    def put_back(self, folder: str, point: Mapping[str, Any]) -> list[str]:
        """Becomes what was saved, and goes on from there. Step thread only; the counters are at `point` already.

        folder: of `checkpoint.fetch`. Returns what people should be told, in sentences. Raises: DataCorrupt, and
        InvalidInput where it does not fit, before anything is changed; AInimalFault, EnvFault for user code.
        """
        if self.agent is None:
            self.body.begin()
            return []
        from .resuming import resume

        made_of_it = folder == self.folder
        told = resume(
            self.agent,
            self.body,
            folder,
            point["step"],
            self.parameters,
            made_of_it=made_of_it,
            overrides=self.overrides,
        )
        if self._taps is not None:
            self._taps.renew()
        return told


def is_asked(launch: Launch) -> bool:
    """Tells whether the launch is of a model without an environment, which answers questions; no script does."""
    if launch.get("origin") == "ATTACHED" or launch.get("replay"):
        return False
    return launch["kind"] == "instance" and not launch.get("environment") and not launch.get("world")


def load(launch: Launch, around: Surroundings) -> Stage:
    """Loads what `launch` names; a checkpoint is fetched, and put back by `Stage.put_back`.

    Raises: AInimalFault, EnvFault, InvalidInput, DataCorrupt; Leave when it is to end meanwhile.
    """
    if launch["kind"] == "environment":
        return _host(launch, around)
    replay = _replay(launch, around)
    world = _world(launch, around) if replay is None or replay.world is None else replay.world
    agent, folder = _agent(launch, world if replay is None or replay.has_world else None, around)
    gate = Gate()
    if agent.can.train is not None:
        agent.can.train = gate.around(agent.can.train)
    parameters = launch.get("parameters") or {}
    if world is None:
        if around.inference is None:
            raise RuntimeError("a model without an environment needs somewhere to be asked")
        answerer = Answerer(agent, around.inference, around.journal, around.bell, around.arrows)
        stage = Stage(answerer, agent, folder=folder, parameters=parameters, keeps=answerer, gate=gate)
        stage.describe = lambda: manifest_of_agent(agent, None, stage.taps)
        return stage
    body = BatchActor if world.vectorized else Actor
    actor = body(agent, world, around.journal, around.bell, launch.get("seed"), around.arrows)
    stage = Stage(actor, agent, world.render, folder=folder, parameters=parameters, keeps=actor, gate=gate, world=world)
    stage.describe = lambda: manifest_of_agent(agent, world, stage.taps)
    stage.close = world.close
    stage.replay = replay
    return stage


def _replay(launch: Launch, around: Surroundings) -> Opened | None:
    """Returns what the launch is to do once more, fetched. Raises: DataCorrupt, InvalidInput, Transient."""
    asked = launch.get("replay")
    if asked is None:
        return None
    from .replaying.fetching import fetch as fetch_recording
    from .replaying.opening import Opened

    return Opened(asked, fetch_recording(asked, around.enter, around.patience_s))


def _world(launch: Launch, around: Surroundings) -> World | None:
    if launch.get("world"):
        around.enter("waiting for a seat in the world")
        joined: World = join(launch["instanceId"], around.ask, launch["world"], around.idle)
        return joined
    if not launch.get("environment"):
        return None
    spec, parameters = _environment(launch, around)
    around.enter("loading the environment")
    return _guarded(EnvFault, lambda: environments.load(spec, parameters, seed=launch.get("seed"), stage=around.enter))


def _environment(launch: Launch, around: Surroundings) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return at_home(launch["environment"]["spec"], around.home), launch.get("environmentParameters") or {}


def _agent(launch: Launch, world: World | None, around: Surroundings) -> tuple[Agent, str | None]:
    """Returns the agent, and the folder of its checkpoint, which it still has to become."""
    point = launch.get("checkpoint")
    spec = specification(launch["model"], around.home, around.enter, around.patience_s)
    folder = None
    if point is not None:
        folder = fetch(point, around.enter, around.patience_s)
        saved = saved_in(folder)
        spec = spec if saved is None else {**spec, "save_path": saved}
    around.enter("loading the model")
    agent = _guarded(
        AInimalFault,
        lambda: models.load(
            spec,
            launch.get("parameters") or {},
            observation=None if world is None else world.observation,
            action=None if world is None else world.action,
            stage=around.enter,
        ),
    )
    agent.made = {name: type(part).__qualname__ for name, part in getattr(agent.subject, "__dict__", {}).items()}
    if point is not None:
        around.enter(stage_of(point))
    return agent, folder


def _host(launch: Launch, around: Surroundings) -> Stage:
    spec, parameters = _environment(launch, around)
    board = around.board
    if board is None:
        raise RuntimeError("a world needs a board of seats")
    around.enter("loading the environment")
    world = _guarded(
        EnvFault, lambda: environments.load_seated(spec, parameters, seed=launch.get("seed"), stage=around.enter)
    )
    host = WorldHost(
        world,
        board,
        around.journal,
        around.bell,
        seed=launch.get("seed"),
        step_timeout_s=float(spec.get("step_timeout") or STEP_TIMEOUT_S),
        idle=around.idle,
    )
    board.open(world)

    def describe() -> Manifest:
        picture, findings = _picture(world.render)
        if len(world.seats) == 1:
            seen, done = world.observation_of(world.seats[0])[0], world.action_of(world.seats[0])[0]
            return manifest_of(
                seen, {}, action=done, picture=picture, findings=findings, frame_rate=world.frame_rate, hosts=True
            )
        agents = {seat: (world.observation_of(seat)[0], world.action_of(seat)[0]) for seat in world.seats}
        return manifest_of({}, {}, agents=agents, picture=picture, findings=findings, frame_rate=world.frame_rate)

    return Stage(host, None, world.render, describe, world.close)


def manifest_of_agent(agent: Agent, world: World | None, taps: Taps | None = None) -> Manifest:
    """Returns what is told of `agent` in `world`, or without any. taps: those of the agent, where they stay in use."""
    if taps is None:
        from .taps import Taps

        taps = Taps(agent)
        try:
            return manifest_of_agent(agent, world, taps)
        finally:
            taps.close()
    findings = sentences([*agent.findings, *_how_it_is_saved(agent)])
    picture, more = (None, []) if world is None else _picture(world.render)
    findings += more
    within = taps.signals()
    findings += taps.findings
    return manifest_of(
        agent.inputs,
        agent.outputs,
        action=None if world is None else world.action,
        trainable=agent.can.train is not None,
        taps=within,
        picture=picture,
        has_world=world is not None,
        findings=findings,
        frame_rate=None if world is None else world.frame_rate,
        architecture=taps.architecture(),
    )


def _how_it_is_saved(agent: Agent) -> list[Finding]:
    """Returns what is to be said of the checkpoints of a model that writes no save."""
    if agent.can.save is not None or agent.subject is None:
        return []
    from .state.taking import late, measure

    try:
        found = measure(agent.subject, agent.made)
    except Exception as error:  # noqa: BLE001 - whatever an author's object does when it is looked at
        return [Finding("save", f"it has no save, and cannot be copied either: {first_line(error)}", "measured")]
    tensors = f"{found.tensors} tensor{'' if found.tensors == 1 else 's'} ({found.size_bytes:,} bytes)"
    pickled = f", and pickles {found.pickled} more of what it holds" if found.pickled else ""
    told = [Finding("save", f"it has no save: the zoo copies its {tensors} and its values{pickled}", "measured")]
    if found.late:
        told = [Finding("save", f"it cannot be saved: {late(found.late)}", "measured")]
    left = [f"{path} is not saved, it stays as the constructor makes it: {why}" for path, why in found.left.items()]
    return told + [Finding("save", each, "measured") for each in left[:_LEFT]]


def _picture(render: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Returns a first picture, None when there is none, and what is to be said of it."""
    try:
        picture = render()
    except Exception as error:  # noqa: BLE001 - what cannot be shown must not end what runs
        return None, [f"env.frame: render raised {first_line(error)} (measured)"]
    if picture is None:
        return None, []
    if getattr(picture, "ndim", 0) not in {2, 3}:
        return None, [f"env.frame: render returned a {type(picture).__name__}, not a picture (measured)"]
    return picture, []


def _guarded(kind: type[UserCodeFault], load: Callable[[], T]) -> T:
    """Calls `load`; whatever user code raises in it becomes a fault of `kind`."""
    try:
        return load()
    except (Leave, InvalidInput, AInimalFault, EnvFault):
        raise
    except BaseException as error:
        raise fault_of(error, kind) from error
