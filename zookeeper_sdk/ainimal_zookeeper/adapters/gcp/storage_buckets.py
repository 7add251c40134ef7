"""Buckets of the zoo, made where Terraform does not."""

from __future__ import annotations

from contextlib import suppress

from google.api_core.exceptions import Conflict
from google.cloud import storage

from .failures import PATIENCE_S, translated


def make_bucket(bucket: str, project: str) -> None:
    """Makes `bucket` unless it exists. Raises: InvalidInput for a name that cannot be one, Transient."""
    with translated(f"the bucket {bucket}"), storage.Client(project=project) as client, suppress(Conflict):
        client.create_bucket(bucket, timeout=PATIENCE_S)
