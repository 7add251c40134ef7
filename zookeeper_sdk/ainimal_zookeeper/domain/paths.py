"""Signal paths: the one way to name anything watchable."""

from __future__ import annotations

import re

_PATH = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-/:\[\]]+)*\Z")

ACTION = "action"
FRAME = "env.frame"
REWARD = "env.reward"
EPISODE_RETURN = "metrics.episode_return"
EPISODE_LENGTH = "metrics.episode_length"
LOSS = "metrics.loss"


def join(*parts: str) -> str:
    """Returns the path made of `parts`, each a name or a path."""
    return ".".join(parts)


def is_path(text: str) -> bool:
    """Tells whether `text` can name a signal: `inputs.camera`, `activations.encoder.conv1`, `action`."""
    return len(text) <= 256 and _PATH.match(text) is not None
