"""Every key of a configuration, declared once: what it takes, and where.

YAML and JSON files, `Server(...)` and the reference in docs/configuration.md all follow these tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal[
    "text", "kept text", "type", "flag", "port", "at least 1", "limit", "seconds", "seconds or 0", "minutes", "rate",
    "whole number", "python file", "model file", "folder", "new folder", "interpreter", "identifier",
    "values", "init_params", "create_params", "mode", "origins", "command", "variables",
    "server", "models", "environments", "model_providers", "compute_providers", "launches", "processes", "unsupported",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """One key; `aliases` are other words for it, as the older YAML form has them."""

    kind: Kind
    required: bool = False
    aliases: tuple[str, ...] = ()


Keys = dict[str, Key]

SERVER: Final[Keys] = {
    "host": Key("text"),
    "port": Key("port"),
    "https": Key("flag"),
    "client": Key("flag"),
    "allowed_origins": Key("origins"),
    "state_dir": Key("new folder"),
}

ZOO: Final[Keys] = {
    "name": Key("text"),
    "server": Key("server"),
    **SERVER,
    "no_auth": Key("flag"),
    "max_envs": Key("limit"),
    "max_models": Key("limit"),
    "launch_deadline": Key("seconds"),
    "models": Key("models"),
    "model_providers": Key("model_providers", aliases=("model_hubs",)),
    "environments": Key("environments", aliases=("envs",)),
    "compute_providers": Key("compute_providers"),
    "launch": Key("launches"),
    "launch_etc": Key("processes"),
    "authentication_providers": Key("unsupported"),
    "authorization_provider": Key("unsupported"),
}

AUTOSAVE: Final[Keys] = {
    "autosave_minutes": Key("minutes"),
    "autosave_steps": Key("at least 1"),
    "keep_checkpoints": Key("at least 1"),
}

CHECKPOINTS: Final[Keys] = {**AUTOSAVE, "push_checkpoints": Key("flag"), "flight_seconds": Key("seconds or 0")}

MODEL: Final[Keys] = {
    "name": Key("text"),
    "type": Key("type"),
    "description": Key("text"),
    "path": Key("model file", required=True),
    "class_name": Key("identifier"),
    "act_func": Key("identifier"),
    "train_func": Key("identifier"),
    "reset_func": Key("identifier"),
    "input_modalities_func": Key("identifier"),
    "output_modalities_func": Key("identifier"),
    "save_func": Key("identifier"),
    "load_func": Key("identifier"),
    "create_params": Key("create_params"),
    "init_params": Key("init_params"),
    "python": Key("interpreter"),
    "rate": Key("rate"),
    **CHECKPOINTS,
}

ENVIRONMENT: Final[Keys] = {
    "name": Key("text"),
    "type": Key("type"),
    "path": Key("python file"),
    "class_name": Key("identifier"),
    "env_name": Key("kept text"),
    "step_function": Key("identifier"),
    "reset_function": Key("identifier"),
    "render_function": Key("identifier"),
    "create_params": Key("create_params"),
    "init_params": Key("init_params"),
    "num_envs": Key("at least 1"),
    "max_connected": Key("at least 1"),
    "max_instances": Key("limit"),
    "step_timeout": Key("seconds"),
    "autostart": Key("flag"),
    "python": Key("interpreter"),
}

MODEL_PROVIDER: Final[Keys] = {
    "type": Key("type"),
    "name": Key("text"),
    "root": Key("folder", required=True),
    "environments": Key("flag"),
    "python": Key("interpreter"),
    "rate": Key("rate"),
    **CHECKPOINTS,
}

COMPUTE_PROVIDER: Final[Keys] = {
    "type": Key("type"),
    "name": Key("text"),
    "python": Key("interpreter"),
}

LAUNCH: Final[Keys] = {
    "model": Key("text", required=True),
    "environment": Key("text"),
    "name": Key("text"),
    "parameters": Key("values"),
    "environment_parameters": Key("values"),
    "mode": Key("mode"),
    "seed": Key("whole number"),
}

SIDE_PROCESS: Final[Keys] = {
    "cmd": Key("command", required=True),
    "name": Key("text"),
    "url": Key("text"),
    "cwd": Key("folder"),
    "env": Key("variables"),
    "shell": Key("flag"),
    "restart": Key("flag"),
}

TABLES: Final[dict[str, Keys]] = {
    "the zoo": ZOO,
    "server": SERVER,
    "models": MODEL,
    "environments": ENVIRONMENT,
    "model_providers": MODEL_PROVIDER,
    "compute_providers": COMPUTE_PROVIDER,
    "launch": LAUNCH,
    "launch_etc": SIDE_PROCESS,
}

# Keys that mean the same for every type, those of later versions too.
COMMON: Final = (
    "name",
    "description",
    "create_params",
    "rate",
    *AUTOSAVE,
    "max_connected",
    "max_instances",
    "step_timeout",
    "autostart",
)

# What may stand behind `type`, and the type that it means.
TYPES: Final[dict[str, dict[str, str]]] = {
    "models": {
        "python_class": "python_class",
        "AInimal": "python_class",
        "pickle": "pickle",
        ".pkl": "pickle",
        ".pickle": "pickle",
        "archive": "archive",
        ".zip": "archive",
        "onnx": "onnx",
        ".onnx": "onnx",
    },
    "environments": {
        "python_class": "python_class",
        "AInimal.Env": "python_class",
        "gymnasium": "gymnasium",
        "gym.Env": "gymnasium",
        "gymnasium.Env": "gymnasium",
        "dm_env": "dm_env",
        "dm_env.Env": "dm_env",
        "dm_env.Environment": "dm_env",
    },
    "model_providers": {"local_filesystem": "local_filesystem"},
    "compute_providers": {"local": "local"},
}
