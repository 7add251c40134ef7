"""Objects: the embedded bucket's links and shares, answered over HTTP. Whoever has one needs nothing else."""

from __future__ import annotations

import asyncio

from runner_link.answers import refusal
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response

from ainimal_zookeeper.adapters.embedded.bucket import DirectoryBucket
from ainimal_zookeeper.adapters.embedded.signing import SHARED, Access
from ainimal_zookeeper.domain.errors import ZookeeperError


class Objects:
    """`GET` and `HEAD` read an object, also by ranges; `PUT` creates one while its bytes arrive."""

    def __init__(self, bucket: DirectoryBucket) -> None:
        self._bucket = bucket

    async def handle(self, request: Request) -> Response:
        """The path parameter `rest` is the object's name."""
        try:
            name = request.path_params["rest"]
            header = request.headers.get("authorization", "")
            if header.startswith(SHARED):
                access = self._bucket.open_shared(request.method, name, header)
            else:
                access = self._bucket.open_signed(request.method, name, dict(request.query_params))
            if access.size_bytes is not None:
                return await self._receive(access, request)
            path, info = await asyncio.to_thread(self._bucket.locate, name)
        except ZookeeperError as error:
            return refusal(error)
        # Objects may be anything that a runner made: never a page of this origin.
        headers = {"ETag": f'"{info.generation}"', "Cache-Control": "private", "Content-Disposition": "attachment"}
        return FileResponse(path, headers=headers, media_type=info.content_type)

    async def _receive(self, access: Access, request: Request) -> Response:
        content_type = request.headers.get("content-type", "application/octet-stream")
        with await asyncio.to_thread(self._bucket.receive_signed, access, content_type) as upload:
            try:
                async for chunk in request.stream():
                    await asyncio.to_thread(upload.write, chunk)
            except ClientDisconnect:
                return Response(status_code=400)
            info = await asyncio.to_thread(upload.commit)
        return Response(status_code=201, headers={"ETag": f'"{info.generation}"'})
