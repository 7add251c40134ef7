"""Recording, scrubbing and replaying, at a page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from .conftest import DESKTOP, PHONE, LiveZoo, OpenPage, axe_violations, until

SOON = 30_000  # milliseconds: what is recorded begins with a checkpoint


@pytest.fixture(scope="module")
def actor(zoo: LiveZoo) -> Iterator[str]:
    """One that acts and does not learn, so that it can be replayed to the bit."""
    instance_id = zoo.launch("Balancer", name="Actor", mode={"training": False, "inference": True}, seed=7)
    yield instance_id
    zoo.terminate(instance_id)


def steps(zoo: LiveZoo, instance_id: str) -> float:
    """Returns how many steps have arrived of the newest recording."""
    nodes = zoo.ask(
        "query($id: ID!) { recordings(instanceId: $id, first: 1) { nodes { firstStep lastStep } } }", id=instance_id
    )["recordings"]["nodes"]
    return float(nodes[0]["lastStep"] - nodes[0]["firstStep"])


def recorded(zoo: LiveZoo, instance_id: str, page: Page) -> None:
    """Records some steps on an instance's page, with pictures, and opens the recording."""
    page.locator("summary", has_text="Recordings").click()
    listed = page.get_by_role("link", name=re.compile(r"^steps [\d,]+ to [\d,]+$"))
    before = listed.count()
    page.locator("summary", has_text="What is recorded").click()
    page.get_by_label("Pictures of the world").check()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Record", exact=True).click()
    stop = page.get_by_role("button", name="Stop recording")
    expect(stop).to_be_visible(timeout=SOON)
    until(lambda: steps(zoo, instance_id) > 20)
    stop.click()
    expect(listed).to_have_count(before + 1, timeout=SOON)
    listed.first.click()
    expect(page.locator(".track canvas").first).to_be_visible(timeout=SOON)


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_recording_is_scrubbed_through(
    zoo: LiveZoo, actor: str, viewport: dict[str, int], open_page: OpenPage
) -> None:
    """Frames and values follow the line; the address names the step; a note is written there and gone to."""
    page = open_page(f"{zoo.url}/instances/{actor}", viewport=viewport)
    recorded(zoo, actor, page)
    expect(page.locator(".track[data-path='env.frame'] canvas")).not_to_have_attribute("width", "1", timeout=SOON)
    moment = page.locator(".moment strong")
    first = int(moment.inner_text().removeprefix("step ").replace(",", ""))
    page.get_by_role("button", name="One step on").click()
    page.get_by_role("button", name="One step on").click()
    expect(moment).to_have_text(f"step {first + 2:,}")
    expect(page).to_have_url(re.compile(rf"step={first + 2}\b"))

    page.locator("summary", has_text="Notes").click()
    page.get_by_label("Note on this step").fill("it leans")
    page.get_by_role("button", name="Note it").click()
    note = page.locator("li", has_text="it leans").first
    expect(note).to_be_visible()
    page.keyboard.press("Tab")
    page.get_by_label("Step", exact=True).press("End")
    expect(moment).not_to_have_text(f"step {first + 2:,}")
    note.get_by_role("button", name=f"step {first + 2:,}", exact=True).click()
    expect(moment).to_have_text(f"step {first + 2:,}")
    assert axe_violations(page) == []

    page.reload()
    expect(moment).to_have_text(f"step {first + 2:,}", timeout=SOON)


def test_a_replay_says_how_far_it_is_the_same(zoo: LiveZoo, actor: str, open_page: OpenPage) -> None:
    """Recorded inputs through the recorded checkpoint give what was recorded, to the last bit."""
    page = open_page(f"{zoo.url}/instances/{actor}", scheme="dark")
    recorded(zoo, actor, page)
    page.locator("summary", has_text="Replay").click()
    assert axe_violations(page) == []
    page.get_by_role("button", name="Replay it").click()

    verdict = page.get_by_role("region", name="Replay")
    expect(verdict).to_contain_text(re.compile(r"[\d,]+ steps are the same to the last bit"), timeout=SOON)
    verdict.get_by_role("link", name="The recording").click()
    expect(page.get_by_role("heading", name="Recording of Actor")).to_be_visible()


def test_the_last_seconds_are_saved_after_the_fact(zoo: LiveZoo, actor: str, open_page: OpenPage) -> None:
    """Nobody had asked for a recording, and there is one."""
    page = open_page(f"{zoo.url}/instances/{actor}")
    page.locator("summary", has_text="Recordings").click()
    listed = page.get_by_role("link", name=re.compile(r"^steps [\d,]+ to [\d,]+$"))
    before = listed.count()
    page.get_by_role("button", name="Save the last").click()

    expect(listed).to_have_count(before + 1, timeout=SOON)
