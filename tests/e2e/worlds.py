"""Worlds that zoos of tests have."""

LINE = """
import numpy as np
from ainimal_zookeeper import Env, Modality

class Line(Env):
    observation_modalities = {"place": Modality.vector("place", 1)}
    action_modalities = {"move": Modality.discrete("move", 2)}

    def reset(self, seed=None):
        return np.zeros(1, np.float32)

    def step(self, action):
        return np.zeros(1, np.float32), 1.0, False, False, {}
"""
"""One number, two moves, and a return of 1 each step; an episode never ends."""
