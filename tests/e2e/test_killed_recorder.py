"""A process that is killed loses less than a second of what it recorded."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from ainimal_zookeeper.recording import Recording

PROMISED_S = 1.0
BEFORE_THE_NEXT_S = 0.5  # a tail comes every 0.75 s

AGENT = """
import sys, time
from pathlib import Path
import numpy as np
from ainimal_zookeeper.recording import Channel, StepRecorder

channels = [Channel("inputs.picture", "uint8", (40, 40, 3), "image"), Channel("env.reward", "float64", (), "scalar")]
recorder = StepRecorder(channels, lambda _: None, folder=Path(sys.argv[1]), timeline=1)
step = 0
while True:
    recorder.take(step, [np.full((40, 40, 3), step % 256, np.uint8), float(step)])
    step += 1
    time.sleep(0.002)
"""


def test_a_killed_recorder_leaves_all_but_the_last_second(tmp_path: Path) -> None:
    """What it leaves needs no manifest, and every file of it is whole."""
    with subprocess.Popen([sys.executable, "-c", AGENT, str(tmp_path)]) as agent:
        while len(list(tmp_path.glob("*.mcap"))) < 2:
            time.sleep(0.02)
        time.sleep(BEFORE_THE_NEXT_S)
        killed_at = time.time()
        agent.kill()

    recording = Recording.open(tmp_path)
    series = recording.read("inputs.picture")
    assert not recording.damage
    assert series.steps.tolist() == list(range(len(series.steps)))
    assert (series.values[:, 0, 0, 0] == series.steps % 256).all()
    assert recording.read("env.reward").values.tolist() == series.steps.tolist()
    assert killed_at - series.times[-1] / 1e6 <= PROMISED_S
