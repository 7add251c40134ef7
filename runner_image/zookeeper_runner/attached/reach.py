"""Reach: how a script finds a zoo, and introduces itself to it.

The only place of this package that reads environment variables, and standard library alone: without a zoo nothing else
is imported.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ainimal_zookeeper.client.address import nearest_zoo
from ainimal_zookeeper.domain.errors import InvalidInput, Rejected, Transient

from ..settings import Settings

CLAIM_S = 10.0  # a script waits no longer for a zoo that has just answered
_ANSWER_S = 5.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_ATTACH = """mutation Attach($input: InstanceAttachInput!) {
  instanceAttach(input: $input) { instance { id name } link { url attempt token } userErrors { code message } }
}"""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the zoo is, and as whom to ask."""

    url: str
    token: str | None = None
    """`ZOO_ID_TOKEN`: the ID token of whoever has to sign in."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], zoo: str | None) -> Reach:
        """`zoo` goes first, then `ZOO_SERVER`. Raises: InvalidInput for what is no address."""
        url = (zoo or environ.get("ZOO_SERVER") or nearest_zoo()).rstrip("/").removesuffix("/graphql")
        url = url if "://" in url else f"http://{url}"
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or parts.hostname is None:
            raise InvalidInput(f"{url!r} is not the address of a zoo; write http://127.0.0.1:3000")
        return cls(url, environ.get("ZOO_ID_TOKEN") or None)

    @property
    def is_here(self) -> bool:
        """Whether the zoo is on this computer: then it can open connections to the script."""
        return urlsplit(self.url).hostname in _LOOPBACK


@dataclass(frozen=True, slots=True)
class Introduction:
    """What the zoo has answered."""

    settings: Settings
    name: str
    url: str
    """Of the instance, for people."""
    is_here: bool


def introduce(
    reach: Reach,
    script: str,
    name: str | None,
    parameters: Mapping[str, Any] | None,
    seed: int | None,
    *,
    patience_s: float = _ANSWER_S,
) -> Introduction:
    """Makes an instance of the script. Raises: Transient when no zoo answers; Rejected when it refuses."""
    given = None if parameters is None else _plain(parameters)
    wanted = {"script": script, "name": name, "parameters": given, "seed": seed, "commandId": secrets.token_hex(8)}
    answer = _ask(reach, {"query": _ATTACH, "variables": {"input": wanted}}, patience_s)
    if answer.get("errors"):
        raise Rejected(f"the zoo at {reach.url} refuses it: {answer['errors'][0].get('message')}")
    made = answer["data"]["instanceAttach"]
    if made["userErrors"]:
        raise Rejected(f"the zoo at {reach.url} refuses it: {made['userErrors'][0]['message']}")
    link, instance = made["link"], made["instance"]
    settings = Settings(_seen_from_here(link["url"], reach), instance["id"], link["attempt"], link["token"])
    return Introduction(settings, instance["name"], f"{reach.url}/instances/{instance['id']}", reach.is_here)


def script_name() -> str:
    """Returns what people call the program that runs: its file without the ending."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(main).stem[:80] if main else "notebook"


def _ask(reach: Reach, body: Mapping[str, Any], patience_s: float) -> dict[str, Any]:
    parts = urlsplit(reach.url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(str(parts.hostname), parts.port, timeout=patience_s)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if reach.token is not None:
        headers["Authorization"] = f"Bearer {reach.token}"
    try:
        connection.request("POST", f"{parts.path}/graphql", json.dumps(body).encode(), headers)
        answer = json.loads(connection.getresponse().read())
    except (OSError, HTTPException) as error:
        raise Transient(
            f"no zoo answers at {reach.url} ({error}); start one with `zoo up`, or give its address"
        ) from error
    except ValueError as error:
        raise Rejected(f"what answers at {reach.url} is no zoo; give the address of one") from error
    finally:
        connection.close()
    if not isinstance(answer, dict) or not (answer.get("errors") or answer.get("data")):
        raise Rejected(f"what answers at {reach.url} is no zoo; give the address of one")
    return answer


def _seen_from_here(link: str, reach: Reach) -> str:
    """Returns the runner link's address; one that a zoo elsewhere calls its own computer is where the zoo was found."""
    parts, found = urlsplit(link), urlsplit(reach.url)
    if parts.hostname in _LOOPBACK and not reach.is_here:
        return urlunsplit((found.scheme, found.netloc, parts.path, "", ""))
    return link


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns parameters as JSON takes them; what it has no form for, as text."""
    return {str(name): value if _is_json(value) else str(value) for name, value in parameters.items()}


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
