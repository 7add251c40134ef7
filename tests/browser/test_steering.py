"""Finding, overriding and driving: an instance in the hands of somebody at a page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from .conftest import PHONE, LiveZoo, OpenPage, axe_violations, until


@pytest.fixture
def instance(zoo: LiveZoo) -> Iterator[str]:
    instance_id = zoo.launch("Balancer", name="Steered")
    yield instance_id
    zoo.terminate(instance_id)


@pytest.fixture
def page(zoo: LiveZoo, instance: str, open_page: OpenPage) -> Page:
    page = open_page(f"{zoo.url}/instances/{instance}")
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()
    return page


def holder(zoo: LiveZoo, instance_id: str) -> str | None:
    control = zoo.ask("query($id: ID!) { instance(id: $id) { control { holder { id } } } }", id=instance_id)
    held = control["instance"]["control"]
    return None if held is None else str(held["holder"]["id"])


def test_any_signal_is_found_and_watched(page: Page) -> None:
    """A weight, found by two words of its path, is watched as statistics, and let go again."""
    page.get_by_text("All signals").click()
    page.get_by_label("Search by path").fill("policy_in bias")
    page.get_by_label("Watch state.policy_in_bias").check()
    signal = page.locator("figure[data-path='state.policy_in_bias']")
    expect(signal.locator("canvas")).to_be_visible()
    signal.locator("summary").click()
    signal.get_by_label("Show").select_option("Statistics")
    expect(signal.get_by_label("Statistics of state.policy_in_bias")).to_contain_text(re.compile(r"Elements\s*64"))
    signal.get_by_role("button", name="Stop watching").click()

    expect(signal).to_have_count(0)


def test_a_rule_stands_until_it_is_cleared(zoo: LiveZoo, instance: str, page: Page) -> None:
    """The form offers the choices of the signal; the rule is listed with its author, and its values are marked."""
    proposed = page.locator("figure[data-path='outputs.action']")
    proposed.locator("summary").click()
    proposed.get_by_role("button", name="Override").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("right").click()
    assert axe_violations(page) == []
    dialog.get_by_role("button", name="Override it").click()

    rules = page.get_by_role("region", name="Overrides")
    expect(rules).to_contain_text("outputs.action set to right")
    expect(rules).to_contain_text("by operator")
    expect(proposed.get_by_text("changed")).to_be_visible()
    rules.get_by_role("button", name="Clear").click()
    expect(rules).to_have_count(0)
    standing = zoo.ask("query($id: ID!) { instance(id: $id) { overrides { id } } }", id=instance)
    assert standing["instance"]["overrides"] == []


def test_what_does_not_fit_is_said_at_its_field(page: Page) -> None:
    """A wrong number stays in the form, with the reason beside it."""
    signal = page.locator("figure[data-path='inputs.observation']")
    signal.locator("summary").click()
    signal.get_by_role("button", name="Override").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("speed").fill("fast")
    dialog.get_by_role("button", name="Override it").click()

    expect(dialog.get_by_role("alert")).to_have_text("“fast” is not a number")


def test_somebody_drives_with_keys_and_lets_go(zoo: LiveZoo, instance: str, page: Page) -> None:
    """While the wheel is held the arrows belong to it, the runner obeys, and Escape gives it back."""
    page.get_by_role("button", name="Take the wheel").click()
    wheel = page.get_by_role("region", name="The wheel")
    expect(wheel).to_be_visible()
    page.keyboard.down("ArrowLeft")
    expect(wheel.get_by_role("button", name="left")).to_have_attribute("aria-pressed", "true")
    expect(wheel).to_contain_text(re.compile(r"obeyed at step [\d,]+"))
    assert holder(zoo, instance) is not None
    assert axe_violations(page) == []
    page.keyboard.up("ArrowLeft")
    page.keyboard.press("Escape")

    expect(page.get_by_text("The model drives", exact=True)).to_be_visible()
    until(lambda: holder(zoo, instance) is None)


def test_who_leaves_the_page_drives_no_more(zoo: LiveZoo, instance: str, open_page: OpenPage) -> None:
    """On a phone, by night: taken with a thumb, and given back by going elsewhere."""
    page = open_page(f"{zoo.url}/instances/{instance}", viewport=PHONE, scheme="dark")
    page.get_by_role("button", name="Take the wheel").click()
    page.get_by_role("region", name="The wheel").get_by_role("button", name="right").click()
    until(lambda: holder(zoo, instance) is not None)
    assert axe_violations(page) == []
    page.get_by_role("link", name="The zoo").click()

    until(lambda: holder(zoo, instance) is None)
