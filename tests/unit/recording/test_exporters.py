"""Exporters: what is written is what the foreign library reads back."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainimal_zookeeper.domain.errors import AlreadyExists, InvalidInput
from ainimal_zookeeper.recording.exporters import FORMATS, export

from tests.conftest import give_up
from tests.fakes.recordings import MemoryChannel, lunar


def foreign(name: str) -> Any:
    """Returns the module `name` of a library that an exporter writes for."""
    try:
        return importlib.import_module(name)
    except ImportError:
        give_up(f"{name} is not installed; run make foreign")


class TestNpz:
    def test_numpy_reads_what_was_recorded(self, tmp_path: Path) -> None:
        """Each signal comes back to the bit, with its steps, timelines and times."""
        recording = lunar()

        export(recording, "NPZ", tmp_path / "run.npz")

        with np.load(tmp_path / "run.npz") as found:
            for channel in recording.signals:
                told = recording.columns[channel.path]
                assert found[f"{channel.path}/steps"].tolist() == list(told)
                values = found[channel.path]
                if channel.kind == "text":
                    assert values.tolist() == list(told.values())
                else:
                    assert values.dtype == channel.dtype
                    assert np.array_equal(values, np.array(list(told.values())))
            assert found["action/times"].dtype == np.int64
            assert set(found["action/timelines"].tolist()) == {1}
            assert found["zoo.flags"].tolist() == list(recording.flags.values())
            assert json.loads(found["zoo.events"][0])["kind"] == "override"

    def test_a_part_is_exported(self, tmp_path: Path) -> None:
        """Globs choose signals, and steps are from and to which, both inclusive."""
        export(lunar(), "npz", tmp_path / "run.npz", signals=["action", "env.*"], from_step=2, to_step=4)

        with np.load(tmp_path / "run.npz") as found:
            assert {name for name in found if "/" not in name} == {"action", "env.reward", "zoo.flags", "zoo.events"}
            assert found["action/steps"].tolist() == [2, 3, 4]


class TestFoxglove:
    def test_mcap_reads_what_was_recorded(self, tmp_path: Path) -> None:
        """Pictures are RawImages of their bytes, numbers JSON, texts and events log messages."""
        foreign("foxglove")
        from mcap.reader import make_reader

        recording = lunar()
        export(recording, "MCAP_FOXGLOVE", tmp_path / "run.mcap")

        found: dict[str, list[Any]] = {}
        schemas: dict[str, str] = {}
        with (tmp_path / "run.mcap").open("rb") as file:
            for schema, channel, message in make_reader(file).iter_messages():
                found.setdefault(channel.topic, []).append(message)
                schemas[channel.topic] = "" if schema is None else schema.name
        assert schemas["/inputs.camera"] == "foxglove.RawImage"
        assert schemas["/inputs.words"] == schemas["/zoo.events"] == "foxglove.Log"
        values = [json.loads(message.data) for message in found["/inputs.state"]]
        told = recording.columns["inputs.state"]
        assert [each["step"] for each in values] == list(told)
        assert np.array_equal(np.array([each["value"] for each in values], np.float32), np.array(list(told.values())))
        times = [int(at) * 1_000 for at in recording.read("action", 0, 99)[2]]
        assert [message.log_time for message in found["/action"]] == times
        for message, picture in zip(found["/inputs.camera"], recording.columns["inputs.camera"].values(), strict=True):
            assert picture.tobytes() in message.data
        assert "step 3 \N{SNOWMAN}".encode() in found["/inputs.words"][2].data
        assert len(found["/activations.wide"]) == 4

    def test_json_without_numbers_for_what_is_none(self, tmp_path: Path) -> None:
        """NaN and infinity become null: other readers refuse JSON that has them."""
        foreign("foxglove")
        from mcap.reader import make_reader

        recording = lunar()
        rewards = {**recording.columns["env.reward"], 1: float("nan"), 2: float("inf")}
        recording.columns = {**recording.columns, "env.reward": rewards}
        export(recording, "MCAP_FOXGLOVE", tmp_path / "run.mcap", signals=["env.reward"])

        with (tmp_path / "run.mcap").open("rb") as file:
            said = [json.loads(m.data) for _, c, m in make_reader(file).iter_messages(topics=["/env.reward"])]
        assert [each["value"] for each in said[:3]] == [None, None, 1.0]


class TestRerun:
    def test_rerun_reads_what_was_recorded(self, tmp_path: Path) -> None:
        """Scalars, pictures, tensors and texts stand at their steps under the path of their signal."""
        foreign("rerun")
        reader = foreign("rerun.chunk").RrdReader

        recording = lunar()
        export(recording, "RERUN", tmp_path / "run.rrd")

        rows: dict[str, dict[int, Any]] = {}
        for chunk in reader(tmp_path / "run.rrd").stream():
            if chunk.is_static:
                continue
            batch = chunk.to_record_batch()
            names = batch.schema.names
            value = next(name for name in names if name.split(":")[-1] in {"scalars", "buffer", "text", "data"})
            steps = batch.column("step").to_pylist()
            rows.setdefault(chunk.entity_path, {}).update(zip(steps, batch.column(value).to_pylist(), strict=True))
        assert set(rows) == {
            "/inputs/camera", "/inputs/state", "/inputs/words", "/action", "/env/reward", "/activations/wide",
            "/zoo/events",
        }  # fmt: skip
        assert {step: found[0] for step, found in rows["/env/reward"].items()} == recording.columns["env.reward"]
        for step, told in recording.columns["inputs.state"].items():
            assert np.array_equal(np.array(rows["/inputs/state"][step], np.float32), told)
        for step, picture in recording.columns["inputs.camera"].items():
            assert np.array(rows["/inputs/camera"][step][0], np.uint8).tobytes() == picture.tobytes()
        assert rows["/inputs/words"][3] == ["step 3 \N{SNOWMAN}"]
        assert set(rows["/activations/wide"]) == {1, 3, 5, 7}

    def test_another_timeline_is_another_entity(self, tmp_path: Path) -> None:
        """A step that was made twice, before and after going back, is not one point."""
        foreign("rerun")
        reader = foreign("rerun.chunk").RrdReader
        recording = lunar()
        recording.timelines = {6: 2, 7: 2}

        export(recording, "RERUN", tmp_path / "run.rrd", signals=["action"])

        entities = {chunk.entity_path for chunk in reader(tmp_path / "run.rrd").stream() if not chunk.is_static}
        assert {"/action", "/timeline_2/action"} <= entities


class TestMinari:
    def test_minari_reads_the_episodes(self, tmp_path: Path) -> None:
        """An episode that ended has all its steps; the one that breaks off ends a step early, with its next input."""
        minari = foreign("minari")
        recording = lunar(steps=7, ends=(3,))

        export(recording, "MINARI", tmp_path / "run", signals=["inputs.state", "action", "env.reward"])

        dataset = minari.MinariDataset(tmp_path / "run")
        first, second = dataset.iterate_episodes()
        states = recording.columns["inputs.state"]
        assert np.array_equal(first.observations, np.array([states[n] for n in (1, 2, 3, 3)]))
        assert first.actions.tolist() == [1, 2, 3]
        assert first.rewards.tolist() == [recording.columns["env.reward"][n] for n in (1, 2, 3)]
        assert first.terminations.tolist() == [False, False, True]
        assert np.array_equal(second.observations, np.array([states[n] for n in (4, 5, 6, 7)]))
        assert second.actions.tolist() == [0, 1, 2]
        assert not second.terminations.any()
        assert not second.truncations.any()

    def test_an_episode_ends_with_what_was_seen_last(self, tmp_path: Path) -> None:
        """Where that was recorded, and is exported with the rest."""
        minari = foreign("minari")
        recording = lunar(steps=7, ends=(3, 6))
        last = np.full(3, 0.25, np.float32)
        recording.signals = [*recording.signals, MemoryChannel("final_inputs.state", "float32", (3,), "vector")]
        recording.columns = {**recording.columns, "final_inputs.state": {3: last}}

        export(recording, "MINARI", tmp_path / "run", signals=["*inputs.state", "action", "env.reward"])

        first, second = minari.MinariDataset(tmp_path / "run").iterate_episodes()
        states = recording.columns["inputs.state"]
        assert np.array_equal(first.observations, np.array([states[1], states[2], states[3], last]))
        assert np.array_equal(second.observations, np.array([states[n] for n in (4, 5, 6, 6)]))

    def test_pictures_are_kept_to_the_bit(self, tmp_path: Path) -> None:
        """Several inputs are a dict, and a picture in it is not made smaller with loss."""
        minari = foreign("minari")
        recording = lunar()

        export(recording, "MINARI", tmp_path / "run", signals=["inputs.camera", "inputs.state", "action", "env.reward"])

        first = next(iter(minari.MinariDataset(tmp_path / "run").iterate_episodes()))
        assert set(first.observations) == {"camera", "state"}
        for row, step in enumerate((1, 2, 3)):
            assert np.array_equal(first.observations["camera"][row], recording.columns["inputs.camera"][step])

    def test_what_minari_needs_is_named(self, tmp_path: Path) -> None:
        """Without rewards there is no dataset, and nothing is left behind."""
        foreign("minari")

        with pytest.raises(InvalidInput, match=r"env\.reward"):
            export(lunar(), "MINARI", tmp_path / "run", signals=["inputs.state", "action"])
        assert not (tmp_path / "run").exists()


class TestAll:
    def test_a_missing_library_is_named_with_its_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The error says what to install, and no file is left."""
        monkeypatch.setitem(sys.modules, "rerun", None)
        monkeypatch.delitem(sys.modules, "ainimal_zookeeper.recording.exporters.rerun", raising=False)

        with pytest.raises(InvalidInput, match="pip install rerun-sdk"):
            export(lunar(), "RERUN", tmp_path / "run.rrd")
        assert not (tmp_path / "run.rrd").exists()

    def test_lerobot_is_refused_with_a_reason(self, tmp_path: Path) -> None:
        """What is not written says why, and what to take instead."""
        with pytest.raises(InvalidInput, match="MINARI or NPZ"):
            export(lunar(), "LEROBOT", tmp_path / "run")

    def test_an_unknown_format_names_those_that_there_are(self, tmp_path: Path) -> None:
        """A misspelt format is refused with the list."""
        with pytest.raises(InvalidInput, match="MCAP_FOXGLOVE, RERUN, MINARI, NPZ"):
            export(lunar(), "hdf", tmp_path / "run")

    def test_a_signal_that_was_not_recorded_is_refused(self, tmp_path: Path) -> None:
        """The error names what is near it."""
        with pytest.raises(InvalidInput, match=r"inputs\.state"):
            export(lunar(), "NPZ", tmp_path / "run.npz", signals=["inputs.sate"])

    def test_steps_that_were_not_recorded_are_refused(self, tmp_path: Path) -> None:
        """The error says which steps there are."""
        with pytest.raises(InvalidInput, match="1 to 7"):
            export(lunar(), "NPZ", tmp_path / "run.npz", from_step=50)

    def test_what_exists_stays(self, tmp_path: Path) -> None:
        """Nothing is written over."""
        (tmp_path / "run.npz").write_text("mine")

        with pytest.raises(AlreadyExists):
            export(lunar(), "NPZ", tmp_path / "run.npz")
        assert (tmp_path / "run.npz").read_text() == "mine"

    def test_each_format_has_a_file_or_a_reason(self) -> None:
        """No format of the API is a name alone."""
        for each in FORMATS.values():
            assert (each.module is None) == bool(each.lacking)
