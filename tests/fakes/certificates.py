"""Google's signing keys as a test has them: real RSA keys, and their certificates behind a URL on this machine."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

AUDIENCE = "https://launcher.example"
ACCOUNT = "push@a-zoo.iam.gserviceaccount.com"


class SigningKey:
    """An RSA key with a certificate that it signed itself."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "federated-signon.test")])
        now = datetime.now(timezone.utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()
        self._signer = crypt.RSASigner(key, key_id)

    def sign(self, message: bytes) -> bytes:
        """Returns the signature of RS256."""
        signature: bytes = self._signer.sign(message)
        return signature

    def token(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Returns what Google would send, but for `claims`; one that is ... is left out."""
        now = int(time.time())
        said = {
            "iss": "https://accounts.google.com",
            "aud": AUDIENCE,
            "azp": "1234567890",
            "sub": "1234567890",
            "email": ACCOUNT,
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
            **claims,
        }
        said = {name: value for name, value in said.items() if value is not ...}
        encoded: bytes = jwt.encode(self._signer, said, header=header)
        return encoded.decode()


class CertificateEndpoint:
    """What is behind `url`: `certificates` by key id, `status` and `headers` of the next answers; `asked` counts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.certificates: Any = {}
        self.status = 200
        self.headers = {"Cache-Control": "public, max-age=3600, must-revalidate"}
        self.asked = 0

    def offer(self, *keys: SigningKey) -> None:
        self.certificates = {key.key_id: key.certificate for key in keys}


@contextmanager
def serving_certificates() -> Iterator[CertificateEndpoint]:
    """Serves an endpoint on loopback."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            endpoint.asked += 1
            body = json.dumps(endpoint.certificates).encode()
            self.send_response(endpoint.status)
            for name, value in {**endpoint.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        endpoint = CertificateEndpoint(f"http://127.0.0.1:{server.server_port}/certs")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join()
