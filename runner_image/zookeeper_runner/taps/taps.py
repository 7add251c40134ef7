"""Taps: everything within a model that can be seen and changed: its activations, weights and state."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from ainimal_zookeeper.domain.documents import SignalDoc
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.paths import is_path
from ainimal_zookeeper.models.agent import Agent

from ..fault import first_line
from ..gate import Gate
from .cells import Change
from .declared import Declared
from .holding import Holdings, holdings_of
from .inside import InsideActivations, InsideWeights
from .modules import Modules
from .source import Activations, Listed, Values
from .state import COUNTED, State
from .state import SIGNALS as STATE_SIGNALS
from .weights import Weights

ACTIVATIONS = 500  # that are listed: a manifest is one document
WEIGHTS = 700
_GROUPS = ("activations", "weights", "state")


class Taps:
    """The taps of one agent. Step thread only, between two steps; it costs nothing while nobody uses it.

    gate: what shuts while the agent learns.
    """

    def __init__(self, agent: Agent, gate: Gate | None = None) -> None:
        gate = gate or Gate()
        self._agent = agent
        self._gate = gate
        self._modules = Modules(agent.subject, gate)
        gate.on_shut, gate.on_open = self._modules.rest, self._modules.renew
        self._own_weights = Weights(agent.subject)
        self._weights: Values = self._own_weights
        self._state = State(agent)
        self._declared = Declared(gate)
        self._activations: list[Activations] = [self._declared, self._modules]
        if agent.inside is not None:
            self._activations.append(InsideActivations(agent.inside))
            self._weights = InsideWeights(agent.inside)
        self._observed: dict[str, frozenset[str]] = {}
        self._holdings = Holdings()
        self._looked = False
        self._fresh = agent.inside is None  # nothing may have run yet, and names not have come up
        self.findings: list[str] = []  # sentences: what `signals` could not list

    def signals(self) -> list[SignalDoc]:
        """Returns what there is, by the groups activations, weights and state.

        The model is not run for it: the shape of an activation is known after the first forward that happens anyway,
        then `news` says so. What cannot be observed, or only not overridden, has a `reason`.
        """
        self.findings = []
        self._look()
        signals = list(self._shown("activations", self._all_activations(), ACTIVATIONS))
        signals += self._shown("weights", self._weights.listed(), WEIGHTS)
        try:
            signals += self._shown("state", self._state.listed(), STATE_SIGNALS)
        except Exception as error:  # noqa: BLE001 - what cannot be shown must not end what runs
            self.findings.append(f"state: it cannot be read: {first_line(error)} (measured)")
        if self._state.left_out:
            more = f"{'at least ' if self._state.left_out == COUNTED else ''}{self._state.left_out}"
            self.findings.append(_too_many("state", more, STATE_SIGNALS, "; keep fewer in it, or arrays of them"))
        return signals

    def architecture(self) -> dict[str, Any] | None:
        """Returns layers, edges and counts of parameters; None where nothing is known. More of it after `news`."""
        from ..architecture import architecture_of

        modules = self._modules
        try:
            if self._agent.inside is not None:
                return self._agent.inside.architecture()
            return architecture_of(self._holdings, modules.shapes(), modules.edges)
        except Exception:  # noqa: BLE001 - an author's object may answer with anything; then nothing is shown
            return None

    def news(self) -> bool:
        """Returns whether `signals` returns more than it did: something has run for the first time.

        Only after a forward: before it is called first, names of activations are taken on trust.
        """
        self._fresh = False
        told = [source.news() for source in self._activations]
        return any(told)

    def observe(self, owner: str, paths: frozenset[str]) -> None:
        """Keeps the values of these activations in each forward, until `owner` calls it again with fewer.

        Raises: InvalidInput that names the nearest for a path that there is not; then nothing changes for `owner`.
        """
        wanted = {**self._observed, owner: paths}
        shares = self._shared({path: None for each in wanted.values() for path in each})
        self._observed = {name: each for name, each in wanted.items() if each}
        for source, names in shares:
            source.observe(frozenset(names))

    def read(self, path: str) -> Any:
        """Returns a value as an array, a number or text: an activation's of the last forward that was observed, None
        before; a weight's or the state's of now.

        An array may lie in the model's own memory: copy what is kept. Raises: InvalidInput that names the nearest.
        """
        group, name = self._split(path)
        if group == "activations":
            return self._source(path, name).read(name)
        values: Values = self._weights if group == "weights" else self._state
        self._known(values, path, name)
        return values.read(name)

    def give(self, path: str) -> bool:
        """Returns whether what `read` has just returned is a copy into which nothing is written any more."""
        group, name = self._split(path)
        return group == "activations" and self._declared.give(name)

    def change(self, changes: Mapping[str, Change]) -> None:
        """Lets these activations be what the functions make of them, within the forward; no others any more.

        A function gets an array of its own (float32 for bfloat16), a number or text, and returns one of the same shape.
        What it raises is raised in the forward. Raises: InvalidInput that names the nearest; then nothing changes.
        """
        for source, names in self._shared(changes):
            source.change(names)

    def write(self, path: str, value: Any) -> None:
        """Puts `value` in the place of a weight, or of a part of the state; dtype and shape stay as they are.

        Raises: InvalidInput that names the nearest, or what is expected.
        """
        group, name = self._split(path)
        if group == "activations":
            raise InvalidInput(f"{path} is computed anew in each forward; change it there")
        values: Values = self._weights if group == "weights" else self._state
        self._known(values, path, name)
        values.write(name, value)

    def renew(self) -> None:
        """Follows what has taken the place of something else: the model has become what it was."""
        self._modules.renew()

    def close(self) -> None:
        """Takes all hooks away."""
        self._gate.on_shut = self._gate.on_open = None
        for source in self._activations:
            source.close()

    # --- where a path leads ------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._looked = True
        if self._agent.inside is not None:
            return
        try:
            holdings = self._holdings = holdings_of(self._agent.subject)
            self._modules.look(holdings)
            self._own_weights.look(holdings)
        except Exception as error:  # noqa: BLE001 - whatever an author's object does when it is looked at
            self.findings.append(f"activations: the object cannot be looked through: {first_line(error)} (measured)")

    def _all_activations(self) -> Iterator[Listed]:
        for source in self._activations:
            yield from source.listed()

    def _shown(self, group: str, listed: Iterable[Listed], most: int) -> Iterator[SignalDoc]:
        those = (each for each in listed if is_path(f"{group}.{each.path}"))
        for each in islice(those, most):
            document: SignalDoc = {
                "path": f"{group}.{each.path}",
                "modality": each.modality.to_document(),
                "observable": each.observable,
                "overridable": each.overridable,
            }
            if each.reason is not None:
                document["reason"] = each.reason
            yield document
        if more := sum(1 for _ in those):
            self.findings.append(_too_many(group, str(more), most))

    def _split(self, path: str) -> tuple[str, str]:
        group, _, name = path.partition(".")
        if group not in _GROUPS or not name:
            raise InvalidInput(f"{path} is no tap; taps begin with activations., weights. or state.", ("path",))
        if not self._looked:
            self._look()
        return group, name

    def _source(self, path: str, name: str) -> Activations:
        for again in (False, True):
            if again:
                self._look()  # it may have been made since
            for source in self._activations:
                if source.knows(name):
                    return source
        if self._fresh:
            return self._modules if self._modules.may_be(name) else self._declared
        raise self._unknown(path)

    def _known(self, values: Values, path: str, name: str) -> None:
        if not values.knows(name):
            self._look()
            if not values.knows(name):
                raise self._unknown(path)

    def _unknown(self, path: str) -> InvalidInput:
        known = [signal["path"] for signal in self.signals()]
        close = difflib.get_close_matches(path, known, 3, 0.4)
        if not close:
            group = path.partition(".")[0]
            close = [each for each in known if each.startswith(f"{group}.")][:3] or known[:3]
        hint = f"did you mean {' or '.join(close)}?" if close else "it has no taps yet"
        return InvalidInput(f"there is no signal {path}; {hint}", ("path",))

    def _shared(self, wanted: Mapping[str, Any]) -> list[tuple[Activations, dict[str, Any]]]:
        """Returns which source has which of these paths, without their group."""
        shares: dict[int, dict[str, Any]] = {id(source): {} for source in self._activations}
        for path, use in wanted.items():
            group, name = self._split(path)
            if group != "activations":
                raise InvalidInput(f"{path} is no activation", ("path",))
            shares[id(self._source(path, name))][name] = use
        return [(source, shares[id(source)]) for source in self._activations]


def _too_many(group: str, more: str, most: int, advice: str = "") -> str:
    values = "value" if more == "1" else "values"
    return f"{group}: {more} {values} of it cannot be watched: only the first {most} can{advice} (measured)"
