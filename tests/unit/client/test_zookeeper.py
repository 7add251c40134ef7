"""The Python client against an API that answers from the project's schema."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ainimal_zookeeper.client as public
import httpx
import pytest
from ainimal_zookeeper.client import Zookeeper, documents
from ainimal_zookeeper.client.refusals import ERRORS, refusal
from ainimal_zookeeper.config.server import DEFAULT_HOST, DEFAULT_PORT
from ainimal_zookeeper.domain import errors
from graphql import parse, validate

from tests.fakes.zoo_api import (
    FakeZoo,
    checkpoint_row,
    documents_in,
    environment_row,
    instance_row,
    live_event,
    model_row,
    naps,
    schema,
    value_row,
    world_row,
)


@pytest.fixture
def fake() -> FakeZoo:
    fake = FakeZoo()
    fake.models = [model_row("CartPole learner"), model_row("Painter")]
    fake.environments = [environment_row("CartPole"), environment_row("Pendulum")]
    fake.instances = [instance_row("Rex"), instance_row("Ida", phase="TERMINATED")]
    return fake


@pytest.fixture
def sleeps() -> list[float]:
    return []


@pytest.fixture
def zoo(fake: FakeZoo, sleeps: list[float]) -> Iterator[Zookeeper]:
    with Zookeeper("http://zoo.test", transport=fake.transport, sleep=naps(sleeps)) as zoo:
        yield zoo


@pytest.mark.parametrize(("name", "document"), documents_in(documents), ids=lambda item: item[:20])
def test_every_document_fits_the_schema(name: str, document: str) -> None:
    """Nothing that the client asks is unknown to the API."""
    assert validate(schema(), parse(document)) == []


def test_public_names_are_what_the_package_lists() -> None:
    """Each name in `__all__` can be had, and no other."""
    assert public.__all__ == sorted(public.__all__)
    assert all(hasattr(public, name) for name in public.__all__)
    with pytest.raises(AttributeError, match="Zookeeper"):
        public.Zoo


class TestErrors:
    """Refusals come back as the errors of the domain."""

    def test_every_code_of_the_schema_has_its_error(self) -> None:
        """The table is total, and each error carries the code it was made from."""
        codes = schema().type_map["ErrorCode"].values  # type: ignore[attr-defined]

        assert set(ERRORS) == set(codes)
        assert {code: refusal(code, "x").code for code in codes} == {code: code for code in codes}

    def test_a_user_error_is_raised_with_its_path(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """A refused launch names the parameter."""
        fake.user_errors = [{"code": "INVALID_INPUT", "message": "lr is 9; at most 1", "path": ["parameters", "lr"]}]

        with pytest.raises(errors.InvalidInput, match="lr is 9") as caught:
            zoo.launch("Painter", lr=9)
        assert caught.value.path == ("parameters", "lr")

    def test_a_refusal_says_when_to_come_back(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """RATE_LIMITED keeps its seconds."""
        fake.user_errors = [{"code": "RATE_LIMITED", "message": "slowly", "retryAfterSeconds": 4.5}]

        with pytest.raises(errors.RateLimited) as caught:
            zoo["Rex"].pause()
        assert caught.value.retry_after_s == 4.5

    def test_no_zoo_at_the_address(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever forgot to start the zoo is told how to."""
        monkeypatch.chdir(tmp_path)

        def refuse(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

        with (
            Zookeeper(transport=httpx.MockTransport(refuse)) as zoo,
            pytest.raises(errors.Transient, match=r"no zoo answers at http://127.0.0.1:3000; start one with `zoo up`"),
        ):
            zoo.models()

    @pytest.mark.parametrize("noted", [None, "", "[]", '{"pid": 1}', '{"url": null}', "no JSON"])
    def test_the_default_address_is_where_zoos_listen_by_default(
        self, noted: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither side has to be told, where no zoo of this folder has noted its own."""
        monkeypatch.chdir(tmp_path)
        if noted is not None:
            (tmp_path / ".zoo").mkdir()
            (tmp_path / ".zoo" / "lock").write_text(noted)
        with Zookeeper() as zoo:
            assert zoo.url == f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"

    @pytest.mark.parametrize("state", [".zoo", ".zoo/emulators"])
    def test_the_zoo_of_this_folder_is_meant(self, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As on the command line: where a zoo runs, no address has to be given; a given one counts."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / state).mkdir(parents=True)
        (tmp_path / state / "lock").write_text('{"pid": 1, "url": "http://127.0.0.1:4321"}')
        with Zookeeper() as near, Zookeeper("http://127.0.0.1:9") as given:
            assert (near.url, given.url) == ("http://127.0.0.1:4321", "http://127.0.0.1:9")
        monkeypatch.setenv("ZOO_SERVER", "http://127.0.0.1:8")
        with Zookeeper() as said, Zookeeper("http://127.0.0.1:9") as given:
            assert (said.url, given.url) == ("http://127.0.0.1:8", "http://127.0.0.1:9")

    @pytest.mark.parametrize(
        ("status", "error"), [(401, errors.Unauthenticated), (503, errors.Transient), (404, errors.ZookeeperError)]
    )
    def test_something_else_than_a_zoo_answers(self, status: int, error: type[Exception]) -> None:
        """An answer that is no GraphQL becomes an error by its status, not a stack trace of JSON."""
        transport = httpx.MockTransport(lambda _request: httpx.Response(status, text="<html>"))

        with Zookeeper(transport=transport) as zoo, pytest.raises(error):
            zoo.models()

    @pytest.mark.parametrize("url", ["http://", "ftp://zoo", "http://a b:xyz", ""])
    def test_an_address_that_is_none(self, url: str) -> None:
        """A bad address is refused before anything is sent."""
        with pytest.raises(errors.InvalidInput, match="address of a zoo"):
            Zookeeper(url)


class TestMisfits:
    """What GraphQL itself refuses is told as a sentence."""

    @pytest.mark.parametrize(
        ("said", "told", "path"),
        [
            (
                (
                    "Variable '$input' has invalid value at .seed: "
                    "Int cannot represent non 32-bit signed integer value: 99999999999"
                ),
                "seed: 99999999999 is too large; give a whole number from -2147483648 to 2147483647",
                ("seed",),
            ),
            (
                (
                    "Variable '$input' has invalid value at .signals[0].path: "
                    "Path takes names joined by dots such as inputs.camera, not 'bad..path'"
                ),
                "signals.0.path: Path takes names joined by dots such as inputs.camera, not 'bad..path'",
                ("signals", "0", "path"),
            ),
            (
                "Cannot query field 'colour' on type 'Instance'.",
                (
                    "http://zoo.test does not understand the request; is it a zoo of this version? "
                    "It said: Cannot query field 'colour' on type 'Instance'."
                ),
                (),
            ),
        ],
    )
    def test_a_request_that_does_not_fit_is_invalid_input(self, said: str, told: str, path: tuple[str, ...]) -> None:
        """With the place of the value, which asking again does not mend."""

        def refuse(_request: httpx.Request) -> httpx.Response:
            problem = {"message": said, "extensions": {"code": "BAD_REQUEST"}}
            return httpx.Response(400, json={"errors": [problem]})

        transport = httpx.MockTransport(refuse)
        with Zookeeper("http://zoo.test", transport=transport) as zoo, pytest.raises(errors.InvalidInput) as caught:
            zoo.server()
        assert (caught.value.message, caught.value.path) == (told, path)


class TestNames:
    """Ids, names and unique beginnings all do."""

    @pytest.mark.parametrize("wanted", ["mod_painter", "Painter", "painter", "pai", "mod_p"])
    def test_a_model_by_any_of_its_names(self, zoo: Zookeeper, wanted: str) -> None:
        """The same model is found each way."""
        assert zoo.model(wanted).name == "Painter"

    def test_a_name_that_nothing_has(self, zoo: Zookeeper) -> None:
        """The message offers the nearest names."""
        with pytest.raises(errors.NotFound, match=r"no environment 'CartPool'; there are: CartPole"):
            zoo.environment("CartPool")

    def test_of_many_names_the_nearest_come_first(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Not all are listed; how many more there are is said."""
        fake.models = [model_row(f"Model {number}") for number in range(36)] + [model_row("NoneOut")]
        with pytest.raises(
            errors.NotFound, match=r"no model 'Nope'; there are: NoneOut, (Model \d+, ){3}Model \d+ and"
        ):
            zoo.model("Nope")
        with pytest.raises(errors.NotFound, match=r" and 32 more$"):
            zoo.model("Nope")

    def test_a_beginning_that_several_have(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """An ambiguous name is refused with the candidates."""
        fake.models.append(model_row("Pagoda"))

        with pytest.raises(errors.InvalidInput, match=r"may be any of 2: Painter \(mod_painter\), Pagoda"):
            zoo.model("Pa")

    def test_capitals_tell_names_apart(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """A name as it is written means that one, though another differs by its capitals alone."""
        fake.models.append(model_row("painter", id="mod_small"))

        assert zoo.model("painter").id == "mod_small"
        assert zoo.model("Painter").id == "mod_painter"

    def test_the_living_instance_wins(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Of two instances with one name, the one that has not ended is meant."""
        fake.instances.append(instance_row("Rex", id="ins_old", phase="FAILED"))

        assert zoo["rex"].id == "ins_rex"

    def test_all_pages_are_looked_through(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """What stands on the last page is found too."""
        fake.page = 1

        assert [model.name for model in zoo.models()] == ["CartPole learner", "Painter"]
        assert zoo.instance("Ida").ended


class TestLaunch:
    """Launching resolves names and waits."""

    def test_names_become_ids_and_keywords_parameters(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Only what was given is sent."""
        instance = zoo.launch("CartPole", "Pend", lr=0.1, mode="inference", seed=3, paused=True, wait=False)

        assert instance.phase == "PENDING"
        assert fake.asked == [
            (
                "instanceLaunch",
                {
                    "modelId": "mod_cartpole_learner",
                    "environmentId": "world_pendulum",
                    "parameters": {"lr": 0.1},
                    "mode": {"training": False, "inference": True},
                    "seed": 3,
                    "paused": True,
                },
            )
        ]

    def test_waiting_ends_when_it_runs(self, fake: FakeZoo, zoo: Zookeeper, sleeps: list[float]) -> None:
        """`wait` looks again until the phase is reached."""
        phases = iter(["PENDING", "STARTING", "RUNNING"])
        fake.on_instance = lambda row: row.update(phase=next(phases))

        assert zoo.launch("Painter").phase == "RUNNING"
        assert len(sleeps) == 3

    def test_a_failed_start_is_raised(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Waiting for an instance that fails raises its failure."""
        failure = {"code": "AINIMAL_FAULT", "message": "ValueError: bad"}
        fake.on_instance = lambda row: row.update(phase="FAILED", failure=failure)

        with pytest.raises(errors.AInimalFault, match="ValueError: bad"):
            zoo.launch("Painter")

    def test_waiting_has_an_end(self, zoo: Zookeeper) -> None:
        """A start that never comes says what it was doing."""
        with pytest.raises(errors.Transient, match=r"waited 2 s .* PENDING \(waiting for a runner\)"):
            zoo.launch("Painter", timeout_s=2)

    def test_a_world_is_new_or_joined(self, zoo: Zookeeper) -> None:
        """Both at once is refused."""
        with pytest.raises(errors.InvalidInput, match="not both"):
            zoo.launch("Painter", "CartPole", join="x")


class TestWorlds:
    """Worlds on their own."""

    @pytest.fixture
    def fake(self, fake: FakeZoo) -> FakeZoo:
        fake.worlds = [world_row("Arena", phase="PENDING")]
        return fake

    def test_a_world_is_launched_reset_and_ended(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Each is one mutation; keyword arguments are parameters."""
        world = zoo.launch_world("CartPole", command_id="once", g=1.6)
        zoo.reset_world(world.id)
        zoo.terminate_world("arena")

        launch = {"environmentId": "world_cartpole", "parameters": {"g": 1.6}, "commandId": "once"}
        assert fake.asked == [
            ("environmentLaunch", launch),
            ("environmentReset", {"environmentInstanceId": "env_arena"}),
            ("environmentTerminate", {"environmentInstanceId": "env_arena"}),
        ]

    def test_a_launch_waits_until_it_runs(self, fake: FakeZoo, zoo: Zookeeper, sleeps: list[float]) -> None:
        """When it is told to; the world is then as it was seen last."""
        phases = iter(["STARTING", "RUNNING"])
        fake.on_world = lambda row: row.update(phase=next(phases))

        assert zoo.launch_world("CartPole", wait=True).phase == "RUNNING"
        assert len(sleeps) == 2

    def test_a_world_that_is_gone_is_not_waited_for(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Whoever waits is told."""
        fake.on_world = lambda row: row.update(phase="TERMINATED")
        with pytest.raises(errors.InvalidTransition, match="Arena is TERMINATED"):
            zoo.wait_for_world("Arena")


class TestCheckpoints:
    """Saved states."""

    @pytest.fixture
    def fake(self, fake: FakeZoo) -> FakeZoo:
        first = checkpoint_row("first", 10)
        fake.checkpoints = [
            checkpoint_row("second", 20, parents=[first["commit"]]),
            checkpoint_row("of-ida", 15, instanceId="ins_ida", parents=["ab" * 20]),
            first,
        ]
        return fake

    @pytest.mark.parametrize(("tag", "given"), [(None, {}), ("second", {"tag": "second"})])
    def test_an_instance_is_saved(self, fake: FakeZoo, zoo: Zookeeper, tag: str | None, given: dict[str, str]) -> None:
        """One mutation; what comes back tells of the checkpoint."""
        saved = zoo["Rex"].save_checkpoint(tag)

        assert fake.asked == [("checkpointSave", {"instanceId": "ins_rex", **given})]
        assert (saved.tag, saved.step, saved.size_bytes, saved.needs_pickle) == ("second", 20, 2048, False)

    def test_a_save_that_failed_is_raised(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """With the zoo's own error."""
        fake.user_errors = [{"code": "AINIMAL_FAULT", "message": "save raised OSError: no space"}]

        with pytest.raises(errors.AInimalFault, match="no space"):
            zoo["Rex"].save_checkpoint()

    def test_a_save_is_waited_for_longer_than_the_zoo_takes(self, fake: FakeZoo) -> None:
        """The zoo answers within 30 seconds of silence, or that it goes on; other answers need not be so late."""
        silences: list[float] = []

        def handle(request: httpx.Request) -> httpx.Response:
            silences.append(request.extensions["timeout"]["read"])
            return fake.transport.handle_request(request)

        with Zookeeper("http://zoo.test", transport=httpx.MockTransport(handle), timeout_s=7) as zoo:
            zoo["ins_rex"].save_checkpoint()

        assert silences[0] == 7
        assert silences[1] > 30

    def test_of_an_instance_and_of_its_model(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """An instance lists its own, the model those of all its instances, over all pages."""
        fake.page = 1

        assert [saved.tag for saved in zoo["ins_rex"].checkpoints()] == ["second", "first"]
        assert [saved.tag for saved in zoo.checkpoints("CartPole learner")] == ["second", "of-ida", "first"]

    def test_a_table_tells_what_each_grew_from(self, zoo: Zookeeper) -> None:
        """By its tag, or by its commit where it is not in the table."""
        rows = zoo.checkpoints("CartPole learner")

        assert [dict(zip(rows.columns, cells, strict=True))["from"] for cells in rows.cells()] == [
            "first",
            "abababababab",
            "",
        ]

    @pytest.mark.parametrize("wanted", ["chk_" + f"{15:040x}", "of-ida", "OF-", None])
    def test_a_restore_by_any_of_its_names(self, fake: FakeZoo, zoo: Zookeeper, wanted: str | None) -> None:
        """Id, tag, the beginning of one, or the checkpoint itself, of any instance of the model."""
        given = zoo.checkpoints("CartPole learner")[1] if wanted is None else wanted
        zoo["Rex"].restore(given)

        assert fake.asked == [("checkpointRestore", {"instanceId": "ins_rex", "checkpointId": f"chk_{15:040x}"})]

    def test_a_script_goes_back_by_a_tag(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """It is of no model: the checkpoints that were saved from it are meant."""
        fake.models.clear()
        zoo["Rex"].restore("first")

        assert [name for name, _ in fake.asked] == ["checkpointRestore"]

    def test_a_restore_of_what_is_not_there(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Nothing is asked; the message offers the nearest tags."""
        with pytest.raises(errors.NotFound, match="no checkpoint 'firts'; there are: first"):
            zoo["Rex"].restore("firts")
        assert fake.asked == []

    @pytest.mark.parametrize("wanted", ["first", None])
    def test_a_launch_starts_from_one(self, fake: FakeZoo, zoo: Zookeeper, wanted: str | None) -> None:
        """By its tag or as it is."""
        given = zoo.checkpoint("first", "CartPole learner") if wanted is None else wanted
        zoo.launch("CartPole learner", checkpoint=given, wait=False)

        assert fake.asked == [("instanceLaunch", {"modelId": "mod_cartpole_learner", "checkpointId": f"chk_{10:040x}"})]

    def test_one_is_deleted(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """One mutation, and a refusal is raised."""
        found = zoo.checkpoint("second", "CartPole learner")
        found.delete()
        fake.user_errors = [{"code": "NOT_FOUND", "message": "gone"}]

        assert fake.asked == [("checkpointDelete", {"checkpointId": found.id})]
        with pytest.raises(errors.NotFound, match="gone"):
            found.delete()


class TestInstance:
    """Verbs of a handle."""

    def test_verbs_send_what_they_say(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Each verb is one mutation, and the handle shows what it answered."""
        rex = zoo["Rex"]
        rex.pause().step(3).rate(20).mode("none").reset().resume().rename("Max").terminate()
        rex.delete()

        assert [(name, {k: v for k, v in given.items() if k != "instanceId"}) for name, given in fake.asked] == [
            ("instancePause", {}),
            ("instanceStep", {"count": 3}),
            ("instanceRateSet", {"stepsPerSecond": 20}),
            ("instanceModeSet", {"mode": {"training": False, "inference": False}}),
            ("instanceReset", {}),
            ("instanceResume", {}),
            ("instanceUpdate", {"name": "Max"}),
            ("instanceTerminate", {}),
            ("instanceDelete", {}),
        ]
        assert rex.info.generation == 9

    @pytest.mark.parametrize(
        "given", [{"name": "Max", "tags": ["calm", "old"], "notes": "limps"}, {"tags": []}, {"notes": ""}]
    )
    def test_an_update_sends_what_is_given(self, fake: FakeZoo, zoo: Zookeeper, given: dict[str, Any]) -> None:
        """What is left out stays; empty tags and notes are an answer too."""
        zoo["Rex"].update(**given)

        assert fake.asked == [("instanceUpdate", {"instanceId": "ins_rex", **given})]

    def test_an_update_of_nothing(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Nothing is sent, and the message says what there is to change; one text is not taken for many tags."""
        with pytest.raises(errors.InvalidInput, match="give name, tags or notes"):
            zoo["Rex"].update()
        with pytest.raises(errors.InvalidInput, match="tags is the text 'calm'"):
            zoo["Rex"].update(tags="calm")
        assert fake.asked == []

    def test_notes_are_told(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """They come with what is known of an instance."""
        fake.instances = [instance_row("Rex", notes="limps"), instance_row("Ida")]

        assert [row.info.notes for row in zoo.instances()] == ["limps", None]

    def test_an_unknown_mode(self, zoo: Zookeeper) -> None:
        """The message lists the modes."""
        with pytest.raises(errors.InvalidInput, match="'learn' is none of both, training, inference, none"):
            zoo["Rex"].mode("learn")

    def test_settled_waits_for_the_runner(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """It returns once the runner has observed the newest generation."""
        rex = zoo["Rex"].pause()
        observed = iter([1, 2])
        fake.on_instance = lambda row: row.update(observedGeneration=next(observed))

        assert rex.settled().info.observed_generation == 2

    def test_inference_carries_arrays(self, zoo: Zookeeper) -> None:
        """Arrays go out as bytes and come back as arrays."""
        np = pytest.importorskip("numpy")
        given = np.arange(6, dtype="float32").reshape(2, 3)

        outputs = zoo["Rex"].infer({"x": given, "y": [1, "two"], "z": np.float64(0.5)})

        assert outputs["x"].dtype == np.float32
        assert (outputs["x"] == given).all()
        assert outputs["y"] == [1, "two"]
        assert float(outputs["z"]) == 0.5

    @pytest.mark.parametrize("value", [float("nan"), object(), {"deep": {1, 2}}])
    def test_inputs_without_a_form_are_refused(self, zoo: Zookeeper, value: object) -> None:
        """The error leads to the value."""
        with pytest.raises(errors.InvalidInput) as caught:
            zoo["Rex"].infer({"x": value})
        assert caught.value.path[:2] == ("inputs", "x")

    def test_history_of_the_newest_timeline(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Missing buckets are NaN, and a newer timeline replaces the older one."""
        bucket = {"path": "metrics.loss", "steps": [0.0], "times": ["2026-01-01T00:00:00.000000Z"]}
        fake.instances[0]["metrics"] = [
            {**bucket, "timeline": 1, "mean": [None], "min": ["-Infinity"], "max": [2.0]},
            {**bucket, "timeline": 0, "mean": [1.0], "min": [1.0], "max": [1.0]},
        ]

        series = zoo["Rex"].metrics()["metrics.loss"]

        assert (series.timeline, series.steps, series.minimum) == (1, (0,), (float("-inf"),))
        assert series.mean[0] != series.mean[0]

    def test_following_the_log(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Lines that were written are not shown twice when the stream opens with them."""
        lines = [{"at": f"2026-01-01T00:00:0{n}Z", "stream": "stdout", "text": f"line {n}"} for n in range(3)]
        fake.instances[0]["logs"] = lines[:2]
        fake.streams = [
            [live_event(logs=lines[1:]), live_event(instances=[instance_row("Rex", phase="TERMINATED")])],
        ]

        assert [line.text for line in zoo["Rex"].logs(follow=True)] == ["line 0", "line 1", "line 2"]

    def test_lines_come_once_over_any_number_of_streams(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """What two streams tell is shown once, and what was printed last although the end was told before it."""
        lines = [{"at": f"2026-01-01T00:00:0{n}Z", "stream": "stdout", "text": f"line {n}"} for n in range(5)]
        fake.streams = [
            [live_event(cursor="c1", logs=lines[:2]), live_event("ROTATE", "c2")],
            [live_event("SNAPSHOT", "c3", logs=lines[1:3]), None],
            [live_event("SNAPSHOT", "c4", logs=lines[2:4], instances=[instance_row("Rex", phase="TERMINATED")])],
        ]
        following = zoo["Rex"].logs(follow=True)
        first = next(following)
        fake.instances[0]["logs"] = lines

        assert [first.text, *(line.text for line in following)] == [f"line {n}" for n in range(5)]
        assert [each.get("since") for each in fake.subscribed] == [None, "c2", "c3"]

    def test_following_ends_with_an_instance_that_was_deleted_meanwhile(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """The stream that continues says that it is gone."""
        gone = {"instanceId": "ins_rex", "code": "NOT_FOUND", "message": "there is no instance ins_rex"}
        fake.streams = [
            [live_event(cursor="c1"), None],
            [live_event("SNAPSHOT", "c2", removedInstanceIds=["ins_rex"], problems=[gone])],
        ] * 2
        rex = zoo["Rex"]

        assert list(rex.logs(follow=True)) == []
        assert list(rex.watch("a")) == []


class TestWatch:
    """Streams of values."""

    def test_values_of_every_form(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Each form is decoded when it is looked at."""
        data = base64.b64encode(struct.pack("<4h", 1, -2, 3, 4)).decode()
        tensor = {"dtype": "int16", "shape": [2, 2], "encoding": "RAW", "data": data}
        fake.streams = [
            [
                live_event(
                    values=[
                        value_row("a", 1, scalar=1.5),
                        value_row("b", 2, scalar="Infinity"),
                        value_row("c", 3, text="hi"),
                        value_row("d", 4, tensor=tensor, overridden=True, dropped=2),
                        value_row("e", 5, histogram={"edges": [0, 1, "Infinity"], "counts": [2, 3]}),
                        value_row("f", 6, statistics={"mean": 1}),
                    ]
                )
            ]
        ]

        a, b, c, d, e, f = zoo["Rex"].watch("a", "b", rate=5, reduce="full", index=[0])

        assert [a.value, b.value, c.value, f.value] == [1.5, float("inf"), "hi", {"mean": 1}]
        assert d.value.tolist() == d.content.tolist() == [[1, -2], [3, 4]]  # type: ignore[union-attr]
        assert (d.overridden, d.dropped, d.step) == (True, 2, 4)
        assert e.value.edges == (0.0, 1.0, float("inf"))
        request = fake.subscribed[0]["signals"][0]
        assert (request["maxRate"], request["reduce"], request["index"]) == (5, "FULL", [0])

    def test_a_rotation_loses_nothing(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """After ROTATE the next stream continues from the cursor."""
        fake.streams = [
            [live_event(values=[value_row("a", 1, scalar=1.0)]), live_event("ROTATE", "c7")],
            [live_event(values=[value_row("a", 2, scalar=2.0)])],
        ]

        assert [value.step for value in zoo["Rex"].watch("a")] == [1, 2]
        assert fake.subscribed[1]["since"] == "c7"

    def test_a_stream_is_heard_until_the_next_one_can_be_opened(
        self, fake: FakeZoo, zoo: Zookeeper, sleeps: list[float]
    ) -> None:
        """A zoo that restarts cannot be reached for a while; what it still says comes, and later the rest."""
        fake.streams = [
            [
                live_event(values=[value_row("a", 1, scalar=1.0)]),
                live_event("ROTATE", "c7"),
                live_event(cursor="c8", values=[value_row("a", 2, scalar=2.0)]),
                None,
            ],
            httpx.ConnectError("refused"),
            httpx.Response(503),
            [live_event("SNAPSHOT", values=[value_row("a", 2, scalar=2.0), value_row("a", 3, scalar=3.0)])],
        ]

        assert [value.step for value in zoo["Rex"].watch("a")] == [1, 2, 3]
        assert [each.get("since") for each in fake.subscribed] == [None, "c7", "c8", "c8"]
        assert len(sleeps) == 2

    def test_a_cursor_that_the_zoo_does_not_read_is_left_out(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """After an upgrade of the zoo its clients start afresh instead of ending."""
        refused = {"message": "since is no cursor", "extensions": {"code": "INVALID_INPUT"}, "path": ["live"]}
        text = f"event: next\ndata: {json.dumps({'data': None, 'errors': [refused]})}\n\nevent: complete\ndata:\n\n"
        fake.streams = [
            [live_event(cursor="c1", values=[value_row("a", 1, scalar=1.0)]), None],
            httpx.Response(200, text=text, headers={"content-type": "text/event-stream"}),
            [live_event("SNAPSHOT", values=[value_row("a", 2, scalar=2.0)])],
        ]

        assert [value.step for value in zoo["Rex"].watch("a")] == [1, 2]
        assert [each.get("since") for each in fake.subscribed] == [None, "c1", None]

    def test_a_lost_connection_is_opened_again(self, fake: FakeZoo, zoo: Zookeeper, sleeps: list[float]) -> None:
        """A stream that breaks off is continued after a pause."""
        fake.streams = [
            [live_event(cursor="c3", values=[value_row("a", 1, scalar=1.0)]), None],
            [live_event(values=[value_row("a", 2, scalar=2.0)])],
        ]

        assert [value.step for value in zoo["Rex"].watch("a")] == [1, 2]
        assert fake.subscribed[1]["since"] == "c3"
        assert len(sleeps) == 1

    def test_it_ends_with_the_instance(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Nothing is waited for from an instance that has ended."""
        ended = live_event(instances=[instance_row("Rex", phase="FAILED")], values=[value_row("a", 9, scalar=0.0)])
        fake.streams = [[ended, live_event(values=[value_row("a", 10, scalar=0.0)])]]

        assert [value.step for value in zoo["Rex"].watch("a")] == [9]

    def test_an_unknown_signal(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """A problem with a signal is raised, one that only takes time is not."""
        problem = {"path": "env.rewrd", "message": "no signal env.rewrd; did you mean env.reward"}
        fake.streams = [
            [
                live_event(problems=[{**problem, "code": "UNAVAILABLE"}]),
                live_event(problems=[{**problem, "code": "NOT_FOUND"}]),
            ]
        ]

        with pytest.raises(errors.NotFound, match=r"env\.reward"):
            list(zoo["Rex"].watch("env.rewrd"))


class TestLooks:
    """How things print."""

    def test_tables_read_well(self, zoo: Zookeeper) -> None:
        """A list prints as a table, in HTML with everything escaped."""
        table = zoo.instances()

        head = repr(table).splitlines()[0]
        assert " ".join(head.split()) == "name model environment phase mode step return id"
        assert "Rex" in repr(table).splitlines()[1]
        assert "<td>Rex</td>" in table._repr_html_()

    def test_a_name_cannot_smuggle_html(self, fake: FakeZoo, zoo: Zookeeper) -> None:
        """Names are text."""
        fake.instances = [instance_row("<script>")]

        assert "<script>" not in zoo.instances()._repr_html_() + zoo.instances()[0]._repr_html_()

    def test_a_handle_says_what_it_is(self, zoo: Zookeeper) -> None:
        """Name, model, phase and step in one line."""
        assert repr(zoo["Rex"]) == "<Rex (ins_rex): CartPole learner, RUNNING, step 7>"
