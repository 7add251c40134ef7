"""Which variables of its environment the runner link hands out as a function."""

from __future__ import annotations

import base64
from pathlib import Path

from runner_link.secrets import GivenSecrets
from runner_link.settings import Settings

CLOUD = {
    "ZOO_PROFILE": "gcp",
    "ZOO_SECRET": base64.b64encode(b"s" * 32).decode(),
    "GOOGLE_CLOUD_PROJECT": "a-zoo",
    "ZOO_BUCKET": "bucket",
}


def test_only_what_was_given_for_user_code_can_be_read() -> None:
    """No reference reaches the zoo's secret, tokens or credentials, whatever it is called."""
    environ = {
        "ZOO_SECRET": "never",
        "GOOGLE_APPLICATION_CREDENTIALS": "never",
        "OPENAI_KEY": "never",
        "ZOO_VARIABLE_OPENAI_KEY": "sk-hunter2",
        "ZOO_VARIABLE_ZOO_SECRET": "never",
    }
    secrets = GivenSecrets(environ)
    names = ("ZOO_SECRET", "GOOGLE_APPLICATION_CREDENTIALS", "VARIABLE_OPENAI_KEY", "ZOO_VARIABLE_OPENAI_KEY", "X")
    assert [secrets.get(name) for name in names] == [None] * 5
    assert secrets.get("OPENAI_KEY") == "sk-hunter2"
    assert "sk-hunter2" not in repr(secrets)
    assert "ZOO_VARIABLE_ABSENT" in secrets.advice("ABSENT")


def test_in_the_cloud_no_file_is_read(tmp_path: Path) -> None:
    """ZOO_HOME counts only where a zoo's folder can lie: on an operator's machine."""
    (tmp_path / ".env.local").write_text("OPENAI_KEY=of the file")
    given = {**CLOUD, "ZOO_HOME": str(tmp_path), "ZOO_VARIABLE_OPENAI_KEY": "given", "OTHER": "never"}
    settings = Settings.from_environ(given)
    assert (settings.secrets.get("OPENAI_KEY"), settings.secrets.get("OTHER")) == ("given", None)
    assert "given" not in repr(settings)


def test_beside_a_zoo_its_own_file_is_read(tmp_path: Path) -> None:
    """On the emulators a reference finds what it finds in `zoo up`."""
    (tmp_path / ".env.local").write_text("OPENAI_KEY=of the file")
    emulators = {f"{name}_EMULATOR_HOST": "127.0.0.1:1" for name in ("FIRESTORE", "PUBSUB", "STORAGE")}
    environ = {**CLOUD, **emulators, "ZOO_PROFILE": "emulators", "ZOO_HOME": str(tmp_path), "WORLD": "A-v1"}
    secrets = Settings.from_environ(environ).secrets
    assert [secrets.get(name) for name in ("OPENAI_KEY", "WORLD", "ZOO_SECRET")] == ["of the file", "A-v1", None]
