"""Signal paths: the one way to name anything watchable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate

_PATH = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-/:\[\]]+)*\Z")

ACTION = "action"
FRAME = "env.frame"
REWARD = "env.reward"
FINAL = "final_inputs"
"""What was seen after an episode's last step, of each `inputs.*` that is recorded."""
EPISODE_RETURN = "metrics.episode_return"
EPISODE_LENGTH = "metrics.episode_length"
LOSS = "metrics.loss"
RECORDED = ("inputs.*", "outputs.*", ACTION, f"{ACTION}.*", REWARD)
"""What is recorded unless somebody asks for something else."""


def join(*parts: str) -> str:
    """Returns the path made of `parts`, each a name or a path."""
    return ".".join(parts)


def is_path(text: str) -> bool:
    """Tells whether `text` can name a signal: `inputs.camera`, `activations.encoder.conv1`, `action`."""
    return len(text) <= 256 and _PATH.match(text) is not None


def chosen(patterns: Sequence[str], known: Iterable[str]) -> list[str]:
    """Returns those of the `known` paths that one of the patterns matches, in order.

    In a pattern `*` stands for any text, dots as well, `?` for one character; the rest is meant literally.
    """
    # A bracket is part of many a path: only what cannot be one is a wildcard.
    matchers = [re.compile(translate(pattern.replace("[", "[[]"))) for pattern in patterns]
    return [path for path in dict.fromkeys(known) if any(matcher.match(path) for matcher in matchers)]
