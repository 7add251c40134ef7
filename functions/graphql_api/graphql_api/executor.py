"""A faster way to the leaves: the stock executor, with a short cut for what is read from a dict.

Nine tenths of an answer are scalars that lie in their parent under their own names. For those the stock executor
builds a path, the resolver's arguments and an info object, and asks four times whether the value is awaitable. Here a
value whose exact Python type says that coercion would change nothing is taken as it is, and dicts that stand for an
object or a list of objects are entered at once; everything else, also every error, goes the stock way, so that answers
are equal.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Container
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    version_info,
)
from graphql.execution import Executor
from graphql.execution.executor import default_field_resolver
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental
from graphql.pyutils import Path, Undefined, gather_with_cancel


class _Finite:
    """Contains the floats that JSON has numbers for."""

    def __contains__(self, value: Any) -> bool:
        return math.isfinite(value)


_SCALARS: dict[str, tuple[type, Container[Any] | None]] = {
    "String": (str, None),
    "ID": (str, None),
    "Boolean": (bool, None),
    "Int": (int, range(-(2**31), 2**31)),
    "Float": (float, _Finite()),
    "DateTime": (str, None),
    "Path": (str, None),
    "Real": (float, _Finite()),
}

# What one field of a selection needs: response name, key, exact type of a leaf, its allowed values, whether null is an
# error, the answer where it is constant, the type of a field made of objects, and what the stock executor wants.
_Step = tuple[str, str, "type | None", "Container[Any] | None", bool, "str | None", Any, Any]


class LeafExecutor(ExecutorThrowingOnIncremental):
    """Answers as its parent does."""

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        """Lets all events of a subscription share what was collected for the first.

        Their operation and variables are the same, and the parent remembers for each event what it collected for it, as
        long as the subscription lasts.
        """
        for name in ("_root", "_plans"):
            self.__dict__.setdefault(name, {})
        return super().build_per_event_executor(payload)

    def execute_collected_root_fields(
        self,
        root_type: GraphQLObjectType,
        root_value: Any,
        grouped_field_set: dict[str, Any],
        serially: bool,
        new_defer_usages: Any,
    ) -> Any:
        root = self.__dict__.get("_root")
        if root is not None:
            grouped_field_set = root.setdefault("fields", grouped_field_set)
        return super().execute_collected_root_fields(
            root_type, root_value, grouped_field_set, serially, new_defer_usages
        )

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: dict[str, Any],
        position_context: None,
    ) -> Any:
        if type(source_value) is not dict:
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        results: dict[str, Any] = {}
        waiting: list[str] = []
        is_awaitable = self.is_awaitable
        read = source_value.get
        type_name = parent_type.name
        try:
            steps = self._steps(parent_type, grouped_field_set)
            for name, key, exact, allowed, required, constant, made, details in steps:
                if exact is not None:
                    value = read(key)
                    if type(value) is exact:
                        if allowed is None or value in allowed:
                            results[name] = value
                            continue
                    elif value is None and not required:
                        results[name] = None
                        continue
                elif constant is not None:
                    results[name] = constant
                    continue
                elif made is not None and _fits(made, read(key)):
                    result = results[name] = self._enter(made, details, Path(path, name, type_name), read(key))
                    if type(result) is not dict and is_awaitable(result):
                        waiting.append(name)
                    continue
                result = self.execute_field(
                    parent_type, source_value, details, Path(path, name, type_name), position_context
                )
                if result is not Undefined:
                    results[name] = result
                    if is_awaitable(result):
                        waiting.append(name)
        except Exception:
            if waiting:
                self.settle_in_background([results[name] for name in waiting])
            raise
        if not waiting:
            return results
        return _gathered(results, waiting)

    def _enter(self, made: Any, details: Any, path: Path, value: Any) -> Any:
        """Answers what lies in an object or a list of them, or null where something fails that must not be null."""
        inner = made.of_type if isinstance(made, GraphQLNonNull) else made
        try:
            result: Any
            if isinstance(inner, GraphQLList):
                result = self._enter_all(inner.of_type, details, path, value)
            else:
                result = self.collect_and_execute_subfields(inner, details, path, value, None)
        except Exception as error:  # noqa: BLE001  the executor decides how far any error reaches
            self.handle_field_error(error, made, details, path)
            return None
        if type(result) is dict or type(result) is list:
            return result

        async def awaited() -> Any:
            try:
                return await result
            except Exception as error:  # noqa: BLE001  as above
                self.handle_field_error(error, made, details, path)
                return None

        return awaited()

    def _enter_all(self, made: Any, details: Any, path: Path, values: list[Any]) -> Any:
        """Answers what lies in each object of a list."""
        results: list[Any] = []
        waiting: list[int] = []
        try:
            for index, value in enumerate(values):
                result = self._enter(made, details, Path(path, index, None), value)
                results.append(result)
                if type(result) is not dict and self.is_awaitable(result):
                    waiting.append(index)
        except Exception:
            if waiting:
                self.settle_in_background([results[index] for index in waiting])
            raise
        return _gathered(results, waiting) if waiting else results

    def _steps(self, parent_type: GraphQLObjectType, grouped: dict[str, Any]) -> list[_Step]:
        """Returns how to answer `grouped`; made once for all objects of a list."""
        plans = self.__dict__.setdefault("_plans", {})
        # The plan keeps `grouped` alive, so that its id names nothing else meanwhile.
        plan = plans.get(id(grouped))
        if plan is None:
            plan = plans[id(grouped)] = (grouped, [self._step(parent_type, *item) for item in grouped.items()])
        steps: list[_Step] = plan[1]
        return steps

    def _step(self, parent_type: GraphQLObjectType, name: str, details: Any) -> _Step:
        node = details[0].node
        key = node.name.value
        if key == "__typename":
            return (name, key, None, None, False, parent_type.name, None, details)
        field = parent_type.fields.get(key)
        stock: _Step = (name, key, None, None, False, None, None, details)
        if field is None or field.resolve is not None or field.args or self.middleware_manager is not None:
            return stock
        if node.arguments or self.field_resolver is not default_field_resolver:
            return stock
        kind: Any = field.type
        required = isinstance(kind, GraphQLNonNull)
        if required:
            kind = kind.of_type
        if isinstance(kind, GraphQLEnumType):
            same = frozenset(value_name for value_name, value in kind.values.items() if value.value == value_name)
            return (name, key, str, same, required, None, None, details)
        if isinstance(kind, GraphQLScalarType) and kind.name in _SCALARS:
            exact, allowed = _SCALARS[kind.name]
            return (name, key, exact, allowed, required, None, None, details)
        if _is_entered(kind):
            return (name, key, None, None, required, None, field.type, details)
        return stock


def _is_entered(kind: Any) -> bool:
    """Tells whether the short cut knows how to enter values of `kind`: an object, or a list of objects."""
    if isinstance(kind, GraphQLList):
        kind = kind.of_type.of_type if isinstance(kind.of_type, GraphQLNonNull) else kind.of_type
    return isinstance(kind, GraphQLObjectType) and kind.is_type_of is None


def _fits(made: Any, value: Any) -> bool:
    inner = made.of_type if isinstance(made, GraphQLNonNull) else made
    if isinstance(inner, GraphQLList):
        return type(value) is list and all(type(each) is dict for each in value)
    return type(value) is dict


async def _gathered(results: Any, waiting: list[Any]) -> Any:
    """Returns `results` with its awaitables awaited side by side; when one fails the others are cancelled."""
    if len(waiting) == 1:
        results[waiting[0]] = await results[waiting[0]]
        return results
    awaited = await gather_with_cancel(*(results[place] for place in waiting))
    for place, value in zip(waiting, awaited, strict=True):
        results[place] = value
    return results


def _is_the_one_we_know() -> bool:
    """The short cut overrides internals; with any other release line the stock executor answers."""
    expected = ["self", "parent_type", "source_value", "path", "grouped_field_set", "position_context"]
    root = ["self", "root_type", "root_value", "grouped_field_set", "serially", "new_defer_usages"]
    return (
        tuple(version_info[:2]) == (3, 3)
        and list(inspect.signature(Executor.execute_fields).parameters) == expected
        and all(hasattr(Executor, name) for name in ("execute_field", "settle_in_background"))
        and list(inspect.signature(Executor.execute_collected_root_fields).parameters) == root
    )


EXECUTOR: type[Executor[Any]] = LeafExecutor if _is_the_one_we_know() else ExecutorThrowingOnIncremental
