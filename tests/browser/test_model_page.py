"""A model's page: the lineage of all that was saved of it, in a real zoo and a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import PHONE, LiveZoo, OpenPage, axe_violations


@pytest.fixture(scope="module")
def family(zoo: LiveZoo) -> Iterator[str]:
    """A parent with two checkpoints, and a child that was launched from the first. Returns the id of their model."""
    parent = zoo.launch("Balancer", name="Elder")
    first = zoo.save(parent, "elder-first")
    zoo.save(parent, "elder-second")
    child = zoo.launch("Balancer", name="Younger", checkpointId=first)
    zoo.save(child, "younger-first")
    yield zoo.id_of("models", "Balancer")
    zoo.terminate(parent)
    zoo.terminate(child)


def heading(page: Page, tag: str) -> Locator:
    return page.locator(".checkpoint-title strong", has_text=tag)


def row(page: Page, tag: str) -> Locator:
    return page.get_by_role("region", name="Lineage").get_by_role("listitem").filter(has=heading(page, tag))


def test_it_shows_what_grew_from_what(zoo: LiveZoo, family: str, open_page: OpenPage) -> None:
    """Both children of one checkpoint say so in words, and their lines meet in the picture."""
    page = open_page(f"{zoo.url}/models/{family}")
    expect(row(page, "younger-first")).to_contain_text("grew from elder-first")
    expect(row(page, "elder-second")).to_contain_text("grew from elder-first")
    expect(row(page, "younger-first").get_by_role("link", name="Younger", exact=True)).to_be_visible()

    lanes = {row(page, tag).locator("circle").get_attribute("cx") for tag in ("younger-first", "elder-second")}
    assert len(lanes) == 2
    expect(row(page, "elder-second").locator("path")).not_to_have_count(0)


def test_it_is_reached_from_the_zoo_from_an_instance_and_from_a_launch(
    zoo: LiveZoo, family: str, open_page: OpenPage
) -> None:
    """Three ways lead there, and one from there to launch."""
    page = open_page(zoo.url)
    page.get_by_text("Models", exact=True).click()
    page.get_by_role("listitem").get_by_role("link", name="Balancer", exact=True).click()
    expect(page.get_by_role("heading", name="Balancer", level=1)).to_be_visible()
    page.get_by_role("link", name="Launch Balancer").click()
    page.get_by_role("link", name="What Balancer is").click()
    expect(page).to_have_url(f"{zoo.url}/models/{family}")
    page.get_by_role("link", name="Elder", exact=True).first.click()
    page.get_by_role("link", name="All of Balancer").click()
    expect(page).to_have_url(f"{zoo.url}/models/{family}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_room_for_a_lineage(scheme: str, zoo: LiveZoo, family: str, open_page: OpenPage) -> None:
    """Nothing is wider than the screen, and nobody is left out."""
    page = open_page(f"{zoo.url}/models/{family}", viewport=PHONE, scheme=scheme)
    expect(heading(page, "elder-first")).to_be_visible()
    page.get_by_role("button", name="Compare elder-first").click()
    expect(page.get_by_text("and which other?")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert axe_violations(page) == []


def test_a_model_that_is_not_there_is_said_to_be_missing(zoo: LiveZoo, open_page: OpenPage) -> None:
    """An old link leads to a page that says so."""
    page = open_page(f"{zoo.url}/models/mod_nothing")

    expect(page.get_by_role("heading", name="Not here")).to_be_visible()
