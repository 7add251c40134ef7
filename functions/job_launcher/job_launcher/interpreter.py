"""Interpreter: which Python runs an instance; a model or an environment may bring its own."""

from __future__ import annotations

import json

from ainimal_zookeeper.domain.documents import Document
from ainimal_zookeeper.domain.errors import InvalidInput


def choose(model: Document | None, environment: Document | None, otherwise: str | None) -> str | None:
    """Returns the interpreter that the specifications ask for; None: the zoo's own.

    model, environment: catalogue documents of what runs in one process, None for what does not take part. Who names
    no interpreter goes along with the other; when neither does, it is `otherwise`.
    Raises: InvalidInput when the two ask for different ones.
    """
    of_model, of_environment = _asked(model), _asked(environment)
    if model is None or environment is None or not (of_model and of_environment) or of_model == of_environment:
        return of_model or of_environment or otherwise
    raise InvalidInput(
        f"the model {model['name']} runs with {of_model} and the environment {environment['name']} with "
        f"{of_environment}, so they cannot share a process; launch {environment['name']} on its own and let the "
        "instance join it",
        ("python",),
    )


def of_compute(configuration: Document | None, compute_id: str | None) -> str | None:
    """Returns the interpreter of a compute provider; None when it names none, or is no longer configured."""
    computes = [] if configuration is None else configuration["computes"]
    return next((compute.get("python") for compute in computes if compute["id"] == compute_id), None)


def _asked(entry: Document | None) -> str | None:
    python = None if entry is None else json.loads(entry["specJson"]).get("python")
    return str(python) if python else None
