"""What differs between two checkpoints, in a real zoo and a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from .conftest import PHONE, LiveZoo, OpenPage, axe_violations


@pytest.fixture(scope="module")
def two(zoo: LiveZoo) -> Iterator[tuple[str, str]]:
    """Two checkpoints of instances whose networks are of different sizes."""
    small = zoo.launch("Balancer", name="Small", parameters={"hidden": 16})
    large = zoo.launch("Balancer", name="Large", parameters={"hidden": 32})
    yield zoo.save(small, "small-brain"), zoo.save(large, "large-brain")
    zoo.terminate(small)
    zoo.terminate(large)


def test_two_are_picked_and_compared(zoo: LiveZoo, two: tuple[str, str], open_page: OpenPage) -> None:
    """The older comes first; what differs is told for parameters and for tensors."""
    page = open_page(f"{zoo.url}/models/{zoo.id_of('models', 'Balancer')}")
    page.get_by_role("button", name="Compare large-brain").click()
    expect(page.get_by_text("and which other?")).to_be_visible()
    page.get_by_role("button", name="Compare small-brain").click()
    page.get_by_role("link", name="Compare them").click()

    expect(page.get_by_role("region", name="From")).to_contain_text("small-brain")
    expect(page.get_by_role("region", name="To")).to_contain_text("large-brain")
    expect(page.get_by_role("region", name="Parameters").get_by_role("row", name="hidden")).to_contain_text("1632")
    expect(page.get_by_role("region", name="Tensors").get_by_role("row").nth(1)).to_contain_text("reshaped")
    page.get_by_role("link", name="The other way round").click()
    expect(page.get_by_role("region", name="From")).to_contain_text("large-brain")
    expect(page.get_by_role("region", name="Parameters").get_by_role("row", name="hidden")).to_contain_text("3216")


def answered(page: Page, url: str, tensors: list[dict[str, object]]) -> None:
    """Opens a page, whose question for what differs gets this answer."""
    page.route(
        "**/graphql",
        lambda route: (
            route.fulfill(json={"data": {"checkpointDiff": {"parameters": {}, "tensors": tensors}}})
            if "query Diff" in (route.request.post_data or "")
            else route.continue_()
        ),
    )
    page.goto(url)


def test_thousands_of_tensors_are_a_part_at_a_time(zoo: LiveZoo, two: tuple[str, str], open_page: OpenPage) -> None:
    """The largest change is first; more are shown on demand, and a search finds those that are not shown."""
    tensors: list[dict[str, object]] = [
        {
            "path": f"layer.{number}.weight", "change": "changed", "norm": number / 7, "relative": 0.1,
            "fromShape": [4, 4], "toShape": [4, 4], "fromDtype": "float32", "toDtype": "float32",
        }
        for number in range(5000)
    ]  # fmt: skip
    page = open_page("about:blank")
    answered(page, f"{zoo.url}/compare?from={two[0]}&to={two[1]}", tensors)
    rows = page.get_by_role("region", name="Tensors").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("layer.4999.weight")
    expect(rows).to_have_count(101)
    page.get_by_role("button", name="Show 100 of 4,900 more").click()
    expect(rows).to_have_count(201)
    page.get_by_label("Search tensors by path").fill("layer.17.")

    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("layer.17.weight")


def test_what_cannot_be_compared_says_why(zoo: LiveZoo, two: tuple[str, str], open_page: OpenPage) -> None:
    """The zoo's reason is shown beside what was to be compared."""
    page = open_page("about:blank")
    refusal = {"message": "the checkpoint small-brain is not as it was saved", "extensions": {"code": "DATA_CORRUPT"}}
    page.route(
        "**/graphql",
        lambda route: (
            route.fulfill(json={"data": {"checkpointDiff": None}, "errors": [refusal]})
            if "query Diff" in (route.request.post_data or "")
            else route.continue_()
        ),
    )
    page.goto(f"{zoo.url}/compare?from={two[0]}&to={two[1]}")

    expect(page.get_by_role("alert")).to_contain_text("is not as it was saved")
    expect(page.get_by_role("region", name="From")).to_contain_text("small-brain")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_room_for_what_differs(
    scheme: str, zoo: LiveZoo, two: tuple[str, str], open_page: OpenPage
) -> None:
    """Nothing is wider than the screen, and nobody is left out."""
    page = open_page(f"{zoo.url}/compare?from={two[0]}&to={two[1]}", viewport=PHONE, scheme=scheme)
    expect(page.get_by_role("region", name="Tensors").get_by_role("row").nth(1)).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert axe_violations(page) == []


def test_a_checkpoint_that_is_not_there_is_said_to_be_missing(
    zoo: LiveZoo, two: tuple[str, str], open_page: OpenPage
) -> None:
    """An old link leads to a page that says so."""
    page = open_page(f"{zoo.url}/compare?from={two[0]}&to=chk_{'0' * 40}")

    expect(page.get_by_role("heading", name="Not here")).to_be_visible()
