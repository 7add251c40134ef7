"""Google on this machine, as far as signing in needs it: the hosts themselves, behind a proxy.

Google's libraries find it by the variables with which any program finds a proxy and whom to trust, so that they and the
code under test run unchanged, in this process or in another.
"""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.certificates import SigningKey

CERTIFICATES = "www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
_HOSTS = ("www.googleapis.com", "identitytoolkit.googleapis.com", "oauth2.googleapis.com")


class Google:
    """What its hosts answer from now on; `asked` are the addresses that somebody asked for."""

    def __init__(self) -> None:
        self.away = False
        self.certificates: bytes = b"{}"
        self.users: dict[str, dict[str, Any]] = {}
        self.may_ask_about_users = True
        self.asked: list[str] = []

    def offer(self, *keys: SigningKey) -> None:
        self.certificates = json.dumps({key.key_id: key.certificate for key in keys}).encode()

    def answer(self, place: str, body: bytes) -> tuple[int, bytes]:
        """Returns status and body for host and path."""
        self.asked.append(place)
        if place == CERTIFICATES:
            return 200, self.certificates
        if place == "oauth2.googleapis.com/token":
            return 200, b'{"access_token": "of-the-zoo", "expires_in": 3600, "token_type": "Bearer"}'
        if place.startswith("identitytoolkit.googleapis.com/") and place.endswith("/accounts:lookup"):
            if not self.may_ask_about_users:
                return 403, b'{"error": {"message": "PERMISSION_DENIED"}}'
            wanted = json.loads(body)["localId"]
            return 200, json.dumps({"users": [self.users[uid] for uid in wanted if uid in self.users]}).encode()
        return 404, b"{}"


class Project:
    """Makes ID tokens as Firebase does for the users of one project."""

    def __init__(self, project: str, key: SigningKey) -> None:
        self._project = project
        self._key = key

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Returns what a token of ada, an operator, says, but for `claims`; one that is ... is left out."""
        now = int(time.time())
        said = {
            "iss": f"https://securetoken.google.com/{self._project}",
            "aud": self._project,
            "auth_time": now,
            "sub": "ada",
            "user_id": "ada",
            "iat": now,
            "exp": now + 3600,
            "zoo_role": "OPERATOR",
            "firebase": {"identities": {}, "sign_in_provider": "password"},
            **claims,
        }
        return {name: value for name, value in said.items() if value is not ...}

    def token(self, header: Mapping[str, Any] | None = None, *, key: SigningKey | None = None, **claims: Any) -> str:
        """Returns a signed token; `header` goes before what belongs into its header, and `key` before the project's."""
        key = key or self._key
        said = {"alg": "RS256", "kid": key.key_id, "typ": "JWT", **(header or {})}
        text = _encoded(said) + "." + _encoded(self.claims(**claims))
        return text + "." + _base64(key.sign(text.encode()))

    def unsigned(self, header: Mapping[str, Any] | None = None, signature: bytes = b"", **claims: Any) -> str:
        """Returns a token as the emulator makes them, or one with any header and signature."""
        said = header or {"alg": "none", "typ": "JWT"}
        return ".".join([_encoded(said), _encoded(self.claims(**claims)), _base64(signature)])


def _encoded(part: Mapping[str, Any]) -> str:
    return _base64(json.dumps(part).encode())


def _base64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


@contextmanager
def google(folder: Path) -> Iterator[tuple[Google, Mapping[str, str]]]:
    """Serves it; yields it with the environment variables that lead there. `folder` is for its files."""
    certificate, account = folder / "certificate.pem", folder / "account.json"
    _write_files(certificate, account)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    served = Google()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            if served.away:
                self.send_error(502)
                return
            self.send_response(200)
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")  # type: ignore[assignment]
            self.wfile = self.connection.makefile("wb", buffering=0)  # type: ignore[assignment]
            self.close_connection = False

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = served.answer(self._host + self.path.partition("?")[0], sent)
            self.send_response(status)
            self.send_header("Cache-Control", "public, max-age=3600")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815  the name is the server's

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        @property
        def _host(self) -> str:
            return self.headers.get("Host", "").partition(":")[0]

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Says nothing of those who hang up, or ask for hosts that are not served."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield (
                served,
                {
                    "https_proxy": f"http://127.0.0.1:{server.server_port}",
                    "no_proxy": "",
                    "REQUESTS_CA_BUNDLE": str(certificate),
                    "GOOGLE_APPLICATION_CREDENTIALS": str(account),
                },
            )
        finally:
            server.shutdown()
            thread.join()


def _write_files(certificate: Path, account: Path) -> None:
    """Writes a certificate of Google's hosts with its key, and a service account of the zoo."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Google on this machine")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in _HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM) + pem)
    account.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "a-zoo",
                "private_key_id": "1",
                "private_key": pem.decode(),
                "client_email": "zoo@a-zoo.iam.gserviceaccount.com",
                "token_uri": "https://oauth2.googleapis.com/token",
            }
        )
    )
