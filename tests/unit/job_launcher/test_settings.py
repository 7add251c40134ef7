"""What the launcher's functions read of their environment: who may call, and what is published."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from job_launcher.settings import Settings

CLOUD = {
    "ZOO_PROFILE": "gcp",
    "ZOO_SECRET": base64.b64encode(b"s" * 32).decode(),
    "GOOGLE_CLOUD_PROJECT": "a-zoo",
    "ZOO_BUCKET": "a-bucket",
    "ZOO_LINK_URL": "https://link.example/",
}
CALLER = {"ZOO_CALLER_ACCOUNT": "push@a-zoo.iam.gserviceaccount.com", "ZOO_CALLER_AUDIENCE": "https://launch.example"}


def test_cloud_must_name_its_caller() -> None:
    """A function that everybody could call does not start; all that is missing is told at once."""
    with pytest.raises(InvalidInput, match=r"GOOGLE_CLOUD_PROJECT.*ZOO_CALLER_ACCOUNT is not set.*ZOO_CALLER_AUDIENCE"):
        Settings.from_environ({**CLOUD, "GOOGLE_CLOUD_PROJECT": ""})
    settings = Settings.from_environ({**CLOUD, **CALLER})
    assert (settings.caller_account, settings.caller_audience) == tuple(CALLER.values())


@pytest.mark.parametrize("name", CALLER)
def test_caller_is_not_named_by_halves(tmp_path: Path, name: str) -> None:
    """Wherever one of both is set, a check is meant."""
    (tmp_path / "secret").write_bytes(b"secret")
    environ = {"ZOO_STATE_DIR": str(tmp_path), "ZOO_LINK_URL": "http://link"}
    assert Settings.from_environ(environ).caller_account == ""
    (other,) = CALLER.keys() - {name}
    with pytest.raises(InvalidInput, match=f"{other} is not set"):
        Settings.from_environ({**environ, name: CALLER[name]})


def test_configuration_lies_beside_the_entry_point(tmp_path: Path) -> None:
    """Unless another one is named; without either the catalogue is left alone."""
    environ = {**CLOUD, **CALLER}
    assert Settings.from_environ(environ).configuration is None
    assert Settings.from_environ(environ, tmp_path).configuration is None
    (tmp_path / "configuration.json").write_text("{}")
    assert Settings.from_environ(environ, tmp_path).configuration == tmp_path / "configuration.json"
    named = Settings.from_environ({**environ, "ZOO_CONFIGURATION": "/elsewhere/zoo.json"}, tmp_path)
    assert named.configuration == Path("/elsewhere/zoo.json")
