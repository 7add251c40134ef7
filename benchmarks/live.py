"""How fast a value reaches a subscriber, and how fast a change of mode is acknowledged."""

from __future__ import annotations

import json
import statistics
import time
from datetime import datetime

import httpx
from httpx_sse import connect_sse

from .row import Row
from .server import Zoo, zoo

AGENT = """
import time
from ainimal_zookeeper import AInimal

class Learner(AInimal):
    TRAIN_EVERY = 64
    def forward(self, inputs):
        return {"action": 0}
    def train(self, trajectory):
        time.sleep(0.02)
        return 0.0
"""


def value_latency_ms(running: Zoo, launched: str, seconds: float) -> list[float]:
    """Milliseconds from the step that made a value to its event here, for some seconds of `inputs.observation`."""
    operation = {
        "query": "subscription($i: LiveInput!) { live(input: $i) { kind values { step time } } }",
        "variables": {
            "i": {"instanceIds": [], "signals": [{"instanceId": launched, "path": "inputs.observation", "maxRate": 30}]}
        },
    }
    took: list[float] = []
    until = time.time() + seconds
    with (
        httpx.Client(timeout=30) as client,
        connect_sse(
            client, "POST", f"{running.url}/graphql", json=operation, headers={"accept": "text/event-stream"}
        ) as source,
    ):
        for event in source.iter_sse():
            now = time.time()
            if event.event == "next" and event.data:
                for value in json.loads(event.data)["data"]["live"]["values"]:
                    produced = datetime.fromisoformat(value["time"].replace("Z", "+00:00")).timestamp()
                    took.append((now - produced) * 1000)
            if now > until:
                break
    return took[5:]


def acknowledge_ms(running: Zoo, launched: str) -> list[float]:
    """Milliseconds from asking for another mode to its acknowledgement, ten times."""
    took = []
    for n in range(10):
        began = time.perf_counter()
        asked = running.ask(
            "mutation($i: InstanceModeSetInput!) { instanceModeSet(input: $i) { instance { generation } userErrors "
            "{ message } } }",
            i={"instanceId": launched, "mode": {"training": bool(n % 2), "inference": True}},
        )["instanceModeSet"]["instance"]["generation"]
        while running.instances([launched])[launched]["observedGeneration"] < asked:
            time.sleep(0.002)
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.2)
    return took


def main() -> list[Row]:
    """Measures one instance that trains for 20 ms every 64 steps: free running, then at 30 steps a second."""
    with zoo({"learner.py": AGENT}) as running:
        launched = running.launch(modelId=running.model_id("Learner"), environmentId=running.environment_id("CartPole"))
        running.wait_for_step([launched])
        acknowledged = statistics.median(acknowledge_ms(running, launched))
        running.ask(
            "mutation($i: InstanceModeSetInput!) { instanceModeSet(input: $i) { userErrors { message } } }",
            i={"instanceId": launched, "mode": {"training": False, "inference": True}},
        )
        free = statistics.median(value_latency_ms(running, launched, 5))
        running.ask(
            "mutation($i: InstanceRateSetInput!) { instanceRateSet(input: $i) { userErrors { message } } }",
            i={"instanceId": launched, "stepsPerSecond": 30},
        )
        paced = statistics.median(value_latency_ms(running, launched, 5))
        running.end([launched])
    return [
        {
            "what": "mode change to acknowledgement, median",
            "value": acknowledged,
            "unit": "ms",
            "beside": "the train call that may be running",
            "beside_value": 20.0,
            "bar": "<= 20 ms + 50 ms",
            "kept": acknowledged <= 70,
        },
        {"what": "value, full speed, median", "value": free, "unit": "ms", "bar": "< 20 ms", "kept": free < 20},
        {"what": "value, 30 steps/s, median", "value": paced, "unit": "ms", "bar": "< 20 ms", "kept": paced < 20},
    ]
