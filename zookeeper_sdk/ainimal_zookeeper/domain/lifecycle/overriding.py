"""Overrides of an instance: rules that people let stand and clear, and what its runner says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ..documents import Desired, InstanceDoc, OverrideAnswer, OverrideDoc
from ..errors import InvalidTransition, LimitReached, NotFound
from ..overrides import terms_of
from .state import check_not_final, standing_overrides

MAX_OVERRIDES = 100
MAX_OVERRIDE_BYTES = 256_000  # of the values of all of them: they are in one document with all else that is desired


def set_override(document: InstanceDoc, override: OverrideDoc) -> InstanceDoc:
    """Lets a rule stand, after the others; it takes the place of the same rule for the same path and element.

    Raises: InvalidTransition; LimitReached where there would be too many, or too large ones.
    """
    if document["kind"] == "environment":
        raise InvalidTransition(
            f"environment instance {document['id']} has no signals to override; override those of an instance in it"
        )
    standing = [each for each in standing_overrides(document) if not _is_same(each, override)]
    order = 1 + max((each["order"] for each in document["desired"].get("overrides") or ()), default=0)
    rules = [*standing, cast(OverrideDoc, {**override, "order": order})]
    if len(rules) > MAX_OVERRIDES:
        raise LimitReached(f"{len(standing)} rules stand on instance {document['id']} already; clear one first")
    size = sum(len(each["valueJson"].encode()) for each in rules)
    if size > MAX_OVERRIDE_BYTES:
        raise LimitReached(
            f"the values of all rules on instance {document['id']} would take {size} bytes, of at most "
            f"{MAX_OVERRIDE_BYTES}; clear one, use index for one element, or PATCH from a recording"
        )
    return _let_stand(document, rules)


def clear_overrides(document: InstanceDoc, override_id: str | None = None, path: str | None = None) -> InstanceDoc:
    """Takes one rule away, or all on `path`; without either all. Nothing to clear is no error, but an unknown id is.

    Raises: NotFound; InvalidTransition.
    """
    check_not_final(document)
    standing = standing_overrides(document)
    if override_id is not None and all(
        each["id"] != override_id for each in document["desired"].get("overrides") or ()
    ):
        raise NotFound(f"no rule {override_id} stands on instance {document['id']}; list its overrides")
    gone = [
        each
        for each in standing
        if (override_id is None or each["id"] == override_id) and (path is None or each["path"] == path)
    ]
    return _let_stand(document, [each for each in standing if each not in gone]) if gone else document


def overrides_after(document: InstanceDoc, said: Sequence[OverrideAnswer]) -> list[OverrideAnswer]:
    """Returns what is known of the rules once a runner has `said` how they are: what has ended stays ended."""
    asked = {each["id"] for each in document["desired"].get("overrides") or ()}
    known = {each["id"]: each for each in document["status"].get("overrides") or ()}
    for answer in said:
        before = known.get(answer["id"])
        if before is None or before["ended"] is None:
            known[answer["id"]] = answer
    return [answer for key, answer in known.items() if key in asked]


def overrides_ended(before: InstanceDoc, after: InstanceDoc) -> list[tuple[OverrideDoc, OverrideAnswer]]:
    """Returns the rules that ended between two documents, with what the runner said of each."""
    asked = {each["id"]: each for each in standing_overrides(before)}
    answers = after["status"].get("overrides") or ()
    return [(asked[each["id"]], each) for each in answers if each["ended"] is not None and each["id"] in asked]


def _let_stand(document: InstanceDoc, rules: list[OverrideDoc]) -> InstanceDoc:
    check_not_final(document)
    if document["desired"]["phase"] == "TERMINATED":
        raise InvalidTransition(f"instance {document['id']} is stopping; launch a new one")
    desired = cast(Desired, {**document["desired"], "overrides": rules})
    return cast(InstanceDoc, {**document, "desired": desired, "generation": document["generation"] + 1})


def _is_same(one: OverrideDoc, other: OverrideDoc) -> bool:
    """Whether two rules say something of the same element in the same way."""
    alike = (one["path"], one["rule"]) == (other["path"], other["rule"])
    return alike and terms_of(one).index == terms_of(other).index
