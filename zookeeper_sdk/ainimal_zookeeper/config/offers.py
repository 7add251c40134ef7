"""What a `Server(...)` is made of: models, environments, where they come from, where they run, what starts with it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Union

from .node import Described, caller

FilePath = Union[str, "os.PathLike[str]"]
CreateParams = Sequence[Mapping[str, Any]]


class LocalModelProvider(Described):
    """Offers the model classes in the Python files under the folder `root`, its Envs when `environments`, and each
    pickle, zip and ONNX file there."""

    SECTION: ClassVar[str] = "model_providers"
    TYPE: ClassVar[str | None] = "local_filesystem"

    def __init__(
        self,
        root: FilePath | None = None,
        *,
        name: str | None = None,
        environments: bool | None = None,
        python: FilePath | None = None,
        rate: float | None = None,
        autosave_minutes: float | None = None,
        autosave_steps: int | None = None,
        keep_checkpoints: int | None = None,
        push_checkpoints: bool | None = None,
        flight_seconds: float | None = None,
        **unknown: Any,
    ) -> None:
        self._describe(locals(), caller(1))


class PythonModel(Described):
    """Offers one class of the Python file `path`; the `..._func` keys name methods that have unusual names."""

    SECTION: ClassVar[str] = "models"
    TYPE: ClassVar[str | None] = "python_class"

    def __init__(
        self,
        path: FilePath | None = None,
        *,
        class_name: str | None = None,
        name: str | None = None,
        description: str | None = None,
        act_func: str | None = None,
        train_func: str | None = None,
        reset_func: str | None = None,
        input_modalities_func: str | None = None,
        output_modalities_func: str | None = None,
        save_func: str | None = None,
        load_func: str | None = None,
        create_params: CreateParams | None = None,
        init_params: Mapping[str, Any] | None = None,
        python: FilePath | None = None,
        rate: float | None = None,
        autosave_minutes: float | None = None,
        autosave_steps: int | None = None,
        keep_checkpoints: int | None = None,
        push_checkpoints: bool | None = None,
        flight_seconds: float | None = None,
        **unknown: Any,
    ) -> None:
        self._describe(locals(), caller(1))


class PackedModel(PythonModel):
    """Offers the model in the file `path`: `.pkl` or `.pickle`, one pickled object; `.zip`, a packed folder; `.onnx`,
    a graph.

    What can be said of it is what can be said of a class.
    """

    TYPE: ClassVar[str | None] = None


class PythonEnvironment(Described):
    """Offers an environment class of the Python file `path`: an Env, or any class with reset and step."""

    SECTION: ClassVar[str] = "environments"
    TYPE: ClassVar[str | None] = "python_class"

    def __init__(
        self,
        path: FilePath | None = None,
        *,
        class_name: str | None = None,
        name: str | None = None,
        step_function: str | None = None,
        reset_function: str | None = None,
        render_function: str | None = None,
        num_envs: int | None = None,
        create_params: CreateParams | None = None,
        init_params: Mapping[str, Any] | None = None,
        max_instances: int | None = None,
        max_connected: int | None = None,
        step_timeout: float | None = None,
        autostart: bool | None = None,
        python: FilePath | None = None,
        **unknown: Any,
    ) -> None:
        self._describe(locals(), caller(1))


class GymnasiumEnvironment(Described):
    """Offers a registered Gymnasium environment, or a `gymnasium.Env` class of the file `path`.

    With both `env_name` and `path`, the file is imported first: it registers the name.
    """

    SECTION: ClassVar[str] = "environments"
    TYPE: ClassVar[str | None] = "gymnasium"

    def __init__(
        self,
        env_name: str | None = None,
        *,
        path: FilePath | None = None,
        class_name: str | None = None,
        name: str | None = None,
        num_envs: int | None = None,
        create_params: CreateParams | None = None,
        init_params: Mapping[str, Any] | None = None,
        max_instances: int | None = None,
        max_connected: int | None = None,
        step_timeout: float | None = None,
        autostart: bool | None = None,
        python: FilePath | None = None,
        **unknown: Any,
    ) -> None:
        self._describe(locals(), caller(1))


class DmEnvironment(Described):
    """Offers a `dm_env.Environment` class of the Python file `path`, or a function there that makes one."""

    SECTION: ClassVar[str] = "environments"
    TYPE: ClassVar[str | None] = "dm_env"

    def __init__(
        self,
        path: FilePath | None = None,
        *,
        class_name: str | None = None,
        name: str | None = None,
        num_envs: int | None = None,
        create_params: CreateParams | None = None,
        init_params: Mapping[str, Any] | None = None,
        max_instances: int | None = None,
        max_connected: int | None = None,
        step_timeout: float | None = None,
        autostart: bool | None = None,
        python: FilePath | None = None,
        **unknown: Any,
    ) -> None:
        self._describe(locals(), caller(1))


class LocalComputeProvider(Described):
    """Runs instances as processes of this machine, with the interpreter `python` unless they name their own."""

    SECTION: ClassVar[str] = "compute_providers"
    TYPE: ClassVar[str | None] = "local"

    def __init__(self, *, name: str | None = None, python: FilePath | None = None, **unknown: Any) -> None:
        self._describe(locals(), caller(1))


class Launch(Described):
    """An instance that the zoo launches at its start, unless one of that name lives already.

    model, environment: names (or ids) of what the zoo offers; without an environment the model waits for inputs.
    """

    SECTION: ClassVar[str] = "launch"

    def __init__(
        self,
        model: str | None = None,
        environment: str | None = None,
        *,
        name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        environment_parameters: Mapping[str, Any] | None = None,
        mode: Literal["both", "training", "inference", "none"] | None = None,
        seed: int | None = None,
        **unknown: Any,
    ) -> None:
        self._describe(locals(), caller(1))


class SideProcess(Described):
    """A process that starts and ends with the zoo; `url` is where people find what it serves."""

    SECTION: ClassVar[str] = "launch_etc"

    def __init__(
        self,
        cmd: str | None = None,
        *,
        name: str | None = None,
        url: str | None = None,
        cwd: FilePath | None = None,
        env: Mapping[str, str] | None = None,
        shell: bool | None = None,
        restart: bool | None = None,
        **unknown: Any,
    ) -> None:
        self._describe(locals(), caller(1))
