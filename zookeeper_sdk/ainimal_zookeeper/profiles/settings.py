"""What every deployable of a zoo reads from its environment about the place where it runs."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from .variables import Variables

ProfileName = Literal["embedded", "emulators", "gcp"]
PROFILES: tuple[str, ...] = get_args(ProfileName)

EMULATORS = ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")
AUTH_EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"
_ANY_EMULATOR = (*EMULATORS, AUTH_EMULATOR)
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """Where a zoo runs and what it is called there."""

    name: ProfileName
    """`ZOO_PROFILE`: "embedded" (the default), "emulators" or "gcp"."""
    secret: bytes = field(repr=False)
    """`ZOO_SECRET`: base64 of at least 32 bytes that tokens are made of. Not in the cloud: the file `secret` in the
    state directory, unless set."""
    state_dir: Path = Path(".zoo")
    """`ZOO_STATE_DIR`: embedded: all files of the zoo; emulators: its jobs and its secret; not used on gcp."""
    public_url: str = ""
    """`ZOO_PUBLIC_URL`, embedded only: where runners reach the zoo; links to objects start with it."""
    home: Path | None = None
    """`ZOO_HOME`, not on gcp: the folder of the configuration, where the paths in specifications begin and `.env.local`
    lies."""
    project: str = ""
    """`GOOGLE_CLOUD_PROJECT`."""
    database: str = "(default)"
    """`ZOO_DATABASE`: the Firestore database."""
    bucket: str = ""
    """`ZOO_BUCKET`: the Cloud Storage bucket."""
    topic_prefix: str = ""
    """`ZOO_TOPIC_PREFIX`: what the names of Pub/Sub topics and subscriptions start with."""
    auth_emulator: str = ""
    """`FIREBASE_AUTH_EMULATOR_HOST`, emulators only: whose tokens are asked for; empty: nobody needs one."""
    check_revoked: bool = False
    """`ZOO_CHECK_REVOKED`: "1" asks Firebase every few seconds whether a token was revoked or its user disabled."""

    @staticmethod
    def read(variables: Variables) -> ProfileSettings:
        """Notes problems in `variables`; what is returned then must not be used."""
        name = cast(ProfileName, variables.one_of("ZOO_PROFILE", PROFILES, "embedded"))
        _refuse_what_believes_everybody(name, variables)
        state_dir = Path(variables.get("ZOO_STATE_DIR", ".zoo")).absolute()
        secret = _secret(variables, None if name == "gcp" else state_dir)
        home = Path(variables.get("ZOO_HOME")).absolute() if variables.get("ZOO_HOME") and name != "gcp" else None
        if name == "embedded":
            return ProfileSettings(name, secret, state_dir, variables.get("ZOO_PUBLIC_URL").rstrip("/"), home)
        if name == "emulators":
            for emulator in EMULATORS:
                variables.required(emulator, "the address of a running emulator, or use `zoo up --profile emulators`")
        return ProfileSettings(
            name,
            secret,
            state_dir,
            home=home,
            project=variables.required("GOOGLE_CLOUD_PROJECT", "the project of the zoo"),
            database=variables.get("ZOO_DATABASE", "(default)"),
            bucket=variables.required("ZOO_BUCKET", "the bucket of the zoo"),
            topic_prefix=variables.get("ZOO_TOPIC_PREFIX"),
            auth_emulator=variables.read(AUTH_EMULATOR, _host_and_port, "", "host:port"),
            check_revoked=variables.one_of("ZOO_CHECK_REVOKED", ("0", "1"), "0") == "1",
        )


def _refuse_what_believes_everybody(name: str, variables: Variables) -> None:
    """Emulators believe whatever they are told: whoever sets one of these in the cloud could be anybody there.

    The embedded profile asks nobody who comes from this computer, and in the cloud a proxy decides who seems to.
    """
    where = "in Cloud Run" if variables.get("K_SERVICE") else "on the profile 'gcp'" if name == "gcp" else None
    if where is None:
        return
    if name == "emulators":
        variables.problems.append(f"ZOO_PROFILE is 'emulators' {where}; emulators believe everybody: use 'gcp'")
    if name == "embedded":
        variables.problems.append(f"ZOO_PROFILE is 'embedded' {where}; it believes whoever seems local: use 'gcp'")
    variables.problems += [
        f"{emulator} is set {where}; emulators believe everybody: remove it"
        for emulator in _ANY_EMULATOR
        if variables.get(emulator)
    ]


def _host_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise ValueError(text)
    return text


def _secret(variables: Variables, state_dir: Path | None) -> bytes:
    given = variables.get("ZOO_SECRET")
    if not given and state_dir is not None:
        try:
            return (state_dir / "secret").read_bytes()
        except OSError:
            variables.problems.append(
                f"ZOO_STATE_DIR is {str(state_dir)!r}, which has no zoo; start one there with `zoo up`"
            )
            return b""
    try:
        secret = base64.b64decode(given, validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) < SECRET_BYTES:
        # The value is not told: messages end up in logs.
        variables.problems.append(
            f"ZOO_SECRET is {'wrong' if given else 'not set'}; it must be base64 of at least {SECRET_BYTES} random "
            "bytes: openssl rand -base64 32"
        )
    return secret
