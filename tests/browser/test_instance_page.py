"""An instance's page of a real zoo in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from .conftest import LiveZoo, OpenPage


@pytest.fixture
def learner(zoo: LiveZoo) -> Iterator[str]:
    instance_id = zoo.launch("Balancer", name="Pupil")
    yield instance_id
    zoo.terminate(instance_id)


@pytest.fixture
def page(zoo: LiveZoo, learner: str, open_page: OpenPage) -> Page:
    page = open_page(f"{zoo.url}/instances/{learner}")
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()
    return page


def steps(zoo: LiveZoo, instance_id: str) -> int:
    return int(
        zoo.ask("query($id: ID!) { instance(id: $id) { stats { step } } }", id=instance_id)["instance"]["stats"]["step"]
    )


def test_it_pauses_steps_and_resumes(zoo: LiveZoo, learner: str, page: Page) -> None:
    """Paused it stands still, three single steps are three, and it runs on when resumed; each is acknowledged."""
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator("[data-phase=PAUSED]")).to_be_visible()
    expect(page.get_by_text(re.compile("acknowledged at step"))).to_be_visible()
    page.wait_for_timeout(800)
    before = steps(zoo, learner)
    page.get_by_label("How many steps").fill("3")
    page.get_by_role("button", name="Step", exact=True).click()
    expect(page.locator("[data-stat=step]")).to_have_text(f"{before + 3:,}")

    page.get_by_role("button", name="Resume").click()
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()
    expect(page.locator("[data-stat=step]")).not_to_have_text(f"{before + 3:,}")


def test_the_space_bar_pauses_and_resumes(page: Page) -> None:
    """Space anywhere on the page, but in a field, toggles."""
    page.keyboard.press("Space")
    expect(page.locator("[data-phase=PAUSED]")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()


def test_a_change_of_mode_is_acknowledged(zoo: LiveZoo, learner: str, page: Page) -> None:
    """The switch asks, the runner follows, and the page names the step at which it did."""
    page.get_by_role("switch", name="Learns").click()

    expect(page.get_by_role("switch", name="Learns")).not_to_be_checked()
    expect(page.get_by_text(re.compile(r"acknowledged at step [\d,]+"))).to_be_visible()
    mode = zoo.ask("query($id: ID!) { instance(id: $id) { mode { training inference } } }", id=learner)["instance"][
        "mode"
    ]
    assert mode == {"training": False, "inference": True}


def test_the_speed_follows_the_slider(zoo: LiveZoo, learner: str, page: Page) -> None:
    """Moved by keyboard to its lowest stop, it lets the animal step once in two seconds."""
    slider = page.get_by_label("Speed", exact=True)
    slider.focus()
    slider.press("Home")

    expect(page.get_by_text("0.5 steps a second")).to_be_visible()
    expect(page.get_by_text(re.compile("acknowledged"))).to_be_visible()
    rate = zoo.ask("query($id: ID!) { instance(id: $id) { stepsPerSecond } }", id=learner)["instance"]["stepsPerSecond"]
    assert rate == 0.5


def test_inputs_outputs_and_charts_are_live(page: Page) -> None:
    """Signals are drawn by their kind, and the charts have points."""
    signals = page.get_by_role("region", name="Signals")
    expect(signals.get_by_text("inputs.observation")).to_be_visible()
    expect(signals.locator(".choices li[data-on]").first).to_be_visible()
    expect(page.locator(".chart .u-over").first).to_be_attached()
    expect(page.locator(".chart output").first).not_to_be_empty()


def test_a_failure_shows_its_traceback_and_its_log(zoo: LiveZoo, open_page: OpenPage) -> None:
    """The page of a failed animal says what was raised, where, and what it had printed; it can be deleted."""
    instance_id = zoo.launch("Stumbler", name="Clumsy")
    page = open_page(f"{zoo.url}/instances/{instance_id}")

    expect(page.locator("[data-phase=FAILED]")).to_be_visible()
    expect(page.get_by_role("region", name="Traceback")).to_contain_text("ValueError: out of patience")
    expect(page.get_by_role("log")).to_contain_text("the first step of many")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="The zoo")).to_be_visible()
    expect(page.get_by_text("Clumsy")).to_have_count(0)


def test_ending_is_asked_twice_and_then_done(zoo: LiveZoo, learner: str, page: Page) -> None:
    """A dialog stands between the button and the end."""
    page.get_by_role("button", name="End", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()
    page.get_by_role("button", name="End", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="End without saving").click()
    expect(page.locator("[data-phase=TERMINATED]")).to_be_visible()


def test_what_is_not_there_is_said_to_be_missing(zoo: LiveZoo, open_page: OpenPage) -> None:
    """An old link leads to a page that says so, and back to the zoo."""
    page = open_page(f"{zoo.url}/instances/ins_nobody")

    expect(page.get_by_role("heading", name="Not here")).to_be_visible()
