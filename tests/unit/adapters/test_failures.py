"""What errors of Google's libraries become on the way to whoever asked."""

from __future__ import annotations

import logging

import pytest
from ainimal_zookeeper.adapters.gcp.failures import translated
from ainimal_zookeeper.domain.errors import Transient
from google.auth.exceptions import DefaultCredentialsError


def test_words_about_credentials_are_for_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    """They name files of the machine, and a stranger's request may be the one that fails."""
    words = "File /keys/zoo.json was not found."
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(Transient, match=r"no Google credentials for the bucket b \(DefaultCredentialsError\)") as found,
        translated("the bucket b"),
    ):
        raise DefaultCredentialsError(words)
    assert words not in found.value.message
    assert f"no Google credentials for the bucket b: {words}" in caplog.text
