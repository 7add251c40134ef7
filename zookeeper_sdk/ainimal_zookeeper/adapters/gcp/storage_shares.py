"""Who may read below a prefix: a token of the zoo's own account that allows nothing else."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import google.auth.transport.requests
from google.auth import downscoped
from google.auth.credentials import AnonymousCredentials, Scoped

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_READS = "inRole:roles/storage.objectViewer"


def token_for(credentials: Any, bucket: str, prefix: str, request: Any = None) -> tuple[str | None, datetime | None]:
    """Returns a token that reads the objects of `bucket` below `prefix`, and when it ends, aware, in UTC.

    Both are None on an emulator, where nobody has credentials. `request` is google-auth's transport, for tests.
    Raises: GoogleAuthError.
    """
    if isinstance(credentials, AnonymousCredentials):
        return None, None
    if isinstance(credentials, Scoped):
        credentials = credentials.with_scopes([_SCOPE])
    rule = downscoped.AccessBoundaryRule(
        available_resource=f"//storage.googleapis.com/projects/_/buckets/{bucket}",
        available_permissions=[_READS],
        availability_condition=downscoped.AvailabilityCondition(
            f"resource.name.startsWith('projects/_/buckets/{bucket}/objects/{_quoted(prefix)}')"
        ),
    )
    narrow = downscoped.Credentials(credentials, downscoped.CredentialAccessBoundary([rule]))
    narrow.refresh(request or google.auth.transport.requests.Request())
    ends_at = narrow.expiry
    return narrow.token, None if ends_at is None else ends_at.replace(tzinfo=timezone.utc)


def _quoted(text: str) -> str:
    """Returns `text` as it stands between quotes in an expression."""
    return text.replace("\\", "\\\\").replace("'", "\\'")
