"""The engine: from a request's text to its result, whatever carries them."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from ainimal_zookeeper.domain.access import Principal
from graphql import ExecutionResult, GraphQLSchema, execute, subscribe

from .context import Context, Zoo
from .errors import answers
from .executor import EXECUTOR
from .limits import Limits
from .operations import Operation, Operations
from .outlet import Outlet


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent, by the names of GraphQL over HTTP."""

    query: str
    operation_name: str | None
    variables: Mapping[str, Any]


class Engine:
    """For one event loop."""

    def __init__(self, schema: GraphQLSchema, zoo: Zoo, limits: Limits) -> None:
        self.limits = limits
        self._schema = schema
        self._zoo = zoo
        self._operations = Operations(schema, limits)

    def find(self, request: Request) -> Operation:
        """Raises: RequestErrors when the request cannot be executed."""
        return self._operations.find(request.query, request.operation_name, request.variables)

    async def execute(self, request: Request, operation: Operation, principal: Principal) -> dict[str, Any]:
        """Runs a query or mutation. The answer has no `data` when not even its variables fit."""
        result = execute(
            self._schema,
            operation.document,
            context_value=Context(self._zoo, principal, operation.selections),
            variable_values=dict(request.variables),
            operation_name=request.operation_name,
            executor_class=EXECUTOR,
        )
        return self.answer(await result if inspect.isawaitable(result) else result)

    async def subscribe(
        self, request: Request, operation: Operation, principal: Principal, outlet: Outlet
    ) -> AsyncIterator[ExecutionResult] | ExecutionResult:
        """Begins a subscription: a stream of results, or why there is none."""
        stream = subscribe(
            self._schema,
            operation.document,
            context_value=Context(self._zoo, principal, operation.selections, outlet),
            variable_values=dict(request.variables),
            operation_name=request.operation_name,
            executor_class=EXECUTOR,
        )
        return await stream if inspect.isawaitable(stream) else stream

    @staticmethod
    def answer(result: ExecutionResult) -> dict[str, Any]:
        errors = result.errors
        if not errors:
            return {"data": result.data}
        if result.data is None and all(error.path is None for error in errors):
            return {"errors": answers(errors)}
        return {"data": result.data, "errors": answers(errors)}
