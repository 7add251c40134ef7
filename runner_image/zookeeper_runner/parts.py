"""Parts: what lies within a tree of values, as the paths of signals name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def part(tree: Any, name: str) -> Any:
    """Returns the part of `tree` called `name`, which may lead through mappings and lists by dots; None without one."""
    if isinstance(tree, Mapping) and name in tree:
        return tree[name]
    for each in name.split("."):
        if isinstance(tree, Mapping):
            tree = tree.get(each)
        elif isinstance(tree, (list, tuple)) and each.isdecimal() and int(each) < len(tree):
            tree = tree[int(each)]
        else:
            return None
    return tree


def shares(tree: Any, other: Any) -> bool:
    """Tells whether an array of `tree` may lie in the memory of the one in its place in `other`."""
    if isinstance(tree, np.ndarray):
        return isinstance(other, np.ndarray) and np.may_share_memory(tree, other)
    if isinstance(tree, Mapping) and isinstance(other, Mapping):
        return any(shares(each, other.get(name)) for name, each in tree.items())
    if isinstance(tree, (list, tuple)) and isinstance(other, (list, tuple)):
        return any(map(shares, tree, other))
    return False
