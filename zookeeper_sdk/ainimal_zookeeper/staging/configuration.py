"""The configuration as it is deployed: with where the sources of its models stand in git, which nobody sees there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ainimal_zookeeper.config import Compilation
from ainimal_zookeeper.provenance import Provenance


def deployable(compilation: Compilation, environ: Mapping[str, str]) -> dict[str, Any]:
    """Returns `compilation.document()` with that, under a revision that is another one when any of it is.

    environ: of this process, for git. Raises: ConfigurationError when something of it is only on this machine.
    """
    document = compilation.document()
    models = Provenance(compilation.home, environ, at_hand=False).told(document["models"])
    if models != document["models"]:
        everything = json.dumps([document["configuration"]["revision"], models], sort_keys=True)
        document["configuration"]["revision"] = hashlib.sha256(everything.encode()).hexdigest()[:12]
        document["models"] = models
    return document
