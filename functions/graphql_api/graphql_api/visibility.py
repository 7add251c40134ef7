"""What a viewer may see of an instance or a world, and what is said of one that is not there for them."""

from __future__ import annotations

from ainimal_zookeeper.domain.access import Principal
from ainimal_zookeeper.domain.documents import Document, instance_ref
from ainimal_zookeeper.domain.errors import NotFound

from . import projection


def visible(found: Document | None, principal: Principal) -> projection.Shown | None:
    """Projects a row of either kind."""
    if found is None:
        return None
    project = projection.instance if found["kind"] == "instance" else projection.environment_instance
    return project(found, principal)


def missing(id: str) -> NotFound:
    what = "environment instance" if instance_ref(id).collection == "environmentInstances" else "instance"
    return NotFound(f"there is no {what} {id}; it may have been deleted, list those that exist")
