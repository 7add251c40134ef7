"""axe-core finds nothing to complain about, on every page, by day and by night."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from .conftest import DESKTOP, PHONE, LiveZoo, OpenPage, axe_violations


@pytest.fixture(scope="module")
def inhabitants(zoo: LiveZoo) -> Iterator[dict[str, str]]:
    """One of each kind: a learner, one that fails, a parrot that answers, and a world with a guest."""
    ids = {
        "learner": zoo.launch("Balancer", name="Steady"),
        "failed": zoo.launch("Stumbler", name="Fallen"),
        "answering": zoo.launch("Parrot", environment=None, name="Talker"),
    }
    world_id = zoo.launch_world("CartPole")
    zoo.save(ids["learner"], "steadiest")
    ids["guest"] = zoo.launch("Balancer", environment=None, environmentInstanceId=world_id, name="Guest")
    yield {**ids, "world": world_id, "model": zoo.id_of("models", "Balancer")}
    for instance_id in ids.values():
        zoo.terminate(instance_id)
    zoo.terminate_world(world_id)


PAGES = {
    "home": ("/", "article"),
    "launch": ("/launch", ".model-card"),
    "launch-world": ("/launch/world", "form button"),
    "model": ("/models/{model}", ".lineage circle"),
    "add-model": ("/models/new", "input[type=file]"),
    "world": ("/worlds/{world}", "canvas"),
    "instance": ("/instances/{learner}", ".chart canvas"),
    "failed": ("/instances/{failed}", ".traceback"),
    "answering": ("/instances/{answering}", "form textarea"),
}


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_violations(
    name: str, scheme: str, viewport: dict[str, int], zoo: LiveZoo, inhabitants: dict[str, str], open_page: OpenPage
) -> None:
    """No violation of any rule that axe-core knows."""
    path, awaited = PAGES[name]
    page = open_page(zoo.url + path.format(**inhabitants), viewport=viewport, scheme=scheme)
    expect(page.locator(awaited).first).to_be_visible()
    if name == "launch":
        page.locator(".model-card", has_text="Balancer").click()
        expect(page.get_by_role("button", name="Launch Balancer")).to_be_visible()

    assert axe_violations(page) == []


def test_axe_does_find_what_is_wrong(zoo: LiveZoo, open_page: OpenPage) -> None:
    """The check can fail: a button without a name is found."""
    page = open_page(zoo.url)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")

    assert any(violation.startswith("button-name") for violation in axe_violations(page))
