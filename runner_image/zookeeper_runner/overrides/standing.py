"""Standing: the rules of one attempt, in their order, from the first step for which they hold to the last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ainimal_zookeeper.domain.documents import Desired, OverrideAnswer, OverrideDoc
from ainimal_zookeeper.domain.errors import Transient, ZookeeperError

from ..fault import first_line
from ..session import Session
from ..taps import Taps
from .holding import Held
from .optimizing import Optimizers
from .rule import EndOfRecording, Rule, Values

_HELD = frozenset({"weights", "state"})
_PATIENCE = 20  # steps until an activation that is named when it is computed should have come up

Fetch = Callable[[OverrideDoc], "Values | None"]
Listener = Callable[[str, Mapping[str, Any]], None]


class Standing:
    """Applies what is desired (`Ruling` of arrows.py) and says of each rule what becomes of it. Step thread only.

    stood: steps for which rules have held before, by their ids; the caller may change it before `put_back`. The rest is
    as for `Overrides`. clock: seconds since the epoch.
    """

    def __init__(
        self,
        session: Session,
        taps: Callable[[], Taps | None],
        fetch: Fetch | None,
        listeners: Sequence[Listener] = (),
        stood: Mapping[str, int] | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.changed: set[str] = set()
        self._session = session
        self._taps = taps
        self._fetch = fetch
        self._listeners = listeners
        self._stood: Mapping[str, int] = {} if stood is None else stood
        self._clock = clock
        self._rules: list[Rule] = []
        self._held: dict[str, Held] = {}
        self._on: dict[str, list[Rule]] = {}  # by path
        self._by_group: dict[str, list[Rule]] = {}
        self._answers: dict[str, OverrideAnswer] = {}  # of all that are desired
        self._step = session.counters.step
        self._until: float | None = None
        self._optimizers = Optimizers(self._hold_weights)
        self._patience = _PATIENCE
        self._look_at = self._step + _PATIENCE

    @property
    def active(self) -> bool:
        return bool(self._rules)

    # --- what is desired ---------------------------------------------------------------------------------------------

    def heed(self, desired: Desired) -> None:
        """Lets stand what is desired, and nothing else; ends what has expired."""
        asked = desired.get("overrides") or []
        if asked or self._answers:
            self._follow(asked)
        self._expire(self._session.counters.step + 1)

    def wait_s(self) -> float | None:
        """Returns in how many seconds a rule expires by time alone; None: none does."""
        return None if self._until is None else max(0.0, self._until - self._clock())

    @property
    def documents(self) -> list[OverrideDoc]:
        """The rules that stand, in their order."""
        return [rule.document for rule in self._rules]

    def _follow(self, asked: Sequence[OverrideDoc]) -> None:
        wanted = {each["id"] for each in asked}
        gone = [rule for rule in self._rules if rule.id not in wanted]
        fresh = [each for each in asked if each["id"] not in self._answers]
        forgotten = [key for key in self._answers if key not in wanted]
        for key in forgotten:
            del self._answers[key]
        if gone:
            self._remove(gone)
            for rule in gone:
                self._tell("override.ended", rule, ended="CLEARED")
        begun = [self._begin(document) for document in sorted(fresh, key=lambda each: each["order"])]
        if gone or forgotten or any(begun):
            self._say()

    def _begin(self, document: OverrideDoc) -> bool:
        """Lets a rule stand, or refuses it; returns False while what it puts in place is on its way."""
        since = self._session.counters.step - self._stood.get(document["id"], 0)
        try:
            values = self._values(document)
            if values is None and document["rule"] == "PATCH":
                return False
            self._answer(document, since)
            rule = Rule(document, since, values)
            self._answers[rule.id]["expiresAtStep"] = rule.expires_at_step
            self._rules.append(rule)
            self._rules.sort(key=lambda each: each.document["order"])
            self._sort()
            self._install(rule.path)
        except EndOfRecording:
            self._end(rule, "EXPIRED", "the recording has ended")
        except Exception as error:  # noqa: BLE001 - whatever a rule meets, the instance goes on without it
            self._rules = [each for each in self._rules if each.id != document["id"]]
            self._sort()
            self._answer(document, since)
            self._answers[document["id"]] |= {"ended": "REFUSED", "message": _said(error)}
            self._undo(document["path"])
        else:
            self._tell("override", rule)
        return True

    def _answer(self, document: OverrideDoc, since: int) -> None:
        self._answers[document["id"]] = {
            "id": document["id"],
            "timeline": self._session.timeline,
            "appliedAtStep": max(0, since),
            "expiresAtStep": None,
            "ended": None,
            "message": None,
        }

    def _values(self, document: OverrideDoc) -> Values | None:
        if document["rule"] != "PATCH":
            return None
        if self._fetch is None:
            raise Transient("this attempt cannot read recordings")
        return self._fetch(document)

    # --- at the arrows -----------------------------------------------------------------------------------------------

    def begin(self, step: int) -> None:
        self._step = step
        self._expire(step)
        if step > self._look_at:
            self._check_activations()
            self._patience *= 2
            self._look_at = step + self._patience
        for path, held in list(self._held.items()):
            self._guard(path, lambda held=held, path=path: self._mark(path, held.hold(step)))  # type: ignore[misc]

    def inputs(self, inputs: Mapping[str, Any]) -> Any:
        return self._through("inputs", inputs)

    def outputs(self, outputs: Mapping[str, Any]) -> Any:
        return self._through("outputs", outputs)

    def action(self, action: Any, *, clamps: bool) -> Any:
        for rule in self._by_group.get("action", ()):
            if rule.clamps is clamps:
                action = self._apply(rule, action)
        return action

    def learnt(self) -> None:
        step = self._session.counters.step
        self._expire(step + 1)
        for path, held in list(self._held.items()):
            self._guard(path, lambda held=held: held.hold(step))  # type: ignore[misc]

    def patched(self) -> dict[str, Any]:
        found = {rule.id: rule.patch_at(self._step) for rule in self._rules if rule.values is not None}
        return {key: value for key, value in found.items() if value is not None}

    def _through(self, group: str, tree: Any) -> Any:
        for rule in self._by_group.get(group, ()):
            tree = self._apply(rule, tree)
        return tree

    def _apply(self, rule: Rule, tree: Any) -> Any:
        """Returns `tree` with what the rule makes of its part; as it was where there is none, or the rule fails."""
        try:
            changed = _with(tree, rule.name, lambda part: rule.made_of(part, self._step))
        except EndOfRecording:
            self._end(rule, "EXPIRED", "the recording has ended")
        except Exception as error:  # noqa: BLE001 - whatever a rule meets, the instance goes on without it
            self._end(rule, "REFUSED", _said(error))
        else:
            if changed is not tree:
                self.changed.add(rule.path)
            return changed
        return tree

    def _activation(self, path: str) -> Callable[[Any], Any]:
        """Returns what is called within the forward: it raises nothing, and ends what fails when the step is over."""

        def change(value: Any) -> Any:
            for rule in list(self._on.get(path, ())):
                value = self._apply_to(rule, value)
            return value

        return change

    def _apply_to(self, rule: Rule, value: Any) -> Any:
        try:
            new = rule.made_of(value, self._step)
        except EndOfRecording:
            self._forget(rule, "EXPIRED", "the recording has ended")
        except Exception as error:  # noqa: BLE001 - as above
            self._forget(rule, "REFUSED", _said(error))
        else:
            if new is not value:
                self.changed.add(rule.path)
            return new
        return value

    # --- how they end ------------------------------------------------------------------------------------------------

    def _expire(self, step: int) -> None:
        """Ends what does not hold for `step` any more, or whose time is over."""
        over = [rule for rule in self._rules if rule.expires_at_step is not None and step > rule.expires_at_step]
        if self._until is not None:
            now = self._clock()
            if now >= self._until:
                over += [each for each in self._rules if each.expires_at is not None and now >= each.expires_at]
        for rule in dict.fromkeys(over):
            self._end(rule, "EXPIRED", None)

    def _end(self, rule: Rule, ended: str, message: str | None) -> None:
        self._forget(rule, ended, message)
        self._undo(rule.path)

    def _forget(self, rule: Rule, ended: str, message: str | None) -> None:
        """Applies a rule no more, and says so; what it has changed in the model stays until `_undo`."""
        if rule not in self._rules:
            return
        self._rules.remove(rule)
        self._sort()
        self._answers[rule.id] |= {"ended": ended, "message": message}  # type: ignore[typeddict-item]
        self._tell("override.ended", rule, ended=ended, message=message)
        self._say()

    def _remove(self, rules: Iterable[Rule]) -> None:
        for rule in rules:
            self._rules.remove(rule)
        self._sort()
        for path in {rule.path for rule in rules}:
            self._undo(path)

    def _undo(self, path: str) -> None:
        """Lets the model be as the rules that are left on `path` say."""
        self._guard(path, lambda: self._install(path))
        self._session.bell.ring()  # where none is left the plain loop may run again

    def _guard(self, path: str, work: Callable[[], Any]) -> None:
        """Does something about the rules on `path`; those that make it fail are ended."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever a rule meets, the instance goes on without it
            ended = "EXPIRED" if isinstance(error, EndOfRecording) else "REFUSED"
            message = "the recording has ended" if isinstance(error, EndOfRecording) else _said(error)
            failed = list(self._on.get(path, ()))
            for rule in failed:
                self._forget(rule, ended, message)
            held = self._held.pop(path, None)
            if held is not None:
                try:
                    held.lift()
                except Exception as further:  # noqa: BLE001 - what is not there any more cannot be put back
                    self._session.event("WARNING", f"{path} is not as it was before the rules on it: {_said(further)}")

    # --- what is in the model ----------------------------------------------------------------------------------------

    def _sort(self) -> None:
        self._on, self._by_group = {}, {}
        for rule in self._rules:
            self._on.setdefault(rule.path, []).append(rule)
            self._by_group.setdefault(rule.group, []).append(rule)
        times = [rule.expires_at for rule in self._rules if rule.expires_at is not None]
        self._until = min(times, default=None)

    def _install(self, path: str) -> None:
        """Brings the rules on `path` into the model, where they are about something in it."""
        group = path.partition(".")[0]
        if group == "activations":
            changes = {each: self._activation(each) for each in self._on if _is_within(each)}
            self._taps_of(path).change(changes)
        elif group in _HELD:
            rules = self._on.get(path)
            if rules:
                if path not in self._held:
                    self._held[path] = Held(self._taps_of(path), path)
                self._held[path].rule(rules, self._session.counters.step + 1)
            elif path in self._held:
                self._held.pop(path).lift()
            self._optimizers.watch(any(each.startswith("weights.") for each in self._held))

    def _hold_weights(self) -> None:
        """An optimizer has made a step, in the middle of `train`."""
        step = self._session.counters.step
        for path, held in list(self._held.items()):
            if path.startswith("weights."):
                self._guard(path, lambda held=held: held.hold(step))  # type: ignore[misc]

    def _check_activations(self) -> None:
        """Refuses rules on activations that have not come up."""
        for path in [each for each in self._on if _is_within(each)]:
            self._guard(path, lambda path=path: self._taps_of(path).read(path))  # type: ignore[misc]
            self._guard(path, lambda path=path: self._install(path))  # type: ignore[misc]

    def _taps_of(self, path: str) -> Taps:
        taps = self._taps()
        if taps is None:
            raise Transient(f"there is no model here that has {path}")
        return taps

    def _mark(self, path: str, differs: bool) -> None:
        rules = self._on.get(path, ())
        if differs or any(not rule.clamps for rule in rules):
            self.changed.add(path)

    # --- checkpoints -------------------------------------------------------------------------------------------------

    @contextmanager
    def lifted(self) -> Iterator[list[dict[str, Any]]]:
        """Lets weights and state be what lies under the rules meanwhile; yields what `put_back` takes of the rules."""
        step = self._session.counters.step
        for path, held in list(self._held.items()):
            self._guard(path, held.lift)
        try:
            yield [{**rule.document, "stood": step - rule.since} for rule in self._rules]
        finally:
            self.stay()

    def leave(self) -> None:
        """Lets weights and state be what lies under the rules, before the model becomes something else."""
        for path, held in list(self._held.items()):
            self._guard(path, held.lift)

    def stay(self) -> None:
        """Comes after `leave` where the model has not changed: the rules hold again."""
        for path, held in list(self._held.items()):
            self._guard(path, held.drop)

    def put_back(self) -> None:
        """Comes after `leave`: the model has become something else, and the steps are counted from elsewhere."""
        before, step, timeline = self._step, self._session.counters.step, self._session.timeline
        for rule in self._rules:
            rule.since = step - self._stood.get(rule.id, max(0, before - rule.since))
            answer = self._answers[rule.id]
            answer["timeline"], answer["expiresAtStep"] = timeline, rule.expires_at_step
            answer["appliedAtStep"] = max(0, rule.since)
        for path, held in list(self._held.items()):
            self._guard(path, lambda held=held: held.renew(step + 1))  # type: ignore[misc]
        if self._rules:
            self._say()

    # --- what is said ------------------------------------------------------------------------------------------------

    def _say(self) -> None:
        self._session.ruled(list(self._answers.values()))

    def _tell(self, kind: str, rule: Rule, **more: Any) -> None:
        step = self._session.counters.step
        for listener in self._listeners:
            listener(kind, {**rule.document, "appliedAtStep": rule.since, "step": step, **more})


def _is_within(path: str) -> bool:
    return path.startswith("activations.")


def _with(tree: Any, name: str, change: Callable[[Any], Any]) -> Any:
    """Returns `tree` with its part called `name` changed, the same where nothing is; "": the whole of it."""
    if not name:
        return change(tree)
    if not isinstance(tree, Mapping):
        return tree
    if name in tree:
        part = tree[name]
        new = change(part)
        return tree if new is part else {**tree, name: new}
    first, _, rest = name.partition(".")
    if not rest or first not in tree:
        return tree
    new = _with(tree[first], rest, change)
    return tree if new is tree[first] else {**tree, first: new}


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, ZookeeperError) else first_line(error)
