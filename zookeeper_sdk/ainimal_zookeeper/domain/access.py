"""Who may do what: one decision, pure and total.

The first policy knows two kinds of principals: the operator, who may do everything, and everybody else, who may do
nothing. On loopback without configured users the visitor is the operator.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Role = Literal["OPERATOR", "KEEPER", "OBSERVER"]
Action = Literal["SEE", "OBSERVE", "CONTROL", "EDIT", "DELETE", "GRANT"]
ServerAction = Literal["LAUNCH", "LAUNCH_ENVIRONMENT", "CREATE_MODEL", "CREATE_USER", "SEE_USERS", "GRANT", "AUDIT"]
ResourceKind = Literal["server", "model", "environment", "instance", "environmentInstance"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever asks. `user_id` is None without an account, `role` None without any right."""

    user_id: str | None
    role: Role | None
    expires_at: datetime | None = field(default=None, compare=False)
    """When what proved this ends, aware, in UTC; None: never. A stream ends then, too."""

    @staticmethod
    def operator() -> Principal:
        """The visitor of a zoo that has no users and listens on loopback only; also the zoo itself."""
        return Principal(user_id=None, role="OPERATOR")

    @staticmethod
    def nobody() -> Principal:
        """A visitor of whom nothing is known."""
        return Principal(user_id=None, role=None)

    @property
    def anonymous(self) -> bool:
        return self.user_id is None and self.role is None


@dataclass(frozen=True, slots=True)
class Resource:
    """What is asked for; `owner_id` is who launched it, where somebody did."""

    kind: ResourceKind
    id: str
    owner_id: str | None = None


def decide(principal: Principal, action: Action | ServerAction, resource: Resource) -> bool:
    """Tells whether `principal` may do `action` to `resource`. Never raises."""
    del action, resource
    return principal.role == "OPERATOR"
