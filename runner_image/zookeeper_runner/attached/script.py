"""Script: what a script has given the zoo to look at, to save and to step, in the place of a loaded model."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ainimal_zookeeper.domain.documents import Manifest, Mode
from ainimal_zookeeper.domain.errors import AInimalFault, InvalidInput, InvalidTransition
from ainimal_zookeeper.environments.world import World
from ainimal_zookeeper.models.agent import Agent

from ..fault import fault_of
from ..gate import Gate
from ..session import Session
from ..stage import Stage, manifest_of_agent
from ..taps import Taps


class ActingGate(Gate):
    """Is shut to what the script computes with gradients, where it has acted without: then it learns."""

    def __init__(self) -> None:
        self._with_gradients = False
        self._learns_apart = False

    @property
    def shut(self) -> bool:
        torch = sys.modules.get("torch")
        self._with_gradients = torch is None or bool(torch.is_grad_enabled())
        return self._learns_apart and self._with_gradients

    @shut.setter
    def shut(self, _shut: bool) -> None:
        """Nobody else knows when a script learns."""

    def acted(self) -> None:
        """What was computed last has become an action."""
        self._learns_apart = not self._with_gradients


class Script:
    """The body of the runner's loop, which never steps it: that does the script. Step thread only.

    agent: what it saves and loads by. The zoo copies nothing of a script by itself.
    """

    can_learn = True  # when, it knows itself
    has_past = False

    def __init__(self, session: Session, agent: Agent, warn: Callable[[str], None]) -> None:
        self._session = session
        self._agent = agent
        self._warn = warn
        self._shown: dict[str, Any] = {}
        self._functions: dict[str, Callable[[], Any]] = {}
        self._taps: Taps | None = None
        self._optimizers: Any = None  # torch's handle on a hook
        self._interrupt: BaseException | None = None
        self.gate = ActingGate()
        self.world: World | None = None
        self._ahead: int | None = 0  # what the script counts beyond the zoo; None: to be seen
        self.cuts = False  # whether its episode is to end with this step
        self.broken: BaseException | None = None  # what `load` has raised where it could not be made good
        agent.can.train = _by_itself

    # --- what the script gives ---------------------------------------------------------------------------------------

    def enter(self, world: World) -> None:
        self.world = world
        self._agent.inputs, self._agent.outputs = dict(world.observation), dict(world.action)

    def show(self, model: Any, name: str | None) -> None:
        """Raises: InvalidInput for what is neither a module nor a function, and for a name that is taken."""
        kept: dict[str, Any] = self._shown if hasattr(model, "named_modules") else self._functions
        if kept is self._functions and not callable(model):
            raise InvalidInput(
                f"watch takes a torch module or a function that returns arrays, not {type(model).__name__}"
            )
        if name is not None and not name.isidentifier():
            raise InvalidInput(f"the name of what is watched is {name!r}; use letters, digits and _")
        if (name or "") in kept:
            what = "a name of its own" if name is None else "another name"
            raise InvalidInput(f"something else is watched already; give this {what}: run.watch(model, name=...)")
        kept[name or ""] = model
        if self._taps is not None:
            self._taps.close()
            self._taps = None

    def keep(self, save: Callable[[str], Any], load: Callable[[str], Any] | None) -> None:
        self._agent.can.save = self._interruptible(save)
        self._agent.can.load = None if load is None else self._interruptible(load)

    # --- what the runner makes of it ---------------------------------------------------------------------------------

    @property
    def taps(self) -> Taps:
        """What is within what it shows."""
        if self._taps is None:
            subject = self._shown[""] if set(self._shown) == {""} else SimpleNamespace(**_named(self._shown))
            seen = Agent(_by_itself, subject=subject if self._shown else None)
            if self._functions:
                seen.can.state = self._state
            self._taps = Taps(seen, self.gate if self.world is not None else None)
        return self._taps

    def _state(self) -> dict[str, Any]:
        if set(self._functions) == {""}:
            tree = self._functions[""]()
            return dict(tree) if isinstance(tree, Mapping) else {"values": tree}
        return {name: function() for name, function in _named(self._functions).items()}

    def describe(self) -> Manifest:
        return manifest_of_agent(self._agent, self.world, self.taps)

    @contextlib.contextmanager
    def unnoticed(self) -> Iterator[None]:
        """Hides from torch what is put in place of weights meanwhile.

        A script may look up with a backward pass pending, which would fail of it; so it goes on with what is there.
        """
        autograd = getattr(sys.modules.get("torch"), "autograd", None)
        preserve = getattr(autograd, "_unsafe_preserve_version_counter", None)
        weights = tuple(each for module in self._shown.values() for each in module.parameters())
        with preserve(weights) if preserve is not None and weights else contextlib.nullcontext():
            yield

    def learns(self, learnt: Callable[[], None]) -> None:
        """Has `learnt` called after each step of an optimizer, where those are torch's, until `close`."""
        optimizer = sys.modules.get("torch.optim.optimizer")
        if optimizer is not None and hasattr(optimizer, "register_optimizer_step_post_hook"):
            self._optimizers = optimizer.register_optimizer_step_post_hook(lambda *_: learnt())

    def close(self) -> None:
        """Takes all hooks away from what it has shown."""
        if self._optimizers is not None:
            self._optimizers.remove()
        if self._taps is not None:
            self._taps.close()

    def render(self) -> Any:
        return None if self.world is None else self.world.render()

    def counted(self, step: int | None) -> int:
        """Returns the number of the step that ends with what is logged as `step`; it grows, whatever the script counts.

        Once it has gone back, the script's count is ahead of the zoo's by what it has gone back.
        """
        now = self._session.counters.step
        if step is None:
            return now + 1
        if self._ahead is None:
            self._ahead = step - now - 1
        return max(now, step - self._ahead)

    # --- the body ----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Somebody asks for the next episode: this one ends as if time were up."""
        if self.world is None or self.world.vectorized:
            what = "has no environment" if self.world is None else "begins the episodes of its vector by itself"
            self._warn(f"no episode was ended: the script {what}")
            return
        self.cuts = True

    def ready(self, _mode: Mode) -> bool:
        return True

    def act(self, _mode: Mode) -> None:
        raise InvalidTransition("a script steps itself")

    def relearn(self) -> None:
        raise InvalidTransition("a script learns by itself")

    def cut(self) -> None:
        """What it learns from is its own affair."""

    def put_back(self, _kept: Mapping[str, Any] | None, become: Callable[[], None]) -> list[str]:
        """Lets the script load a checkpoint. One that it cannot load leaves it as it was, by its own save and load.

        Raises: InvalidInput then; AInimalFault where that fails as well.
        """
        with tempfile.TemporaryDirectory(prefix="ainimal-", ignore_cleanup_errors=True) as before:
            if self._agent.can.save is not None:
                try:
                    self._agent.can.save(before)
                except Exception as error:
                    raise InvalidInput(
                        f"it cannot be saved, and so not go back: {fault_of(error, AInimalFault)}"
                    ) from error
            try:
                become()
            except AInimalFault as fault:
                self._make_good(before, fault)
        self.cuts = self.world is not None and not self.world.vectorized
        self._ahead = None
        return [] if self.world is None else ["its environment does not go back: a new episode starts"]

    def _make_good(self, before: str, fault: AInimalFault) -> None:
        load = self._agent.can.load or _by_itself
        try:
            load(before)
        except Exception as again:
            cause = fault.__cause__
            self._session.has_checkpoint = False  # nobody but its user starts it again
            self.broken = cause.__cause__ if isinstance(cause, AInimalFault) else cause
            raise fault from again
        raise InvalidInput(f"{fault}; it is what it was") from fault

    # --- interrupts --------------------------------------------------------------------------------------------------

    def take_interrupt(self) -> BaseException | None:
        """Returns and forgets what has interrupted its own save or load: a Ctrl-C is for the script."""
        interrupt, self._interrupt = self._interrupt, None
        return interrupt

    def _interruptible(self, function: Callable[[str], Any]) -> Callable[[str], None]:
        def call(folder: str) -> None:
            try:
                function(folder)
            except (KeyboardInterrupt, SystemExit) as interrupt:
                self._interrupt = interrupt
                raise

        return call


@dataclass(slots=True)
class ScriptStage(Stage):
    """What is loaded, where a script has given it."""

    script: Script | None = None

    @property
    def taps(self) -> Taps | None:
        return None if self.script is None else self.script.taps


def _by_itself(*_: Any) -> Any:
    raise InvalidTransition("a script computes and learns by itself")


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name or "model": value for name, value in given.items()}
