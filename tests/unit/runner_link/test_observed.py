"""What a runner may say it saw."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.modality import Modality
from runner_link.requests import reported
from zookeeper_runner.history import History
from zookeeper_runner.manifest import manifest_of

MODALITY = Modality.vector("x", 2).to_document()
SERIES: dict[str, Any] = {
    "path": "metrics.loss", "timeline": 1, "steps": [1], "times": [1.9e9], "mean": ["NaN"], "min": [None], "max": [2],
}  # fmt: skip
PICTURE = {"path": "env.frame", "step": 1, "dtype": "uint8", "shape": [2, 2], "encoding": "RAW", "data": "AAAA"}


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"manifest": {"findings": 3}}, ("manifest", "findings")),
        ({"manifest": {"trainable": "yes"}}, ("manifest", "trainable")),
        ({"manifest": {"inputs": "x"}}, ("manifest", "inputs")),
        ({"manifest": {"inputs": [MODALITY | {"kind": "SMELL"}]}}, ("manifest", "inputs", "0", "kind")),
        ({"manifest": {"inputs": [MODALITY | {"shape": [2**70]}]}}, ("manifest", "inputs", "0", "shape")),
        ({"manifest": {"inputs": [MODALITY | {"name": None}]}}, ("manifest", "inputs", "0", "name")),
        ({"manifest": {"signals": [{"path": 3, "modality": MODALITY}]}}, ("manifest", "signals", "0", "path")),
        ({"manifest": {"signals": [{"path": "a"}]}}, ("manifest", "signals", "0", "modality")),
        ({"manifest": {"previewPaths": [5]}}, ("manifest", "previewPaths")),
        ({"series": [1]}, ("series", "0")),
        ({"series": [SERIES | {"steps": 5}]}, ("series", "0", "steps")),
        ({"series": [SERIES | {"mean": []}]}, ("series", "0", "mean")),
        ({"series": [SERIES | {"mean": ["x"]}]}, ("series", "0", "mean")),
        ({"series": [SERIES | {"max": [10**400]}]}, ("series", "0", "max")),
        ({"series": [SERIES | {"times": [1e300]}]}, ("series", "0", "times")),
        ({"series": [SERIES | {"timeline": "x"}]}, ("series", "0", "timeline")),
        ({"thumbnail": PICTURE | {"shape": [2**70]}}, ("thumbnail", "shape")),
        ({"thumbnail": PICTURE | {"data": "!!!"}}, ("thumbnail", "data")),
        ({"logs": [{"at": "soon", "stream": "stdout", "text": "x"}]}, ("logs", "0", "at")),
        ({"report": {"stats": {"updatedAt": "soon"}}}, ("report", "stats", "updatedAt")),
        ({"report": {"stats": {"loss": 10**400}}}, ("report", "stats", "loss")),
    ],
)
def test_what_no_page_could_show_is_refused(said: dict[str, Any], path: tuple[str, ...]) -> None:
    """One runner that lies would otherwise break the pages that list its model and its instance."""
    with pytest.raises(InvalidInput) as caught:
        reported({"sequence": 1, **said})
    assert caught.value.path == path


def test_why_a_signal_cannot_be_had_is_kept() -> None:
    """Where there is a reason; it is a text, and a short one."""
    signal = {"path": "a", "modality": MODALITY, "observable": False, "overridable": False}
    said = [signal, signal | {"reason": "it needs eager mode" + "!" * 1_000}]

    taken = reported({"sequence": 1, "manifest": {"signals": said}})

    assert taken.manifest_json is not None
    plain, explained = json.loads(taken.manifest_json)["signals"]
    assert "reason" not in plain
    assert explained["reason"].startswith("it needs eager mode!")
    assert len(explained["reason"]) == 500


def test_what_our_runner_sees_is_taken_as_it_is() -> None:
    """A manifest, a history and a picture as the runner makes them pass."""
    history = History(1)
    history.add("metrics.loss", 1, 1.9e9, float("nan"))
    manifest = manifest_of(
        {"x": Modality.vector("x", 2)}, {"move": Modality.discrete("move", 3)}, trainable=True, frame_rate=30.0
    )
    taken = reported({"sequence": 1, "manifest": manifest, "series": history.to_document(), "thumbnail": PICTURE})
    assert taken.manifest_json is not None
    assert taken.series_json is not None
    assert taken.thumbnail == PICTURE
