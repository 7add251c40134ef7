"""The resolvers, by domain: each module has a plain dict of {type: {field: function}}."""

from __future__ import annotations

from ..context import Fields
from . import (
    checkpoints,
    commands,
    control,
    environment,
    instance,
    live,
    model,
    overrides,
    recordings,
    server,
    telemetry,
    uploads,
)


def _merged(*parts: Fields) -> Fields:
    merged: Fields = {}
    for part in parts:
        for type_name, fields in part.items():
            merged.setdefault(type_name, {}).update(fields)
    return merged


RESOLVERS: Fields = _merged(
    server.RESOLVERS,
    model.RESOLVERS,
    environment.RESOLVERS,
    instance.RESOLVERS,
    telemetry.RESOLVERS,
    checkpoints.RESOLVERS,
    commands.RESOLVERS,
    recordings.RESOLVERS,
    control.RESOLVERS,
    overrides.RESOLVERS,
    uploads.RESOLVERS,
)
SUBSCRIPTIONS: Fields = live.SUBSCRIPTIONS
