"""Buckets of the zoo, made where Terraform does not."""

from __future__ import annotations

from contextlib import suppress

from google.api_core.exceptions import Conflict
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from .failures import PATIENCE_S, translated


def make_bucket(bucket: str, project: str, *, patience_s: float = PATIENCE_S) -> None:
    """Makes `bucket` unless it exists, tried for `patience_s`.

    Raises: InvalidInput for a name that cannot be one, Transient.
    """
    with translated(f"the bucket {bucket}"), storage.Client(project=project) as client, suppress(Conflict):
        client.create_bucket(bucket, retry=DEFAULT_RETRY.with_timeout(patience_s), timeout=PATIENCE_S)
