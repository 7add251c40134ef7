"""An override of an instance: a rule that stands on one of its signals, and what its runner says of it."""

from __future__ import annotations

from typing import Literal, TypedDict

OverrideRule = Literal["SET", "CLAMP", "SCALE", "BLEND", "PATCH"]


class OverrideDoc(TypedDict):
    """One rule. It stands until it expires or is cleared, whatever becomes of the process that applies it."""

    id: str  # "ovr_..."
    order: int  # rules are applied from the smallest on
    path: str
    rule: OverrideRule
    valueJson: str  # {value, low, high, weight, index, patch, allowNonFinite}, each as far as it was given
    expiresAt: str | None
    expiresInSteps: int | None  # counted from the step at which it was applied first
    authorId: str | None  # None: the operator of a zoo without users
    authorRole: str  # when it was set
    setAt: str


class OverrideAnswer(TypedDict):
    """What the runner says of a rule. `appliedAtStep` None: it has not been applied yet."""

    id: str
    timeline: int  # the one that the steps are of
    appliedAtStep: int | None
    expiresAtStep: int | None
    ended: Literal["EXPIRED", "REFUSED"] | None  # None: it stands
    message: str | None  # why it was refused, in a sentence
