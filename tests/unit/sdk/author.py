"""Files as authors write them, for the tests of the loaders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from ainimal_zookeeper import models
from ainimal_zookeeper.modality import Modality
from ainimal_zookeeper.models.agent import Agent
from ainimal_zookeeper.timestep import Timestep, Trajectory

OBSERVATION = {"observation": Modality.vector("observation", 2, -1.0, 1.0)}
ACTION = {"action": Modality.discrete("action", 3)}


class Author:
    """Writes model files into a folder and loads them, with the world of the tests unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stages: list[str] = []

    def write(self, text: str, name: str = "model.py") -> Path:
        path = self.folder / name
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def load(
        self,
        text: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        observation: Mapping[str, Modality] | None = OBSERVATION,
        action: Mapping[str, Modality] | None = ACTION,
        **spec: Any,
    ) -> Agent:
        path = self.write(text)
        return models.load(
            {"type": "python_class", "path": str(path), **spec},
            parameters or {},
            observation=observation,
            action=action,
            stage=self.stages.append,
        )


def episode(*rewards: float) -> Trajectory:
    """Returns an episode whose observations count 0, 1, ... and which terminates at its end."""
    steps = [
        Timestep({"observation": float(index)}, {"action": 1}, 1, reward, False, False)
        for index, reward in enumerate(rewards)
    ]
    steps[-1].terminated = True
    steps[-1].final_inputs = {"observation": float(len(rewards))}
    return Trajectory(steps)


def told(agent: Agent, subject: str) -> str:
    """Returns what was found about `subject`."""
    return "; ".join(finding.text for finding in agent.findings if finding.subject == subject)
