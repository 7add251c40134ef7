"""GraphQL over HTTP and over server-sent events: the one module of the client that talks to the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import httpx
from httpx_sse import EventSource, SSEError

from ainimal_zookeeper.domain.errors import InvalidInput, NotFound, Rejected, Transient, Unauthenticated, ZookeeperError

from .address import DEFAULT_URL
from .refusals import misfit, refusal

_SILENCE_S = 45.0  # the API sends a heartbeat every few seconds: a stream silent for so long is dead
_PATIENCE_S = 30.0  # a stream that cannot be opened again for so long is given up


class Endpoint:
    """One zoo's `/graphql`. Safe to use from several threads, as its HTTP client is."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url if "://" in url else f"http://{url}"
        try:
            base = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise InvalidInput(f"{url!r} is not the address of a zoo: {error}; write {DEFAULT_URL}") from error
        if base.scheme not in {"http", "https"} or not base.host:
            raise InvalidInput(f"{url!r} is not the address of a zoo; write {DEFAULT_URL}")
        self.url = str(base).rstrip("/").removesuffix("/graphql")
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(headers=headers, transport=transport)
        self._timeout_s = timeout_s
        self._sleep = sleep

    def close(self) -> None:
        self._client.close()

    def ask(self, document: str, *, patience_s: float | None = None, **variables: Any) -> dict[str, Any]:
        """Returns the answer's `data`; `patience_s`: how long the zoo may be silent over it, if not as usual.

        Raises: the domain error that the answer names; Transient when the zoo cannot be reached.
        """
        response = self._send(
            document,
            variables,
            accept="application/graphql-response+json, application/json;q=0.9",
            read_timeout_s=patience_s,
        )
        try:
            response.read()
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        finally:
            response.close()
        return self._data(self._answer(response))

    def rows(self, document: str, name: str, *, of: str | None = None, **variables: Any) -> Iterator[dict[str, Any]]:
        """Yields the nodes of the connection `name` (of the object `of`), page by page.

        Raises: NotFound where there is none for this visitor.
        """
        after = None
        while True:
            answer = self.ask(document, first=100, after=after, **variables)
            holder = answer if of is None else answer[of]
            connection = holder and holder[name]
            if connection is None:
                raise NotFound(f"{self.url} shows no {name} to you")
            yield from connection["nodes"]
            if not connection["pageInfo"]["hasNextPage"]:
                return
            after = connection["pageInfo"]["endCursor"]

    def put(self, url: str, headers: Mapping[str, str], file: Path) -> None:
        """Sends the bytes of a file to a link that the zoo has given out, and nothing that says who sends them.

        Raises: Rejected for what the link does not take; Transient when nobody is there.
        """
        with file.open("rb") as opened:
            size = {"Content-Length": str(file.stat().st_size), "Content-Type": "application/octet-stream"}
            request = self._client.build_request(
                "PUT", url, content=opened, headers={**size, **headers}, timeout=self._timeout_s
            )
            request.headers.pop("Authorization", None)
            try:
                response = self._client.send(request)
            except httpx.TransportError as error:
                raise Transient(f"{file.name} could not be sent to {request.url.host}: {error!r}") from error
        if not response.is_success:
            message = f"{file.name} was not taken by {request.url.host} ({response.status_code}): {response.text[:300]}"
            raise Transient(message) if response.status_code >= 500 else Rejected(message)

    def live(self, document: str, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the events of the subscription `live`, across rotations and lost connections, until it completes."""
        wanted = dict(values)
        stream = self._open(document, wanted)
        waited_s = 0.0
        try:
            while True:
                try:
                    for event in stream:
                        waited_s = 0.0
                        wanted["since"] = event["cursor"]
                        if event["kind"] != "ROTATE":
                            yield event
                        elif (following := self._open_beside(document, wanted)) is not None:
                            stream.close()
                            stream = following
                            break
                    else:
                        if stream.completed:
                            return
                        stream.close()
                        stream, waited_s = self._open_again(document, wanted, waited_s)
                except InvalidInput:
                    # A zoo of another version may not read the cursors of the one before.
                    if wanted.pop("since", None) is None:
                        raise
                    stream.close()
                    stream = self._open(document, wanted)
        finally:
            stream.close()

    def _open_beside(self, document: str, wanted: Mapping[str, Any]) -> _Stream | None:
        """Opens the next stream while the last one still speaks; None while the zoo cannot, which is not the end."""
        try:
            return self._open(document, wanted)
        except Transient:
            return None

    def _open_again(self, document: str, wanted: Mapping[str, Any], waited_s: float) -> tuple[_Stream, float]:
        while True:
            pause_s = min(0.1 + waited_s / 2, 2.0)
            self._sleep(pause_s)
            waited_s += pause_s
            try:
                return self._open(document, wanted), waited_s
            except Transient:
                if waited_s > _PATIENCE_S:
                    raise

    def _open(self, document: str, wanted: Mapping[str, Any]) -> _Stream:
        response = self._send(document, {"input": wanted}, accept="text/event-stream", read_timeout_s=_SILENCE_S)
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            try:
                response.read()
            finally:
                response.close()
            self._data(self._answer(response))
            raise ZookeeperError(f"{self.url} answered a subscription without a stream; is it a zoo of this version?")
        return _Stream(response, self._data)

    def _send(
        self, document: str, variables: Mapping[str, Any], *, accept: str, read_timeout_s: float | None = None
    ) -> httpx.Response:
        timeout = httpx.Timeout(self._timeout_s, read=read_timeout_s or self._timeout_s)
        try:
            request = self._client.build_request(
                "POST",
                f"{self.url}/graphql",
                json={"query": document, "variables": variables},
                headers={"Accept": accept},
                timeout=timeout,
            )
        except ValueError as error:
            raise InvalidInput(f"a value cannot be sent as JSON: {error}", ("input",)) from error
        try:
            return self._client.send(request, stream=True)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if isinstance(answer, dict) and ("data" in answer or "errors" in answer):
            return cast(dict[str, Any], answer)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise Unauthenticated(f"{self.url} wants you to sign in; give a token")
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            retry_after = response.headers.get("retry-after", "1")
            wait_s = float(retry_after) if retry_after.isdigit() else 1.0
            raise Transient(f"{self.url} answered {response.status_code}; try again", wait_s)
        raise ZookeeperError(
            f"{self.url} answered {response.status_code} and no GraphQL; is it the address of a zoo? "
            f"It said: {response.text[:200]!r}"
        )

    def _data(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        problems = answer.get("errors")
        if problems:
            first = problems[0]
            extensions = first.get("extensions") or {}
            if extensions.get("code") == "BAD_REQUEST":
                raise misfit([problem["message"] for problem in problems], self.url)
            raise refusal(
                extensions.get("code"),
                "; ".join(problem["message"] for problem in problems),
                tuple(str(part) for part in first.get("path") or ()),
                float(extensions.get("retryAfterSeconds") or 1.0),
            )
        return cast(dict[str, Any], answer["data"])

    def _unreachable(self, error: httpx.TransportError) -> Transient:
        if isinstance(error, httpx.ConnectError):
            return Transient(f"no zoo answers at {self.url}; start one with `zoo up`, or give another address")
        return Transient(f"{self.url} did not answer in time ({type(error).__name__}); try again, or look at its log")


class _Stream:
    """One response of server-sent events; iterating yields `live` events until it ends or the connection is lost."""

    def __init__(self, response: httpx.Response, data: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        self._response = response
        self._data = data
        self.completed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        source = EventSource(self._response)
        try:
            for event in source.iter_sse():
                if event.event == "complete":
                    self.completed = True
                    return
                if event.event == "next":
                    yield self._data(event.json())["live"]
        except (httpx.TransportError, SSEError):
            return

    def close(self) -> None:
        self._response.close()
