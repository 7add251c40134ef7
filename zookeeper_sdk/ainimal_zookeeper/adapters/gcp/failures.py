"""What errors of Google's client libraries mean to the zoo."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import TimeoutError as TimeoutOfFuture  # Python 3.11 made it the built-in one
from contextlib import contextmanager

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError

from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput, Transient

PATIENCE_S = 10.0
"""How long a call is tried again while its service is away or busy."""

_MISCONFIGURED_RETRY_S = 5.0

_log = logging.getLogger(__name__)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Lets out errors of the domain instead of Google's. `place` names the database, topic or bucket.

    Raises: InvalidInput for what the service does not take, DataCorrupt for bytes that fail their check, Transient for
    all else, also a missing right or resource: the same call works once the operator has seen to it.
    """
    try:
        yield
    except exceptions.InvalidArgument as error:
        raise InvalidInput(f"{place} does not take this: {_words(error)}") from error
    except exceptions.DataLoss as error:
        raise DataCorrupt(f"{place} has lost data: {_words(error)}") from error
    except (exceptions.Forbidden, exceptions.Unauthorized) as error:
        raise Transient(
            f"{place} refuses the zoo's own identity ({_words(error)}); grant it the roles that infra/terraform gives",
            _MISCONFIGURED_RETRY_S,
        ) from error
    except exceptions.NotFound as error:
        raise Transient(f"{place} does not exist ({_words(error)}); create it", _MISCONFIGURED_RETRY_S) from error
    except GoogleAuthError as error:
        # Whoever asks is told the kind alone: the words may name files of this machine.
        _log.warning("there are no Google credentials for %s: %s", place, error)
        raise Transient(
            f"there are no Google credentials for {place} ({type(error).__name__}); run "
            "`gcloud auth application-default login`, or attach a service account; the log says more",
            _MISCONFIGURED_RETRY_S,
        ) from error
    except (exceptions.GoogleAPIError, OSError, TimeoutOfFuture) as error:
        raise Transient(f"{place} cannot be used now ({_words(error)}); try again") from error


def _words(error: Exception) -> str:
    words = " ".join(str(getattr(error, "message", error)).split())
    return f"{type(error).__name__}: {words[:300]}"
