"""Minari: a folder that `minari.MinariDataset(folder)` opens, with the episodes that lie whole or in part in it.

Observations are `inputs.*`, actions `action` (or `action.*`), rewards `env.reward`; a single input is not wrapped in a
dict. The last observation of an episode that ended is `final_inputs.*`; without these, it repeats the one before. Where
the excerpt or the record breaks off, the episode ends one step earlier, with the next
input as its last observation, and neither terminated nor truncated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import minari
import numpy as np
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage

from ...domain.errors import InvalidInput
from ...domain.paths import FINAL, REWARD, join
from ...domain.recordings import FIRST, TERMINATED, TRUNCATED
from .excerpt import Excerpt, RecordedChannel, dtype_of


def write(excerpt: Excerpt, target: Path) -> None:
    """Writes the folder. Raises: InvalidInput where the excerpt has no inputs, actions and rewards."""
    inputs = _named(excerpt, "inputs")
    actions = _named(excerpt, "action")
    if not inputs or not actions or REWARD not in {channel.path for channel in excerpt.channels}:
        raise InvalidInput("MINARI takes inputs, actions and rewards: export inputs.*, action* and env.reward with it")
    target.mkdir(parents=True)
    spaces = {"observation_space": _space(inputs), "action_space": _space(actions)}
    storage = MinariStorage.new(target, **spaces, data_format="hdf5", jpeg_encoding=False)
    storage.update_metadata(
        {
            "dataset_id": f"zoo/{excerpt.manifest.get('recordingId', 'recording')}-v0".replace("_", "-"),
            "minari_version": minari.__version__,
            "description": json.dumps({"instanceId": excerpt.manifest.get("instanceId")}),
        }
    )
    for episode in _episodes(excerpt, inputs, actions):
        storage.update_episodes([episode])
    if not storage.total_episodes:
        raise InvalidInput("no step of the excerpt can be told to Minari: it takes at least two of an episode")


def _named(excerpt: Excerpt, group: str) -> Mapping[str, RecordedChannel]:
    found = {}
    for channel in excerpt.channels:
        if channel.path == group or channel.path.startswith(f"{group}."):
            found[channel.path.removeprefix(group).removeprefix(".") or group] = channel
    return found


def _space(channels: Mapping[str, RecordedChannel]) -> gym.Space[Any]:
    spaces = {name: _space_of(channel) for name, channel in channels.items()}
    return next(iter(spaces.values())) if len(spaces) == 1 else gym.spaces.Dict(spaces)


def _space_of(channel: RecordedChannel) -> gym.Space[Any]:
    if channel.kind == "text":
        return gym.spaces.Text(1 << 16)
    if channel.kind == "json":
        raise InvalidInput(f"{channel.path} has no fixed shape, and Minari takes none without; leave it out")
    dtype = dtype_of(channel)
    if dtype.kind == "f":
        return gym.spaces.Box(-np.inf, np.inf, channel.shape, dtype.type)
    if dtype.kind == "b":
        return gym.spaces.Box(0, 1, channel.shape, np.int8)
    bounds = np.iinfo(dtype)
    return gym.spaces.Box(bounds.min, bounds.max, channel.shape, dtype.type)


def _episodes(
    excerpt: Excerpt, inputs: Mapping[str, RecordedChannel], actions: Mapping[str, RecordedChannel]
) -> Iterator[EpisodeBuffer]:
    flags = excerpt.flags
    for first, last in _stretches(flags.steps, flags.timelines, flags.values):
        window = int(flags.steps[first]), int(flags.steps[last])
        timeline = flags.timelines[first]
        ended = int(flags.values[last]) & (TERMINATED | TRUNCATED)
        seen = _rows(excerpt, inputs, window, timeline)
        done = _rows(excerpt, actions, window, timeline)
        rewards = _one(excerpt, REWARD, window, timeline)
        count = last - first + 1
        if any(len(column) != count for column in (*seen.values(), *done.values(), rewards)):
            continue  # a step of it was dropped within a signal: nothing stands in for what is not there
        if ended:
            final = _last(excerpt, inputs, window[1], timeline)
            seen = {name: [*values, final.get(name, values[-1])] for name, values in seen.items()}
        else:
            done = {name: values[:-1] for name, values in done.items()}
            rewards, count = rewards[:-1], count - 1
        if not count:
            continue
        ends = np.zeros((2, count), np.bool_)
        ends[0, -1], ends[1, -1] = bool(ended & TERMINATED), bool(ended & TRUNCATED)
        yield EpisodeBuffer(
            observations=_of_one(seen),
            actions=_of_one(done),
            rewards=list(rewards),
            terminations=list(ends[0]),
            truncations=list(ends[1]),
        )


def _stretches(steps: Any, timelines: Any, flags: Any) -> Iterator[tuple[int, int]]:
    """Yields the first and the last row of each stretch of steps that follow each other within one episode."""
    begin = 0
    for row in range(1, len(steps) + 1):
        over = row == len(steps)
        if (
            over
            or int(flags[row]) & FIRST
            or int(flags[row - 1]) & (TERMINATED | TRUNCATED)
            or timelines[row] != timelines[row - 1]
            or steps[row] != steps[row - 1] + 1
        ):
            yield begin, row - 1
            begin = row


def _rows(
    excerpt: Excerpt, channels: Mapping[str, RecordedChannel], window: tuple[int, int], timeline: int
) -> dict[str, list[Any]]:
    return {name: _one(excerpt, channel.path, window, timeline) for name, channel in channels.items()}


def _last(excerpt: Excerpt, inputs: Mapping[str, RecordedChannel], step: int, timeline: int) -> dict[str, Any]:
    """Returns what was seen after the last step of an episode, as far as it was recorded."""
    found = {}
    there = {channel.path for channel in excerpt.channels}
    for name in inputs:
        path = join(FINAL, name)
        values = _one(excerpt, path, (step, step), timeline) if path in there else []
        if values:
            found[name] = values[0]
    return found


def _one(excerpt: Excerpt, path: str, window: tuple[int, int], timeline: int) -> list[Any]:
    column = excerpt.column(path, window)
    values = column.values
    if isinstance(values, np.ndarray) and values.dtype == np.bool_:
        values = values.astype(np.int8)
    return [values[row] for row in np.flatnonzero(column.timelines == timeline)]


def _of_one(columns: Mapping[str, list[Any]]) -> Any:
    return next(iter(columns.values())) if len(columns) == 1 else dict(columns)
