"""A `Secrets` of a few values."""

from __future__ import annotations


class FakeSecrets:
    """`asked` notes every name that was looked up."""

    def __init__(self, **values: str) -> None:
        self.values = values
        self.asked: list[str] = []

    def get(self, name: str) -> str | None:
        self.asked.append(name)
        return self.values.get(name)

    def advice(self, name: str) -> str:
        return f"put {name} into the drawer"
