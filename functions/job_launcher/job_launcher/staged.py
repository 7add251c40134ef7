"""Staged: the compiled configuration that lies beside a function in the cloud, where nobody runs `zoo up`.

A JSON object: `configuration` (ConfigurationDoc), `models` (ModelDocs), `environments` (EnvironmentDocs); `launches` is
for others.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, cast

from ainimal_zookeeper.domain.documents import ConfigurationDoc, EnvironmentDoc, ModelDoc, nests_lists
from ainimal_zookeeper.domain.errors import InvalidInput

from .catalogue import Catalogue, Offer

_log = logging.getLogger(__name__)


class StagedCatalogue:
    """Publishes the file at `path`. The file stays as it is as long as the process lives. Thread-safe."""

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        self._path = path
        self._catalogue = catalogue
        self._offer: Offer | None = None

    def publish(self) -> None:
        """Publishes the file where another revision is published; otherwise that is one read.

        Raises: InvalidInput for a file that is missing or broken, which leaves the catalogue as it is; as `Catalogue`.
        """
        offer = self._offer = self._offer or read_offer(self._path)
        if self._catalogue.revision() != offer.configuration["revision"]:
            self._catalogue.publish(offer)
            _log.info("the catalogue is published", extra={"revision": offer.configuration["revision"]})


def read_offer(path: Path) -> Offer:
    """Raises: InvalidInput that says what is wrong with the file."""
    try:
        staged = json.loads(path.read_bytes())
    except OSError as error:
        raise _broken(path, f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"is no JSON ({error})") from error
    if not isinstance(staged, dict):
        raise _broken(path, "holds no JSON object")
    configuration = _document(path, staged.get("configuration"), "configuration", ConfigurationDoc)
    if configuration["id"] != "zoo":
        raise _broken(path, f"has a configuration with the id {configuration['id']!r}, not 'zoo'")
    return Offer(
        cast(ConfigurationDoc, configuration),
        cast("list[ModelDoc]", _documents(path, staged, "models", ModelDoc)),
        cast("list[EnvironmentDoc]", _documents(path, staged, "environments", EnvironmentDoc)),
    )


def _documents(path: Path, staged: dict[str, Any], name: str, shape: type) -> list[dict[str, Any]]:
    found = staged.get(name)
    if not isinstance(found, list):
        raise _broken(path, f"has no list of {name}")
    documents = [_document(path, one, f"{name}[{index}]", shape) for index, one in enumerate(found)]
    ids = [document["id"] for document in documents]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise _broken(path, f"has {name} of the same id: {', '.join(twice)}")
    return documents


def _document(path: Path, found: Any, place: str, shape: type) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _broken(path, f"has no object at {place}")
    missing = sorted(_required(shape) - found.keys())
    if missing:
        raise _broken(path, f"lacks {', '.join(missing)} at {place}")
    if not isinstance(found["id"], str) or not found["id"]:
        raise _broken(path, f"has no id at {place}")
    if nests_lists(found):
        raise _broken(path, f"has a list in a list at {place}")
    return found


def _required(shape: type) -> set[str]:
    """Returns the keys that every such document has. Annotations are texts: nothing of them need be importable here."""
    hints = {key: getattr(hint, "__forward_arg__", "") for key, hint in shape.__annotations__.items()}
    return {key for key, hint in hints.items() if not hint.startswith("NotRequired[")}


def _broken(path: Path, what: str) -> InvalidInput:
    return InvalidInput(f"the staged configuration {path} {what}; stage and deploy the function again")
