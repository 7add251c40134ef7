"""What deployables read of their environment: where they run, and what is refused there."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.profiles import ProfileSettings, open_profile
from ainimal_zookeeper.profiles.settings import EMULATORS
from graphql_api.settings import Settings as ApiSettings
from job_launcher.settings import Settings as LauncherSettings
from runner_link.settings import Settings as LinkSettings

SECRET = base64.b64encode(b"s" * 32).decode()
CLOUD = {
    "ZOO_PROFILE": "gcp",
    "ZOO_SECRET": SECRET,
    "GOOGLE_CLOUD_PROJECT": "a-zoo",
    "ZOO_BUCKET": "a-bucket",
    "ZOO_LINK_URL": "https://link.example/",
    "ZOO_CALLER_ACCOUNT": "push@a-zoo.iam.gserviceaccount.com",
    "ZOO_CALLER_AUDIENCE": "https://launch.example",
}
Read = Callable[[Mapping[str, str]], Any]


@pytest.fixture(params=[ApiSettings, LauncherSettings, LinkSettings], ids=["api", "launcher", "link"])
def read(request: pytest.FixtureRequest) -> Read:
    found: Read = request.param.from_environ
    return found


def test_every_bad_variable_is_named(read: Read, tmp_path: Path) -> None:
    """A deployment that lacks several variables is told of all at once, with what to do."""
    with pytest.raises(InvalidInput, match=r"ZOO_PROFILE is 'moon'; it must be one of: embedded, .*; .*`zoo up`"):
        read({"ZOO_PROFILE": "moon", "ZOO_STATE_DIR": str(tmp_path), "ZOO_LINK_URL": "x", "ZOO_PUBLIC_URL": "x"})
    with pytest.raises(
        InvalidInput, match=r"ZOO_SECRET is not set.*GOOGLE_CLOUD_PROJECT is not set.*ZOO_BUCKET is not"
    ):
        read({"ZOO_PROFILE": "gcp", "ZOO_LINK_URL": "x"})


def test_embedded_profile_is_the_default(tmp_path: Path) -> None:
    """The state directory of a zoo is all that it takes."""
    (tmp_path / "secret").write_bytes(b"secret")
    settings = ApiSettings.from_environ({"ZOO_STATE_DIR": str(tmp_path)}).profile
    assert settings == ProfileSettings("embedded", b"secret", tmp_path)
    assert open_profile(settings).name == "embedded"


def test_only_a_machine_with_the_zoos_files_has_a_home(tmp_path: Path) -> None:
    """ZOO_HOME is where they are; in the cloud there are none beside the functions."""
    (tmp_path / "secret").write_bytes(b"secret")
    here = {"ZOO_STATE_DIR": str(tmp_path), "ZOO_HOME": str(tmp_path / "zoo")}
    assert ApiSettings.from_environ(here).profile.home == tmp_path / "zoo"
    assert ApiSettings.from_environ({"ZOO_STATE_DIR": str(tmp_path)}).profile.home is None
    assert ApiSettings.from_environ({**CLOUD, **here}).profile.home is None


def test_scripts_reach_the_runner_link_where_it_is_said(tmp_path: Path) -> None:
    """Without its address none can attach."""
    (tmp_path / "secret").write_bytes(b"secret")
    here = {"ZOO_STATE_DIR": str(tmp_path)}
    assert ApiSettings.from_environ({**here, "ZOO_LINK_URL": "http://zoo/runner/"}).link_url == "http://zoo/runner"
    assert ApiSettings.from_environ(here).link_url is None


def test_cloud_profile_names_its_places(read: Read) -> None:
    """Project, database, bucket and topics come from the environment."""
    profile: ProfileSettings = read({**CLOUD, "ZOO_DATABASE": "zoo", "ZOO_TOPIC_PREFIX": "zoo-"}).profile
    assert (profile.project, profile.database, profile.bucket) == ("a-zoo", "zoo", "a-bucket")
    assert (profile.topic_prefix, profile.secret) == ("zoo-", b"s" * 32)


@pytest.mark.parametrize("emulator", [*EMULATORS, "FIREBASE_AUTH_EMULATOR_HOST"])
@pytest.mark.parametrize("where", [{"K_SERVICE": "zoo"}, {}], ids=["in Cloud Run", "profile gcp"])
def test_an_emulator_in_the_cloud_is_refused(read: Read, emulator: str, where: dict[str, str]) -> None:
    """Emulators believe everybody; a function with one of them does not start in the cloud."""
    with pytest.raises(InvalidInput, match=f"{emulator} is set .*; emulators believe everybody: remove it"):
        read({**CLOUD, **where, emulator: "127.0.0.1:1"})


def test_the_emulators_profile_is_refused_in_the_cloud(read: Read) -> None:
    """Also where no emulator is named yet."""
    with pytest.raises(InvalidInput, match="ZOO_PROFILE is 'emulators' in Cloud Run"):
        read({**CLOUD, "ZOO_PROFILE": "emulators", "K_SERVICE": "zoo"})


@pytest.mark.parametrize("named", [{"ZOO_PROFILE": "embedded"}, {"ZOO_PROFILE": ""}], ids=["named", "by default"])
def test_the_embedded_profile_is_refused_in_the_cloud(read: Read, named: dict[str, str]) -> None:
    """It asks nobody for a token, and what it keeps is gone with the process."""
    with pytest.raises(InvalidInput, match="ZOO_PROFILE is 'embedded' in Cloud Run"):
        read({**CLOUD, **named, "ZOO_PUBLIC_URL": "https://zoo.example", "K_SERVICE": "zoo"})


def test_emulators_must_be_named(read: Read) -> None:
    """The profile never falls back to the real cloud."""
    with pytest.raises(InvalidInput) as refused:
        read({**CLOUD, "ZOO_PROFILE": "emulators"})
    assert all(f"{emulator} is not set" in refused.value.message for emulator in EMULATORS)


@pytest.mark.parametrize("secret", ["short", base64.b64encode(b"s" * 31).decode(), "*" * 60])
def test_a_weak_secret_is_refused_and_not_told(read: Read, secret: str) -> None:
    """Messages end up in logs: they name the variable, never its value."""
    with pytest.raises(InvalidInput, match="ZOO_SECRET is wrong") as refused:
        read({**CLOUD, "ZOO_SECRET": secret})
    assert secret not in refused.value.message


def test_secret_is_not_in_the_representation(read: Read) -> None:
    """Settings may be logged."""
    assert "ssss" not in repr(read(CLOUD))


def test_a_port_that_nobody_wants_costs_no_import() -> None:
    """A cold start waits for the libraries of the ports that are used, and for no others."""
    program = (
        "import sys; from ainimal_zookeeper.profiles import ProfileSettings, open_profile;"
        "open_profile(ProfileSettings('gcp', b's' * 32, project='a-zoo', bucket='b'));"
        "heavy = ('google.cloud.', 'google.auth', 'grpc', 'sqlite3', 'psutil');"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
