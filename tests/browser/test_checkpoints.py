"""Saving, going back, launching from and deleting, on a real instance's page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import PHONE, LiveZoo, OpenPage, axe_violations


@pytest.fixture
def learner(zoo: LiveZoo) -> Iterator[str]:
    instance_id = zoo.launch("Balancer", name="Pupil")
    yield instance_id
    zoo.terminate(instance_id)


def opened(zoo: LiveZoo, instance_id: str, open_page: OpenPage, **how: object) -> Page:
    page = open_page(f"{zoo.url}/instances/{instance_id}", **how)
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()
    return page


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name="Checkpoints")


def save(page: Page, tag: str = "") -> None:
    panel(page).get_by_label("Tag", exact=True).fill(tag)
    panel(page).get_by_role("button", name="Save now").click()


def test_it_is_saved_and_goes_back(zoo: LiveZoo, learner: str, open_page: OpenPage) -> None:
    """A tag of one's own, then one that is made up, which grew from it; a restore begins the next timeline in the same
    process, and says so."""
    page = opened(zoo, learner, open_page)
    rows = panel(page).get_by_role("listitem")
    expect(panel(page)).to_contain_text("Nothing is saved yet")
    save(page, "two words")
    expect(panel(page).get_by_label("Tag", exact=True)).to_have_attribute("aria-invalid", "true")
    save(page, "steady")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text(re.compile(r"steady.*step [\d,]+ · timeline 1"))
    save(page)
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("grew from steady")
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()

    panel(page).get_by_role("button", name="Restore steady").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(page.locator("[data-stat=timeline]")).to_have_text("2")
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()
    expect(panel(page).get_by_role("status").first).to_contain_text(re.compile(r"goes on from step [\d,]+.*steady"))
    expect(rows.last).to_contain_text("it goes on from here if its process is lost")
    attempt = zoo.ask("query($id: ID!) { instance(id: $id) { attempt } }", id=learner)["instance"]["attempt"]
    assert attempt == 1


def test_another_is_launched_from_it(zoo: LiveZoo, learner: str, open_page: OpenPage) -> None:
    """The form knows what was chosen, and the one that was launched says what its own checkpoints grew from."""
    page = opened(zoo, learner, open_page)
    save(page, "springboard")
    panel(page).get_by_role("link", name="Launch from springboard").click()
    start = page.get_by_label("Starts from")
    expect(start.locator("option:checked")).to_contain_text("springboard (Pupil, step")
    page.get_by_role("button", name="Launch Balancer").click()
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()
    child = page.url.rsplit("/", 1)[1]
    save(page, "further")

    expect(panel(page).get_by_role("listitem").first).to_contain_text("grew from springboard")
    zoo.terminate(child)


def test_one_is_deleted(zoo: LiveZoo, learner: str, open_page: OpenPage) -> None:
    """A dialog stands between the button and the loss; what it would go on from offers none."""
    page = opened(zoo, learner, open_page)
    save(page, "mistake")
    expect(panel(page).get_by_role("listitem")).to_have_count(1)
    save(page, "better")
    expect(panel(page).get_by_role("button", name="Delete better")).to_have_count(0)
    panel(page).get_by_role("button", name="Delete mistake").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(panel(page).get_by_role("listitem")).to_have_count(1)
    expect(panel(page)).not_to_contain_text("mistake")


def test_a_save_that_fails_says_why(zoo: LiveZoo, open_page: OpenPage) -> None:
    """What the model's own code raised is shown, nothing is listed, and the instance goes on."""
    instance_id = zoo.launch("Forgetful", name="Sieve")
    page = opened(zoo, instance_id, open_page)
    save(page)

    expect(panel(page).get_by_role("alert")).to_contain_text("It is not saved")
    expect(panel(page).get_by_role("alert")).to_contain_text("nothing comes to mind")
    expect(panel(page)).to_contain_text("Nothing is saved yet")
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()
    zoo.terminate(instance_id)


def test_what_cannot_be_put_back_says_why(zoo: LiveZoo, open_page: OpenPage) -> None:
    """What the model's own code raised is shown at the checkpoint, with what becomes of the instance."""
    instance_id = zoo.launch("Amnesiac", name="Blank")
    zoo.save(instance_id, "notes")
    page = opened(zoo, instance_id, open_page)
    panel(page).get_by_role("button", name="Restore notes").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()

    expect(panel(page).get_by_role("alert")).to_contain_text("It has not gone back to notes")
    expect(panel(page).get_by_role("alert")).to_contain_text("where was it that they kept the notes?")
    zoo.terminate(instance_id)


def test_a_state_that_was_altered_is_said_to_be(zoo: LiveZoo, learner: str, open_page: OpenPage) -> None:
    """Bytes of the bucket that are not those that were saved change nothing in the instance, which goes on."""
    zoo.save(learner, "spoilt")
    (stored,) = zoo.folder.glob(f".zoo/bucket/objects/runs/{learner}/1/checkpoints/*/*")
    stored.write_bytes(stored.read_bytes()[:-1] + b"!")
    page = opened(zoo, learner, open_page)
    panel(page).get_by_role("button", name="Restore spoilt").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()

    expect(panel(page).get_by_role("alert")).to_contain_text("It has not gone back to spoilt")
    expect(panel(page).get_by_role("alert")).to_contain_text(re.compile("SHA-256", re.IGNORECASE))
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()
    timeline = zoo.ask("query($id: ID!) { instance(id: $id) { timeline } }", id=learner)["instance"]["timeline"]
    assert timeline == 1


def test_it_is_saved_and_paused(zoo: LiveZoo, learner: str, open_page: OpenPage) -> None:
    """One button does both, and what was saved is listed."""
    page = opened(zoo, learner, open_page)
    page.get_by_role("button", name="Save and pause").click()

    expect(page.locator("[data-phase=PAUSED]")).to_be_visible()
    expect(panel(page).get_by_role("listitem")).to_have_count(1)
    expect(page.get_by_role("button", name="Save and pause")).to_have_count(0)


def test_it_is_saved_and_ended(zoo: LiveZoo, learner: str, open_page: OpenPage) -> None:
    """Ending offers to save first; what was saved stays when it has ended."""
    page = opened(zoo, learner, open_page)
    page.get_by_role("button", name="End", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Save and end").click()

    expect(page.locator("[data-phase=TERMINATED]")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(panel(page).get_by_role("listitem").first).to_contain_text(re.compile(r"step [\d,]+ · timeline 1"))


def test_what_cannot_be_saved_does_not_end_unless_it_is_told_to(zoo: LiveZoo, open_page: OpenPage) -> None:
    """The dialog says why it is not saved and that it has not ended; ending it anyway is another button."""
    instance_id = zoo.launch("Forgetful", name="Sieve")
    page = opened(zoo, instance_id, open_page)
    page.get_by_role("button", name="End", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Save and end").click()

    expect(dialog.get_by_role("alert")).to_contain_text("It is not saved, so it has not ended")
    expect(dialog.get_by_role("alert")).to_contain_text("nothing comes to mind")
    expect(page.locator("[data-phase=PAUSED]")).to_be_visible()
    assert axe_violations(page) == []
    dialog.get_by_role("button", name="End it anyway").click()
    expect(page.locator("[data-phase=TERMINATED]")).to_be_visible()


def test_a_phone_has_room_for_it(zoo: LiveZoo, learner: str, open_page: OpenPage) -> None:
    """Nothing is wider than the screen, whatever the tag, and nobody is left out."""
    page = opened(zoo, learner, open_page, viewport=PHONE)
    save(page, "a-very-long-tag-" * 10)
    expect(panel(page).get_by_role("listitem")).to_have_count(1)

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert axe_violations(page) == []
