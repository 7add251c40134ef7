"""RunnerLink: the one door for runners, over HTTP. See docs/protocols.md, section 1."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

from ainimal_zookeeper.domain.documents import InstanceDoc, instance_ref, run_prefix
from ainimal_zookeeper.domain.errors import NotFound, ZookeeperError
from ainimal_zookeeper.domain.lifecycle import timestamp
from ainimal_zookeeper.ports.bucket import Bucket
from ainimal_zookeeper.ports.clock import Clock, Ids
from ainimal_zookeeper.ports.secrets import Secrets
from ainimal_zookeeper.ports.store import DocumentStore
from starlette.requests import Request
from starlette.responses import Response

from . import answers, recordings, requests
from .claims import Claims, RunnerSettings, check_current
from .intake import Intake
from .keeping import Keeping
from .patches import Patches
from .recordings import Recorded
from .requests import Caller

_log = logging.getLogger(__name__)


class RunnerLink:
    """Answers `POST` of claim, desired, report, ticket, checkpoint and recording; the path's last part decides."""

    def __init__(
        self,
        *,
        store: DocumentStore,
        bucket: Bucket,
        clock: Clock,
        ids: Ids,
        secret: bytes,
        secrets: Secrets,
        settings: RunnerSettings | None = None,
    ) -> None:
        """`secret` is what tokens are made of, `secrets` what specifications refer to."""
        self._store = store
        self._bucket = bucket
        self._ids = ids
        self._secret = secret
        self._claims = Claims(
            store=store,
            bucket=bucket,
            clock=clock,
            secret=secret,
            secrets=secrets,
            settings=settings or RunnerSettings(),
        )
        self._intake = Intake(store=store, clock=clock, keeping=Keeping(store=store, bucket=bucket, clock=clock))
        self._patches = Patches(store=store, bucket=bucket)
        self._recorded = Recorded(store=store, bucket=bucket, clock=clock)
        self._routes: Mapping[str, Callable[[Caller, Mapping[str, Any]], dict[str, Any]]] = {
            "claim": lambda caller, given: self._claims.claim(caller, requests.runner(given)),
            "desired": lambda caller, _: self._claims.desired(caller),
            "report": lambda caller, given: self._intake.report(caller, requests.reported(given)),
            "ticket": self._ticket,
            "checkpoint": lambda caller, given: self._claims.checkpoint(caller, requests.restore_id(given)),
            "patch": self._patches.access,
            "recording": lambda caller, given: self._recorded.take(caller, recordings.read(given)),
        }

    async def handle(self, request: Request) -> Response:
        """Returns the answer to a runner; domain errors become the statuses of `answers.STATUS`."""
        try:
            return answers.answer(await self._answer(request))
        except ZookeeperError as error:
            return answers.refusal(error)
        except Exception:  # noqa: BLE001  the edge: whatever it is, the runner gets an answer that it understands
            reference = self._ids.new("err")
            _log.exception("the runner link failed at %s (%s)", request.url.path, reference)
            return answers.breakdown(reference)

    async def _answer(self, request: Request) -> dict[str, Any]:
        name = request.url.path.rstrip("/").rpartition("/")[2]
        route = self._routes.get(name)
        if route is None or request.method != "POST":
            raise NotFound(f"the runner link has no {request.method} {name}; POST to {', '.join(self._routes)}")
        given = await requests.read(request)
        caller = requests.caller(request, given, self._secret)
        return await asyncio.to_thread(route, caller, given)

    def _ticket(self, caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
        upload = requests.upload(given)
        found = self._store.get(instance_ref(caller.instance_id))
        if found is None:
            raise NotFound(f"there is no instance {caller.instance_id}; it was deleted, end its runner")
        check_current(cast(InstanceDoc, found), caller)
        name = run_prefix(caller.instance_id, caller.attempt) + upload.name
        signed = self._bucket.sign_put(name, upload.size_bytes)
        return {
            "object": name,
            "url": signed.url,
            "headers": dict(signed.headers),
            "expiresAt": timestamp(signed.expires_at),
        }
