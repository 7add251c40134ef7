"""Signing in with Firebase: accounts of its emulator, and the API behind functions-framework, in a process of its own.

FIREBASE_AUTH_EMULATOR_HOST names an emulator that runs already; else the one of tests/emulators/firebase is started.
"""

from __future__ import annotations

import base64
import json
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ainimal_zookeeper.adapters.gcp.firebase_claims import SKEW_S
from ainimal_zookeeper.cli.exit_status import EXIT_STATUS
from ainimal_zookeeper.cli.main import zoo
from ainimal_zookeeper.client import Zookeeper
from ainimal_zookeeper.domain.errors import NotFound, Unauthenticated
from ainimal_zookeeper.server.emulators import AUTH, Emulators
from click.testing import CliRunner
from httpx_sse import connect_sse

from tests.conftest import find_tool, give_up
from tests.e2e.hosting import until
from tests.emulators.deployed import Function
from tests.emulators.processes import environment

pytestmark = pytest.mark.emulators

PROJECT = "demo-zoo"
CLIENT = "https://zoo.example"
VIEWER = "{viewer{anonymous can}}"
LIVE = "subscription{live(input:{}){kind}}"
FUNCTION = Path(__file__).parents[2] / "functions" / "graphql_api"
TOOLS = Path(__file__).parent / "firebase" / "node_modules" / ".bin"


@pytest.fixture(scope="module")
def auth_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an emulator of Firebase Auth."""
    if not os.environ.get(AUTH.variable):
        find_tool("node", "apt-get install nodejs npm")
        if not (TOOLS / "firebase").exists():
            give_up("firebase-tools is not installed; install it with: make firebase-when-node")
    with environment({"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}):
        emulators = Emulators(tmp_path_factory.mktemp("auth"), [AUTH], os.environ, lasting=False)
        try:
            emulators.start()
        except NotFound as error:
            give_up(error.message)
    try:
        yield emulators.variables[AUTH.variable]
    finally:
        emulators.end()


class Accounts:
    """Users of the emulator, by the addresses that Firebase's own libraries use."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(
            base_url=f"http://{address}/identitytoolkit.googleapis.com/v1/", trust_env=False, timeout=30
        )

    def new(self, role: str | None = None) -> Account:
        """Returns the account of somebody who signs up; an operator gives it `role`."""
        account = Account(self, f"{uuid.uuid4().hex}@zoo.example")
        account.id = self.ask("accounts:signUp?key=any", email=account.email, password=account.password)["localId"]
        if role is not None:
            account.change(customAttributes=json.dumps({"zoo_role": role}))
        return account

    def ask(self, place: str, **said: Any) -> dict[str, Any]:
        answer = self._http.post(f"/{place}", json=said, headers={"Authorization": "Bearer owner"}).raise_for_status()
        read: dict[str, Any] = answer.json()
        return read

    def close(self) -> None:
        self._http.close()


class Account:
    def __init__(self, accounts: Accounts, email: str) -> None:
        self._accounts = accounts
        self.id = ""
        self.email = email
        self.password = uuid.uuid4().hex

    def sign_in(self) -> str:
        """Returns an ID token."""
        said = {"email": self.email, "password": self.password, "returnSecureToken": True}
        token: str = self._accounts.ask("accounts:signInWithPassword?key=any", **said)["idToken"]
        return token

    def change(self, **values: Any) -> None:
        self._accounts.ask(f"projects/{PROJECT}/accounts:update", localId=self.id, **values)

    def delete(self) -> None:
        self._accounts.ask(f"projects/{PROJECT}/accounts:delete", localId=self.id)


@pytest.fixture(scope="module")
def accounts(auth_emulator: str) -> Iterator[Accounts]:
    made = Accounts(auth_emulator)
    yield made
    made.close()


@pytest.fixture(scope="module")
def api(auth_emulator: str, firestore_emulator: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    """The API of a zoo whose visitors are to sign in, and whose tokens may be revoked."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "secret").write_bytes(os.urandom(32))
    environ = {
        "PUBSUB_EMULATOR_HOST": "127.0.0.1:1",
        "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1",
        **os.environ,
        "FIREBASE_AUTH_EMULATOR_HOST": auth_emulator,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "ZOO_ALLOWED_ORIGINS": CLIENT,
        "ZOO_BUCKET": "runs",
        "ZOO_CHECK_REVOKED": "1",
        "ZOO_PROFILE": "emulators",
        "ZOO_STATE_DIR": str(folder),
    }
    function = Function(FUNCTION, "graphql", environ, folder / "log")
    function.start()
    try:
        until(function.listens)
        yield function
    finally:
        function.kill()


def ask(api: Function, token: str | None = None, query: str = VIEWER) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{api.url}/graphql", json={"query": query}, headers=headers, trust_env=False, timeout=30)


def viewer(api: Function, token: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = ask(api, token).json()["data"]["viewer"]
    return found


def refusal(response: httpx.Response) -> str:
    assert response.status_code == 401
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    message: str = error["message"]
    return message


def changed(token: str, **claims: Any) -> str:
    """Returns the token with other claims: it is not signed, as none of the emulator's is."""
    head, body, _ = token.split(".")
    said = {**json.loads(base64.urlsafe_b64decode(body + "==")), **claims}
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b'=').decode()}."


def test_who_signs_in_has_the_rights_of_its_role(api: Function, accounts: Accounts) -> None:
    """Sign up, be made an operator, sign in with the password, and ask with the token."""
    token = accounts.new("OPERATOR").sign_in()
    assert viewer(api, token)["anonymous"] is False
    assert "LAUNCH" in viewer(api, token)["can"]


def test_who_has_no_role_may_do_nothing(api: Function, accounts: Accounts) -> None:
    """An account alone, which anybody can make, opens nothing."""
    assert viewer(api, accounts.new().sign_in()) == {"anonymous": False, "can": []}
    assert viewer(api, accounts.new("EMPEROR").sign_in())["can"] == []


def test_this_computer_is_nobody_where_visitors_sign_in(api: Function) -> None:
    """A zoo that has accounts takes nobody for its operator."""
    assert viewer(api) == {"anonymous": True, "can": []}


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda account: account.change(validSince=str(int(time.time()) + 2)), "revoked"),
        (lambda account: account.change(disableUser=True), "disabled"),
        (lambda account: account.delete(), "does not exist"),
    ],
    ids=["revoked", "disabled", "deleted"],
)
def test_a_token_ends_with_its_account(api: Function, accounts: Accounts, end: Any, words: str) -> None:
    """Within seconds, although it would hold for an hour."""
    account = accounts.new("OPERATOR")
    token = account.sign_in()
    assert "LAUNCH" in viewer(api, token)["can"]
    end(account)
    until(lambda: ask(api, token).status_code != 200, 10.0)
    assert words in refusal(ask(api, token))


def test_an_expired_token_is_refused(api: Function, accounts: Accounts) -> None:
    """As it is in the cloud, although Firebase's library lets it in here."""
    now = int(time.time())
    token = changed(accounts.new("OPERATOR").sign_in(), iat=now - 4000, auth_time=now - 4000, exp=now - 400)
    assert "expired" in refusal(ask(api, token))


def test_a_token_of_another_project_is_refused(api: Function, accounts: Accounts) -> None:
    """The emulator keeps many projects; a zoo is of one."""
    token = accounts.new("OPERATOR").sign_in()
    assert PROJECT in refusal(ask(api, changed(token, aud="another", iss="https://securetoken.google.com/another")))


def test_a_stream_is_read_from_another_origin_and_ends_with_its_token(api: Function, accounts: Accounts) -> None:
    """It makes room first, so that the web client can follow with a fresh token."""
    token = changed(accounts.new("OPERATOR").sign_in(), exp=int(time.time()) - SKEW_S + 6)
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream", "Origin": CLIENT}
    with (
        httpx.Client(trust_env=False, timeout=30) as http,
        connect_sse(http, "POST", f"{api.url}/graphql", json={"query": LIVE}, headers=headers) as source,
    ):
        assert source.response.headers["access-control-allow-origin"] == CLIENT
        kinds = [json.loads(event.data)["data"]["live"]["kind"] for event in source.iter_sse()]
    assert (kinds[0], kinds[-1]) == ("SNAPSHOT", "ROTATE")
    until(lambda: ask(api, token).status_code != 200, 10.0)
    assert "expired" in refusal(ask(api, token))


def test_the_python_client_brings_a_token(api: Function, accounts: Accounts) -> None:
    """And tells a wrong one apart from a zoo that is away."""
    with Zookeeper(api.url, token=accounts.new("OPERATOR").sign_in()) as found:
        assert found.instances() == []
    with Zookeeper(api.url, token="nonsense") as found, pytest.raises(Unauthenticated, match="sign in"):
        found.instances()


def test_the_command_line_brings_a_token(api: Function, accounts: Accounts) -> None:
    """By a variable; without it the zoo shows nothing, and with a wrong one the status says why."""
    token = accounts.new("OPERATOR").sign_in()
    verb = ["instances", "--json", "--server", api.url]
    assert CliRunner(env={"ZOO_ID_TOKEN": token}).invoke(zoo, verb).exit_code == 0
    refused = CliRunner(env={"ZOO_ID_TOKEN": "nonsense"}).invoke(zoo, verb)
    assert refused.exit_code == EXIT_STATUS["UNAUTHENTICATED"]


def test_no_token_is_logged(api: Function, accounts: Accounts) -> None:
    """Neither of those who were let in nor of those who were not."""
    token = accounts.new("OPERATOR").sign_in()
    ask(api, token)
    ask(api, changed(token, exp=1))
    parts = [part for each in (token, changed(token, exp=1)) for part in each.split(".") if len(part) > 40]
    assert parts
    assert not [part for part in parts if part in api.output]
