"""The built web client as an ASGI application: served alone, and by `zoo up --client`."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ainimal_zookeeper.domain.errors import NotFound

BUILT = Path(__file__).with_name("web")

CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' blob:; connect-src {connect}; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class WebClient(StaticFiles):
    """Serves the files of the built client, and its page for every other path, as the page routes by itself.

    `connect`: whom the page may talk to: `'self'` beside an API, `http: https:` where the user enters the address.

    Raises: NotFound when the client has not been built.
    """

    def __init__(self, *, directory: Path = BUILT, connect: str = "'self'") -> None:
        if not (directory / "index.html").is_file():
            raise NotFound(
                f"the web client is not built: {directory / 'index.html'} is missing; "
                "in a clone run `make run` once, or install a wheel, which carries it"
            )
        super().__init__(directory=directory, html=True)
        self._policy = CONTENT_POLICY.format(connect=connect)

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or Path(path).suffix:
                raise
            path = "index.html"
            response = await super().get_response(path, scope)
        response.headers["Content-Security-Policy"] = self._policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        # Files below assets/ carry a hash of their content in the name; the rest must be asked for again.
        hashed = path.replace(os.sep, "/").startswith("assets/")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return response
