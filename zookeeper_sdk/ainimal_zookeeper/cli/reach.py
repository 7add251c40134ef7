"""What a command can read of a zoo's storage without asking the zoo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ainimal_zookeeper.client.address import announced
from ainimal_zookeeper.domain.errors import InvalidInput

if TYPE_CHECKING:
    from ainimal_zookeeper.client import Zookeeper
    from ainimal_zookeeper.ports.bucket import Bucket
    from ainimal_zookeeper.profiles import ProfileSettings

_OWN_STATE = Path(".zoo")


@contextmanager
def reachable_bucket(zoo: Zookeeper, state_dir: Path | None, environ: Mapping[str, str]) -> Iterator[Bucket]:
    """Opens the bucket of `zoo`: of an embedded one its state directory, of one on emulators that of Cloud Storage.

    state_dir: None: that of the zoo that was started in this folder.
    Raises: InvalidInput when it is not of this machine, with what to do.
    """
    from ainimal_zookeeper.profiles import open_profile

    profile = open_profile(_settings(zoo, state_dir, environ))
    try:
        yield profile.bucket
    finally:
        profile.close()


def _settings(zoo: Zookeeper, state_dir: Path | None, environ: Mapping[str, str]) -> ProfileSettings:
    from ainimal_zookeeper.profiles import ProfileSettings

    place = zoo.server()["profile"]
    if place == "embedded":
        return ProfileSettings("embedded", b"", _state_of(zoo, state_dir))
    if place == "emulators" and environ.get("STORAGE_EMULATOR_HOST"):
        from ainimal_zookeeper.server.emulated import storage_names

        project, bucket = storage_names(environ)
        return ProfileSettings("emulators", b"", project=project, bucket=bucket)
    todo = "name its storage in STORAGE_EMULATOR_HOST" if place == "emulators" else "ask its operator for a clone"
    raise InvalidInput(f"the zoo at {zoo.url} keeps its checkpoints where this command cannot read them; {todo}")


def _state_of(zoo: Zookeeper, given: Path | None) -> Path:
    state_dir = given or _OWN_STATE
    if not (state_dir / "bucket").is_dir():
        raise InvalidInput(
            f"{state_dir.absolute()} is not the state of a zoo; run this on the machine of the zoo at {zoo.url}, "
            "in the folder that it was started in, or name its state with --state-dir"
        )
    url = announced(state_dir / "lock")
    if given is None and url != zoo.url:
        raise InvalidInput(
            f"{state_dir.absolute()} is the state of {'no running zoo' if url is None else url}, not of {zoo.url}; "
            "name that zoo's state with --state-dir"
        )
    return state_dir
