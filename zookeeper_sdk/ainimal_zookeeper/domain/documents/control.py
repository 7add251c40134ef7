"""The control lease of an instance: who drives it, and what drives when they go silent."""

from __future__ import annotations

from typing import Literal, TypedDict

OnSilence = Literal["MODEL", "HOLD", "NEUTRAL", "PAUSE"]


class ControlDoc(TypedDict):
    """One lease. Another one, whoever takes it, has another id."""

    id: str  # "ctl_..."
    holderId: str | None  # None: the operator of a zoo without users
    holderRole: str  # when it was acquired
    paths: list[str] | None  # the signals that are driven; None: all that can be
    onSilence: OnSilence
    acquiredAt: str
    expiresAt: str  # unless it is prolonged


class ControlAnswer(TypedDict):
    """What the runner says of a lease: that it has ended there, since nothing was heard of its holder."""

    id: str
    ended: Literal["LAPSED"]
