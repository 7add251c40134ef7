"""Documents that the zoo keeps for itself: limits, commands that may come again, what the reconciler knows."""

from __future__ import annotations

from typing import TypedDict


class LimitDoc(TypedDict):
    id: str  # "models", "environments", "environment:<id>", "connected:<environment instance id>"
    members: list[str]


class CommandDoc(TypedDict):
    id: str
    resourceId: str
    at: str
    userId: str | None
    digest: str  # of the input; commands of earlier versions have none
    expiresAt: str  # `at` and COMMAND_LIFE_S; commands of earlier versions have none


class PulseDoc(TypedDict):
    id: str  # "pulse"
    at: str  # when the reconciler ran, to half a minute
    since: str  # since when it has, without a gap


class DeadLettersDoc(TypedDict):
    id: str  # "deadLetters"
    lookedAt: str
    told: list[dict[str, str]]  # {id of the message, at}: those whose alarm was raised, the newest last
