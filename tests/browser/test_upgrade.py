"""A client whose files have been taken away by an upgrade."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from .conftest import LiveZoo, OpenPage


def test_a_page_whose_file_is_gone_is_loaded_anew(zoo: LiveZoo, open_page: OpenPage) -> None:
    """The client is loaded once more, and the page that was asked for is shown."""
    page = open_page(zoo.url, strict=False)
    expect(page.get_by_role("heading", name="The zoo")).to_be_visible()
    page.route("**/assets/LaunchView-*.js", lambda route: route.fulfill(status=404), times=1)
    page.get_by_role("link", name="Launch", exact=True).click()

    expect(page.get_by_role("heading", name="Launch an AInimal")).to_be_visible()


def test_a_page_that_stays_away_is_said_to_be_so(zoo: LiveZoo, open_page: OpenPage) -> None:
    """It is loaded anew once and not for ever; the rest of the client goes on."""
    page = open_page(zoo.url, strict=False)
    expect(page.get_by_role("heading", name="The zoo")).to_be_visible()
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=404)

    page.route("**/assets/LaunchView-*.js", refuse)
    page.get_by_role("link", name="Launch", exact=True).click()
    expect(page.get_by_role("heading", name="This page cannot be shown")).to_be_visible()
    page.wait_for_timeout(1000)

    assert len(refused) == 2
    page.get_by_role("link", name="Back to the zoo").click()
    expect(page.get_by_role("heading", name="The zoo")).to_be_visible()
