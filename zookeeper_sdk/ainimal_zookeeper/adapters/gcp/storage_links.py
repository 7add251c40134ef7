"""Who signs links: a private key where there is one, the IAM API for the service accounts of the cloud."""

from __future__ import annotations

from typing import Any

import google.auth.transport.requests
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import iam
from google.auth.credentials import AnonymousCredentials, Scoped, Signing
from google.auth.crypt import RSASigner
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_TOKENS = "https://oauth2.googleapis.com/token"


def link_signer(credentials: Any, request: Any = None) -> Signing:
    """Returns what signs links for `credentials`. `request` is google-auth's transport, for tests.

    Without a private key the IAM API signs, which the account must be allowed for itself: role
    iam.serviceAccountTokenCreator. On an emulator, where nobody has credentials, a key is made that nobody knows.
    Raises: GoogleAuthError for credentials that are no service account's.
    """
    if isinstance(credentials, AnonymousCredentials):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return service_account.Credentials(RSASigner(key), "emulator@zoo.invalid", _TOKENS)
    if isinstance(credentials, Signing):
        return credentials
    if request is None:
        request = google.auth.transport.requests.Request()
    if isinstance(credentials, Scoped):
        credentials = credentials.with_scopes([_SCOPE])
    credentials.refresh(request)  # only then the metadata server has told the account's name
    account = getattr(credentials, "service_account_email", None)
    if not account:
        raise GoogleAuthError(
            "these credentials cannot sign links; use a service account's, or impersonate one: "
            "gcloud auth application-default login --impersonate-service-account=ACCOUNT"
        )
    return service_account.Credentials(iam.Signer(request, credentials, account), account, _TOKENS)
