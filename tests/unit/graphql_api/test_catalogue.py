"""Queries: who asks, what is on offer, what runs."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Collections, Document, Ref
from ainimal_zookeeper.domain.keywords import keywords
from graphql_api import stored
from graphql_api.api import Api

from tests.fakes import zoo
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore
from tests.fakes.visitor import Visitor

MODALITY = {
    "name": "x", "kind": "VECTOR", "shape": [4], "dtype": "float32", "low": -1, "high": [1, 1, 1, 1], "neutral": 0,
    "labels": None, "names": None, "unit": "m", "layout": None, "maxDelta": None,
}  # fmt: skip
MANIFEST = json.dumps(
    {
        "inputs": [MODALITY],
        "outputs": [],
        "signals": [
            {"path": path, "modality": MODALITY, "observable": True, "overridable": False}
            for path in ("inputs.x", "inputs.xy", "action", "inputs.x.left")
        ],
        "architecture": {"nodes": [], "edges": [], "parameterCount": 12.0},
        "trainable": True,
        "findings": ["forward is act"],
        "previewPaths": ["inputs.x"],
        "frameRate": None,
    }
)


async def test_the_visitor_of_a_zoo_without_users_is_its_operator(visitor: Visitor) -> None:
    """viewer says that nobody is signed in, nobody is anonymous, and what works in this zoo."""
    data = await visitor.data("{viewer{user{id} anonymous can}}")
    assert data == {
        "viewer": {"user": None, "anonymous": False, "can": ["LAUNCH", "LAUNCH_ENVIRONMENT", "CREATE_MODEL"]}
    }


async def test_the_server_says_what_it_is_and_runs(visitor: Visitor) -> None:
    """Limits and computes come from the configuration, processes from the host."""
    data = await visitor.data(
        "{server{id name version profile liveUrl signIn{kind} limits{maxModels maxEnvironments} "
        "computeProviders{id name kind accelerators} processes{name running restarts url}}}"
    )
    assert data["server"] == {
        "id": "server_zoo",
        "name": "the zoo",
        "version": "1.2.3",
        "profile": "embedded",
        "liveUrl": None,
        "signIn": [],
        "limits": {"maxModels": 3, "maxEnvironments": 2},
        "computeProviders": [{"id": "compute_here", "name": "here", "kind": "local", "accelerators": []}],
        "processes": [{"name": "viewer", "running": True, "restarts": 2, "url": None}],
    }


async def test_a_model_shows_what_a_probe_of_its_revision_has_learnt(visitor: Visitor, store: MemoryStore) -> None:
    """inputs, trainable and architecture are null without a probe or with one of another revision."""
    query = (
        '{model(id:"mod_learner"){name inputs{name kind shape high} trainable architecture{parameterCount} findings}}'
    )
    unknown: dict[str, object] = {
        "name": "learner",
        "inputs": None,
        "trainable": None,
        "architecture": None,
        "findings": [],
    }
    assert (await visitor.data(query))["model"] == unknown
    zoo.put(store, Collections.PROBES, {"id": "mod_learner", "revision": "r0", "manifestJson": MANIFEST})
    assert (await visitor.data(query))["model"] == unknown
    zoo.put(store, Collections.PROBES, {"id": "mod_learner", "revision": "r1", "manifestJson": MANIFEST})
    assert (await visitor.data(query))["model"] == {
        "name": "learner",
        "inputs": [{"name": "x", "kind": "VECTOR", "shape": [4], "high": [1, 1, 1, 1]}],
        "trainable": True,
        "architecture": {"parameterCount": 12.0},
        "findings": ["forward is act"],
    }


async def test_models_are_found_by_the_beginnings_of_words(visitor: Visitor, store: MemoryStore) -> None:
    """Every word must begin a word of the name."""
    for name in ("Cart pole", "cart racer", "walker"):
        document = {**zoo.model(), "id": f"mod_{name.split()[-1]}", "name": name, "keywords": keywords(name)}
        zoo.put(store, Collections.MODELS, document)
    query = "query($s:String){models(search:$s){nodes{name} totalCount}}"
    assert [each["name"] for each in (await visitor.data(query, s="CAR"))["models"]["nodes"]] == [
        "Cart pole",
        "cart racer",
    ]
    found = (await visitor.data(query, s="po cart"))["models"]
    assert found == {"nodes": [{"name": "Cart pole"}], "totalCount": None}


async def test_instances_are_filtered_by_everything_at_once(
    visitor: Visitor, store: MemoryStore, clock: FakeClock
) -> None:
    """Filters combine, pages follow each other without gaps, and a total is only told where it is exact."""
    for number in range(7):
        row = zoo.instance(clock.advance(1), f"ins_{number}", tags=["even"] if number % 2 == 0 else ["odd"])
        zoo.put(store, Collections.INSTANCES, dict(row))
    query = (
        "query($a:String,$t:[String!],$m:ID){instances(first:2,after:$a,tags:$t,modelId:$m)"
        "{nodes{id} pageInfo{hasNextPage endCursor} totalCount}}"
    )
    page = (await visitor.data(query, t=["even"]))["instances"]
    assert ([each["id"] for each in page["nodes"]], page["totalCount"]) == (["ins_6", "ins_4"], 4)
    seen: list[str] = []
    cursor = None
    for _ in range(5):
        page = (await visitor.data(query, t=["even"], m="mod_learner", a=cursor))["instances"]
        assert page["totalCount"] is None
        seen += [each["id"] for each in page["nodes"]]
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == ["ins_6", "ins_4", "ins_2", "ins_0"]
    nothing = (await visitor.data(query, m="mod_other"))["instances"]
    assert nothing == {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}, "totalCount": 0}


async def test_a_list_with_all_around_it_takes_two_calls_of_the_store(
    visitor: Visitor, store: MemoryStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models and pictures of all rows come by one get_many; the names of their worlds' kinds are in the rows."""
    for number in range(5):
        zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.advance(1), f"ins_{number}")))
    calls: list[int] = []
    whole = store.get_many

    def counted(refs: Sequence[Ref]) -> list[Document | None]:
        calls.append(len(refs))
        return whole(refs)

    monkeypatch.setattr(store, "get_many", counted)
    data = await visitor.data("{instances{nodes{model{name} environment{name} thumbnail{dtype}}}}")
    assert data["instances"]["nodes"][0]["model"] == {"name": "learner"}
    assert data["instances"]["nodes"][0]["environment"] == {"name": "box"}
    assert calls == [1 + 5]


async def test_an_instance_that_joined_shows_its_world_and_the_world_its_guests(
    visitor: Visitor, store: MemoryStore, clock: FakeClock
) -> None:
    """environment is the kind of the joined world; connected leaves out what has ended."""
    zoo.add(store, zoo.instance(clock.now(), "env_1"))
    ended = zoo.joining(clock.now(), id="ins_2")
    ended["status"]["phase"] = "TERMINATED"
    zoo.add(store, zoo.joining(clock.now()))
    zoo.add(store, ended)
    data = await visitor.data(
        '{instance(id:"ins_1"){environment{name} environmentInstance{id parameters environment{maxConnected} '
        "connected{id}}}}"
    )
    assert data["instance"] == {
        "environment": {"name": "box"},
        "environmentInstance": {
            "id": "env_1",
            "parameters": {},
            "environment": {"maxConnected": 4},
            "connected": [{"id": "ins_1"}],
        },
    }


async def test_what_has_no_world_cannot_learn(visitor: Visitor, store: MemoryStore, clock: FakeClock) -> None:
    """In a world it is as its runner has found it; unknown until then, and in documents from before anybody asked."""
    alone = zoo.instance(clock.now(), environmentId=None, environmentName=None)
    unknown, old, learner = (zoo.instance(clock.now(), f"ins_{number}") for number in (2, 3, 4))
    del old["status"]["trainable"]  # type: ignore[misc]
    learner["status"]["trainable"] = alone["status"]["trainable"] = True
    zoo.put(store, Collections.INSTANCES, *map(dict, (alone, unknown, old, learner)))

    for number, expected in enumerate([False, None, None, True], 1):
        data = await visitor.data(f'{{instance(id:"ins_{number}"){{trainable}}}}')
        assert data == {"instance": {"trainable": expected}}


async def test_signals_are_those_below_a_prefix(visitor: Visitor, store: MemoryStore, clock: FakeClock) -> None:
    """A prefix is a whole path: inputs.x does not find inputs.xy."""
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.now())))
    zoo.put(store, Collections.MANIFESTS, {"id": "ins_1", "attempt": 1, "manifestJson": MANIFEST})
    query = (
        'query($p:Path,$n:Int,$a:String){instance(id:"ins_1"){signals(prefix:$p,first:$n,after:$a)'
        "{nodes{path} pageInfo{hasNextPage endCursor} totalCount}}}"
    )
    found = (await visitor.data(query, p="inputs.x"))["instance"]["signals"]
    assert [each["path"] for each in found["nodes"]] == ["inputs.x", "inputs.x.left"]
    first = (await visitor.data(query, n=3))["instance"]["signals"]
    assert (first["pageInfo"]["hasNextPage"], first["totalCount"]) == (True, 4)
    rest = (await visitor.data(query, n=3, a=first["pageInfo"]["endCursor"]))["instance"]["signals"]
    assert [each["path"] for each in first["nodes"] + rest["nodes"]] == [
        "action",
        "inputs.x",
        "inputs.x.left",
        "inputs.xy",
    ]


async def test_a_signal_says_why_it_cannot_be_had(visitor: Visitor, store: MemoryStore, clock: FakeClock) -> None:
    """Where the runner gave a reason; null where it can be observed and overridden."""
    signal = {"path": "weights.a", "modality": MODALITY, "observable": True, "overridable": True}
    closed = {**signal, "path": "weights.b", "overridable": False, "reason": "the array is read-only"}
    manifest = json.dumps({**json.loads(MANIFEST), "signals": [signal, closed]})
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.now())))
    zoo.put(store, Collections.MANIFESTS, {"id": "ins_1", "attempt": 1, "manifestJson": manifest})

    data = await visitor.data('{instance(id:"ins_1"){signals{nodes{overridable reason}}}}')

    assert data["instance"]["signals"]["nodes"] == [
        {"overridable": True, "reason": None},
        {"overridable": False, "reason": "the array is read-only"},
    ]


async def test_metrics_are_rebucketed_exactly(visitor: Visitor, store: MemoryStore, clock: FakeClock) -> None:
    """Means are weighted by how many values a bucket has; bounds are those of all; NaN stays visible in the mean."""
    series = {
        "path": "metrics.loss",
        "timeline": 1,
        "steps": [10, 20, 30, 40],
        "times": [1, 2, 3, 4],
        "mean": [1.0, 4.0, "NaN", 8.0],
        "min": [0.0, 3.0, "NaN", 7.0],
        "max": [2.0, 5.0, "NaN", "Infinity"],
        "counts": [1, 3, 1, 1],
    }
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.now())))
    text = json.dumps([series, {**series, "path": "env.reward"}])
    zoo.put(store, Collections.SERIES, {"id": "ins_1", "attempt": 1, "seriesJson": text})
    query = (
        'query($f:Float){instance(id:"ins_1"){metrics(paths:["metrics.loss"],points:2,fromStep:$f)'
        "{path timeline steps times mean min max}}}"
    )
    (found,) = (await visitor.data(query))["instance"]["metrics"]
    assert found["steps"] == [20, 40]
    assert found["mean"] == [3.25, "NaN"]
    assert found["min"] == [0, 7]
    assert found["max"] == [5, "Infinity"]
    assert found["times"][0] == "1970-01-01T00:00:02.000000Z"
    (later,) = (await visitor.data(query, f=15))["instance"]["metrics"]
    assert later["steps"] == [30, 40]


HISTORY = {
    "path": "metrics.loss", "timeline": 1, "steps": [1], "times": [1], "mean": [1.0], "min": [1.0], "max": [1.0],
}  # fmt: skip


@pytest.mark.parametrize(
    ("manifest", "signals", "architecture"),
    [
        ("{", [], None),
        ("[]", [], None),
        ("null", [], None),
        (json.dumps({**json.loads(MANIFEST), "signals": 3}), [], 12.0),
        (json.dumps({**json.loads(MANIFEST), "signals": [{"path": "a"}, *json.loads(MANIFEST)["signals"][:1]]}),
         ["inputs.x"], 12.0),
        (json.dumps({**json.loads(MANIFEST), "architecture": {"nodes": [{"id": 1}]}}),
         ["action", "inputs.x", "inputs.x.left", "inputs.xy"], None),
    ],
)  # fmt: skip
async def test_a_manifest_that_cannot_be_read_counts_as_absent(
    visitor: Visitor,
    store: MemoryStore,
    clock: FakeClock,
    manifest: str,
    signals: list[str],
    architecture: float | None,
) -> None:
    """An earlier version may have written it: what can be read of it is shown, and the query answers."""
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.now())))
    zoo.put(store, Collections.MANIFESTS, {"id": "ins_1", "attempt": 1, "manifestJson": manifest})
    zoo.put(store, Collections.PROBES, {"id": "mod_learner", "revision": "r1", "manifestJson": manifest})
    query = (
        '{instance(id:"ins_1"){architecture{parameterCount nodes{name}}'
        "signals{nodes{path observable modality{name kind shape dtype}}}}"
        'model(id:"mod_learner"){name findings inputs{name kind} trainable}}'
    )
    data = await visitor.data(query)
    assert [each["path"] for each in data["instance"]["signals"]["nodes"]] == signals
    shown = data["instance"]["architecture"]
    assert (shown and shown["parameterCount"]) == architecture
    assert data["model"]["name"] == "learner"


@pytest.mark.parametrize(
    "series",
    [
        "{",
        "{}",
        json.dumps([3, {}, {**HISTORY, "timeline": None}]),
        json.dumps([{**HISTORY, "mean": []}]),
        json.dumps([{**HISTORY, "min": ["low"]}]),
        json.dumps([{**HISTORY, "times": [1e30]}]),
        json.dumps([{**HISTORY, "steps": [None]}]),
    ],
)
async def test_series_that_cannot_be_read_count_as_absent(
    visitor: Visitor, store: MemoryStore, clock: FakeClock, series: str
) -> None:
    """Those beside them are shown all the same."""
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.now())))
    query = '{instance(id:"ins_1"){metrics{path timeline steps times mean min max}}}'
    zoo.put(store, Collections.SERIES, {"id": "ins_1", "attempt": 1, "seriesJson": series})
    assert (await visitor.data(query))["instance"]["metrics"] == []
    if series.startswith("["):
        mixed = json.dumps([*json.loads(series), HISTORY])
        zoo.put(store, Collections.SERIES, {"id": "ins_1", "attempt": 1, "seriesJson": mixed})
        assert [each["path"] for each in (await visitor.data(query))["instance"]["metrics"]] == ["metrics.loss"]


def test_what_cannot_be_read_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A page that is looked at all day does not fill the log; the message has the id."""
    for _ in range(3):
        assert stored.manifest("{", "ins_that_is_logged") == {}
    assert [record.getMessage() for record in caplog.records] == [
        "cannot read manifest of ins_that_is_logged; it is shown as absent"
    ]


async def test_a_log_is_read_page_by_page_across_its_chunks(
    visitor: Visitor, store: MemoryStore, clock: FakeClock
) -> None:
    """No line is skipped or shown twice, and lines that come later follow behind the last cursor."""
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.now())))

    def chunk(order: int, *texts: str) -> None:
        lines = [{"at": f"2030-01-01T00:00:0{order}.000000Z", "stream": "stdout", "text": text} for text in texts]
        document = {"id": f"log_{order}", "instanceId": "ins_1", "order": order, "firstLine": 0, "lines": lines}
        zoo.put(store, Collections.LOGS, document)

    for order, texts in enumerate((["a", "b", "c"], ["d"], ["e", "f"])):
        chunk(order, *texts)
    query = (
        'query($a:String){instance(id:"ins_1"){logs(first:2,after:$a)'
        "{nodes{text instanceId} pageInfo{hasNextPage endCursor}}}}"
    )
    seen: list[list[str]] = []
    cursor = None
    while True:
        page = (await visitor.data(query, a=cursor))["instance"]["logs"]
        seen.append([each["text"] for each in page["nodes"]])
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [["a", "b"], ["c", "d"], ["e", "f"]]
    assert (await visitor.data(query, a=cursor))["instance"]["logs"]["nodes"] == []
    chunk(3, "g")
    assert (await visitor.data(query, a=cursor))["instance"]["logs"]["nodes"] == [{"text": "g", "instanceId": "ins_1"}]


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("ins_1", {"__typename": "Instance", "id": "ins_1"}),
        ("env_1", {"__typename": "EnvironmentInstance", "id": "env_1"}),
        ("mod_learner", {"__typename": "Model", "id": "mod_learner"}),
        ("world_box", {"__typename": "Environment", "id": "world_box"}),
        ("server_zoo", {"__typename": "Server", "id": "server_zoo"}),
        ("compute_here", {"__typename": "Compute", "id": "compute_here"}),
        ("ins_2", None),
        ("nonsense", None),
        ("", None),
    ],
)
async def test_node_finds_every_kind_by_its_id(
    visitor: Visitor, store: MemoryStore, clock: FakeClock, id: str, expected: object
) -> None:
    """node tells the type by the id; what is not there is null."""
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.now())))
    zoo.put(store, Collections.ENVIRONMENT_INSTANCES, dict(zoo.instance(clock.now(), "env_1")))
    assert (await visitor.data("query($i:ID!){node(id:$i){__typename id}}", i=id))["node"] == expected


async def test_who_may_see_nothing_finds_nothing(api: Api, store: MemoryStore, clock: FakeClock) -> None:
    """For nobody lists are empty, nodes are null and a launch is refused, as if there were nothing."""
    zoo.put(store, Collections.INSTANCES, dict(zoo.instance(clock.now())))
    nobody = Visitor(api, Principal.nobody())
    data = await nobody.data(
        '{viewer{anonymous can} instance(id:"ins_1"){id} instances{nodes{id}} models{nodes{id}} '
        'node(id:"mod_learner"){id}}'
    )
    assert data == {
        "viewer": {"anonymous": True, "can": []},
        "instance": None,
        "instances": {"nodes": []},
        "models": {"nodes": []},
        "node": None,
    }
    launched = await nobody.data(
        'mutation{instanceLaunch(input:{modelId:"mod_learner"}){instance{id} userErrors{code}}}'
    )
    assert launched["instanceLaunch"]["userErrors"] == [{"code": "PERMISSION_DENIED"}]
    paused = await nobody.data('mutation{instancePause(input:{instanceId:"ins_1"}){userErrors{code}}}')
    assert paused["instancePause"]["userErrors"] == [{"code": "NOT_FOUND"}]
