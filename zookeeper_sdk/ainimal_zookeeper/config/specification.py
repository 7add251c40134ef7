"""What a runner needs to load a model or an environment: plain JSON values, made by the configuration.

`config` writes them into the `specJson` of catalogue documents, the runner link hands them out at the claim, and
`models` and `environments` read them in the runner.

Specifications are the same in every clone of a configuration, and hold no secrets:
- A path below the configuration's folder is relative to it, with slashes; the runner completes it with ZOO_HOME, the
  folder on its own machine. Other paths are absolute, and only of use on the machine of the configuration; so were all
  paths of earlier versions.
- `${params.x}` in `init_params` is filled in in the runner, from the parameters of the launch.
- `${env.X}` in `init_params` and `env_name` is filled in in the runner, in the same pass, from `variables`. That key is
  never stored: the runner link adds it at the claim, with the names that this specification refers to and no others.
"""

from __future__ import annotations

from typing import Any, TypedDict


class ModelSpec(TypedDict, total=False):
    """`type` picks the loader in `models`; keys that are absent are inferred from the code."""

    type: str  # "python_class" (also for AInimal subclasses), "pickle", "archive" (a packed folder), "onnx"
    name: str
    path: str  # the file, see above; set by the runner for one that was uploaded
    class_name: str
    act_func: str
    train_func: str
    reset_func: str
    input_modalities_func: str
    output_modalities_func: str
    save_func: str
    load_func: str
    init_params: dict[str, Any]
    variables: dict[str, str]  # set by the runner link: secrets, never to be stored or shown
    create_params: list[dict[str, Any]]
    python: str  # interpreter to run it with, on the machine of the configuration
    module: str  # set by a loader: what to call the module
    save_path: str  # set by the runner: the folder of a checkpoint, for a constructor that takes save_path
    rate: float | None  # steps per second to begin with
    autosave: dict[str, Any]  # {steps, minutes, keep}: after how many it is saved, None: never; how many of those stay
    flight: dict[str, Any]  # {seconds}: how far back it can be recorded after the fact; absent: the runner decides
    push_checkpoints: bool  # False: their tags stay in the zoo; absent: they go where the source is


class EnvironmentSpec(TypedDict, total=False):
    """`type`: "gymnasium", "dm_env" or "python_class"."""

    type: str
    name: str
    path: str | None  # see above
    class_name: str
    env_name: str  # registered Gymnasium id
    step_function: str
    reset_function: str
    render_function: str
    init_params: dict[str, Any]
    variables: dict[str, str]  # as in ModelSpec
    create_params: list[dict[str, Any]]
    num_envs: int  # above 1: a Gymnasium vector environment
    max_connected: int
    step_timeout: float  # seconds a world of several seats waits for a late action
    python: str
