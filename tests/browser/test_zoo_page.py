"""The home page of a real zoo in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import DESKTOP, PHONE, LiveZoo, OpenPage

PICTURE = """(canvas) => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let hash = 0;
  for (let i = 0; i < data.length; i += 4) hash = (hash * 31 + data[i] + data[i + 1] * 3) | 0;
  return canvas.width > 1 ? hash : 0;
}"""


def pictures(page: Page, canvas: Locator, count: int) -> set[int]:
    """Looks `count` times at a canvas and returns fingerprints of what it showed; 0 while it shows nothing."""
    expect(canvas).to_be_visible()
    seen = set()
    for _ in range(count):
        seen.add(int(canvas.evaluate(PICTURE)))
        page.wait_for_timeout(250)
    return seen - {0}


@pytest.fixture
def learner(zoo: LiveZoo) -> Iterator[str]:
    instance_id = zoo.launch("Balancer", name="Acrobat")
    yield instance_id
    zoo.terminate(instance_id)


def test_home_shows_a_learning_animal_with_a_moving_picture(zoo: LiveZoo, learner: str, open_page: OpenPage) -> None:
    """A card names the animal, says that it runs, counts its steps and shows its world moving."""
    page = open_page(zoo.url)
    card = page.get_by_role("article", name="Acrobat").first

    expect(card.get_by_text("Running")).to_be_visible()
    expect(card).to_contain_text("Balancer in CartPole")
    assert len(pictures(page, card.locator("canvas").first, 12)) > 1
    expect(page.get_by_text("Live", exact=True)).to_be_visible()


def test_an_animal_launched_elsewhere_appears_by_itself(zoo: LiveZoo, open_page: OpenPage) -> None:
    """The list follows the zoo without being reloaded."""
    page = open_page(zoo.url)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    instance_id = zoo.launch("Balancer", name="Newcomer", paused=True)
    expect(page.get_by_role("article", name="Newcomer")).to_be_visible()

    zoo.terminate(instance_id)
    expect(page.get_by_role("article", name="Newcomer")).to_have_count(0)


def test_a_card_pauses_and_resumes(zoo: LiveZoo, learner: str, open_page: OpenPage) -> None:
    """What can be done at once can be done from the list."""
    page = open_page(zoo.url)
    card = page.get_by_role("article", name="Acrobat").first
    card.get_by_role("button", name="Pause Acrobat").click()
    expect(card.get_by_text("Paused")).to_be_visible()
    card.get_by_role("button", name="Resume Acrobat").click()
    expect(card.get_by_text("Running")).to_be_visible()


def test_worlds_that_run_on_their_own_are_listed(zoo: LiveZoo, open_page: OpenPage) -> None:
    """An autostarted world has its row, its page and its picture's place."""
    page = open_page(zoo.url)
    page.get_by_role("region", name="Worlds").get_by_role("listitem").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Who is in it")).to_be_visible()
    expect(page.get_by_text("Nobody yet")).to_be_visible()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("path", ["/", "/launch", "/launch/world", "/instances/{id}", "/models/new"])
def test_no_page_scrolls_sideways(
    path: str, viewport: dict[str, int], zoo: LiveZoo, learner: str, open_page: OpenPage
) -> None:
    """At 375 pixels and at 1280 everything fits."""
    page = open_page(zoo.url + path.format(id=learner), viewport=viewport)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_timeout(1500)

    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_targets_on_a_phone_are_big_enough(zoo: LiveZoo, learner: str, open_page: OpenPage) -> None:
    """Every button and field of an instance's page is at least 44 pixels high."""
    page = open_page(f"{zoo.url}/instances/{learner}", viewport=PHONE)
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    small = page.evaluate(
        "() => [...document.querySelectorAll('button, input, select, summary')]"
        ".filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 43.5).map((e) => e.outerHTML)"
    )

    assert small == []
