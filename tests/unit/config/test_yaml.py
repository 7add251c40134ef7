"""YAML and JSON configurations: every key of the two first designs is understood or clearly refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from ainimal_zookeeper import config

from tests.unit.config.zoos import furnish, load, problems

EVERYTHING = """
server:
  host: localhost
  port: ${env.PORT}
  https: false

max_envs: 1
envs:
  - name: Swing
    path: worlds.py
    type: gym.Env
    env_name: Swing-v0
    max_connected: 1
    max_instances: -1
    create_params: &ask
      - name: speed
        display: Top speed
        type: str
        default: slow
    init_params: &give
      speed: "${params.speed}"
      key: "${env.swing_key}"
      project: "${process.ENV.swing_project}"

  - name: Field
    path: field.py
    type: python_class
    class_name: Field
    max_instances: 1
    autostart: true
    create_params: *ask
    init_params:
      <<: *give
      size: 4
    step_function: step
    reset_function: reset
    python: python3

max_models: 10
models:
  - name: Strider
    type: AInimal
    path: models/walker.py
    class_name: Walker
    act_func: forward
    train_func: train
    input_modalities_func: input_modalities
    output_modalities_func: output_modalities
    save_func: save
    load_func: load
    create_params:
      - name: depth
        display: Number of layers
        type: int
        range: [1, 10]
        default: 5
    init_params:
      depth: "${params.depth}"
    rate: 1e1

model_hubs:
  - type: local_filesystem
    root: models

no_auth: false

launch:
  - {model: Strider, environment: Field, parameters: {depth: 3}, mode: inference, seed: 7}

launch_etc:
  - cmd: python3 limbs.py --port $ROS_PORT --token=''
  - cmd: python3 -m http.server 8082
    url: http://localhost:8082
"""

LATER = """
models:
  - {name: a, type: .tflite, path: a.tflite}
  - {name: b, type: tfagents.Agent, path: b.py}
  - {name: c, type: ptl.Module, path: c.py}
envs:
  - {name: Limbs, type: pyros, autostart: true, init_params: {port: 12345}}
model_hubs:
  - {type: gcloud_bucket, bucket: b}
  - {type: huggingface, view_qualifier: {owner: me}, account: me}
  - {type: github, account: me, password: "${process.ENV.GITHUB_PASSWORD}"}
authentication_providers:
  - {type: jwt, jwt_secret: "${process.ENV.JWT_SECRET}", public_can_create_account: false}
  - {type: google, key: k}
authorization_provider: {type: json_file, path: auth.json}
"""

ENVIRON = {"PATH": "/usr/bin:/bin", "PORT": "8000", "swing_key": "k-1", "swing_project": "p", "ROS_PORT": "12345"}


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    furnish(tmp_path)
    (tmp_path / "worlds.py").write_text("import gymnasium\n")
    return tmp_path


def test_every_key_that_this_version_has_is_understood(zoo: Path) -> None:
    """A configuration that uses all of them compiles to what it says."""
    environ = {**ENVIRON, "PATH": f"{Path(sys.executable).parent}:/usr/bin"}
    compiled = load(zoo, EVERYTHING, environ).compile()

    assert (compiled.host, compiled.port, compiled.no_auth) == ("localhost", 8000, False)
    assert (compiled.configuration["maxModels"], compiled.configuration["maxEnvironments"]) == (10, 1)
    swing, field = compiled.environments
    assert (swing["id"], swing["type"], swing["maxInstances"], swing["autostart"]) == (
        "world_swing",
        "gymnasium",
        None,
        False,
    )
    assert json.loads(swing["specJson"]) == {
        "type": "gymnasium",
        "name": "Swing",
        "path": "worlds.py",
        "env_name": "Swing-v0",
        "max_connected": 1,
        "create_params": [{"name": "speed", "display": "Top speed", "type": "str", "default": "slow"}],
        "init_params": {"speed": "${params.speed}", "key": "${env.swing_key}", "project": "${env.swing_project}"},
    }
    spec = json.loads(field["specJson"])
    assert (field["maxInstances"], field["autostart"]) == (1, True)
    assert spec["init_params"] == {**json.loads(swing["specJson"])["init_params"], "size": 4}
    assert spec["python"] == str(Path(sys.executable).parent / "python3")
    strider, walker = compiled.models
    assert (strider["name"], strider["providerId"], walker["name"], walker["providerId"]) == (
        "Strider",
        None,
        "Walker",
        "hub_models",
    )
    assert strider["parameters"][0]["display"] == "Number of layers"
    assert json.loads(strider["specJson"])["rate"] == 10.0
    assert compiled.launches == [
        {
            "name": "Strider",
            "modelId": strider["id"],
            "environmentId": "world_field",
            "parameters": {"depth": 3},
            "environmentParameters": {},
            "mode": {"training": False, "inference": True},
            "seed": 7,
        }
    ]
    assert [process.name for process in compiled.processes] == ["python3", "python3-2"]
    assert compiled.processes[0].environ["ROS_PORT"] == "12345"
    assert compiled.processes[1].url == "http://localhost:8082"
    assert compiled.state_dir == zoo / ".zoo"


def test_json_says_the_same(zoo: Path) -> None:
    """The same structure in JSON compiles to the same documents."""
    import yaml

    environ = {**ENVIRON, "PATH": f"{Path(sys.executable).parent}:/usr/bin"}
    text = json.dumps(yaml.safe_load(EVERYTHING.replace("1e1", "10.0")), indent="\t")

    assert (
        load(zoo, text, environ, "zoo.json").compile().configuration
        == load(zoo, EVERYTHING, environ).compile().configuration
    )


def test_what_comes_later_is_refused_by_name(zoo: Path) -> None:
    """Each type that this version lacks is one problem, and nothing more is said of it."""
    found = problems(zoo, LATER)

    refused = [".tflite", "tfagents.Agent", "ptl.Module", "pyros", "gcloud_bucket", "huggingface", "github", "jwt"]
    refused += ["google", "json_file"]
    assert len(found) == len(refused)
    for message, name in zip(found, refused, strict=True):
        assert f"type {name!r} is not supported by this version; supported: " in message


def test_numbers_are_numbers_and_words_are_words(zoo: Path) -> None:
    """Scalars follow YAML 1.2: 1e-3 is a number, NO and a date are text, octal needs its mark."""
    text = (
        "envs:\n  - env_name: A-v1\n    init_params: {a: 1e-3, b: NO, c: 2026-01-02, d: 010, e: 0x10, f: '1', g: null}"
    )
    spec = json.loads(load(zoo, text).compile().environments[0]["specJson"])

    assert spec["init_params"] == {"a": 0.001, "b": "NO", "c": "2026-01-02", "d": 10, "e": 16, "f": "1", "g": None}


def test_variables_take_the_type_of_their_key(zoo: Path) -> None:
    """A variable is text, and becomes a number or a flag where one is wanted."""
    text = "port: ${env.P}\nno_auth: ${env.F}\nmax_envs: ${env.L}\nlaunch_deadline: ${env.S}\nname: x-${env.P}"
    compiled = load(zoo, text, {"P": "81", "F": "TRUE", "L": "-1", "S": "1.5"}).compile()

    assert (compiled.port, compiled.no_auth, compiled.configuration["maxEnvironments"]) == (81, True, None)
    assert (compiled.configuration["launchDeadlineSeconds"], compiled.configuration["name"]) == (1.5, "x-81")


def test_secrets_are_used_and_never_shown(zoo: Path) -> None:
    """Values of .env.local reach side processes, and no specification, error or representation."""
    secret = "hunter2-hunter2"
    (zoo / ".env.local").write_text(f"TOKEN={secret}\nPORT='99999-{secret}'\n# comment\n")
    good = "name: zoo\nenvs:\n  - {env_name: A-v1, init_params: {key: '${env.TOKEN}'}}\nlaunch_etc: ['run $TOKEN']"
    server = load(zoo, good, {"PATH": "/bin"})
    compiled = server.compile()

    assert json.loads(compiled.environments[0]["specJson"])["init_params"] == {"key": "${env.TOKEN}"}
    assert compiled.secrets.get("TOKEN") == secret
    assert compiled.processes[0].environ["TOKEN"] == secret
    assert secret not in repr(server) + repr(compiled)
    bad = f"port: ${{env.PORT}}\nhost: ['${{env.TOKEN}}']\nmax_envs: {secret}\nmodels: [{{path: '${{env.TOKEN}}'}}]"
    found = problems(zoo, bad)
    assert len(found) == 4
    assert secret not in "".join(found)


def test_the_environment_goes_before_the_secrets_file(zoo: Path) -> None:
    """A variable that is exported overrides the one in .env.local."""
    (zoo / ".env.local").write_text("NAME=of the file\nOTHER=also")

    assert load(zoo, "name: ${env.NAME} ${env.OTHER}", {"NAME": "exported"}).compile().configuration["name"] == (
        "exported also"
    )


def test_relative_paths_start_at_the_file(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `zoo` is started does not matter."""
    monkeypatch.chdir("/")
    text = "models:\n  - path: ./models/walker.py\nstate_dir: var/state"

    compiled = load(zoo, text).compile()
    assert compiled.models[0]["source"] == "models/walker.py"
    assert compiled.home == zoo
    assert compiled.state_dir == zoo / "var" / "state"


def test_a_configuration_is_found_in_the_folder(
    zoo: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path: zoo.py, zoo.yaml, zoo.json of this folder, else the example, whose state stays here."""
    (zoo / "zoo.json").write_text('{"name": "json"}')
    monkeypatch.chdir(zoo)
    assert config.load(None, {}).compile().configuration["name"] == "json"
    (zoo / "zoo.yaml").write_text("name: yaml")
    assert config.load(None, {}).compile().configuration["name"] == "yaml"
    assert config.load(zoo, {}).compile().configuration["name"] == "yaml"
    empty = tmp_path_factory.mktemp("empty")
    monkeypatch.chdir(empty)

    example = config.load(None, {}).compile()
    assert example.configuration["name"] == "Example zoo"
    assert example.state_dir == empty / ".zoo"
