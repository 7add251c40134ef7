"""The standalone client in a real browser: it asks where the zoo is."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from .conftest import DESKTOP, PHONE, LiveZoo, OpenPage, axe_violations


def test_the_standalone_client_asks_for_the_zoo_and_remembers_it(
    zoo: LiveZoo, standalone_client: str, open_page: OpenPage
) -> None:
    """Address and port lead to the zoo; the next visit goes there at once."""
    page = open_page(standalone_client, strict=False)
    expect(page.get_by_role("heading", name="Which zoo?")).to_be_visible()
    page.get_by_label("Server address").fill("127.0.0.1")
    page.get_by_label("Port").fill(str(urlsplit(zoo.url).port))
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("heading", name="The zoo")).to_be_visible()

    page.reload()
    expect(page.get_by_role("heading", name="The zoo")).to_be_visible()


def test_a_zoo_out_of_reach_is_said_to_be_so(standalone_client: str, open_page: OpenPage) -> None:
    """The message names the address and what to check; a port that is none is refused at its field."""
    page = open_page(standalone_client, strict=False)
    page.get_by_label("Port").fill("70000")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("alert")).to_contain_text("“70000” is no port")

    page.get_by_label("Server address").fill("127.0.0.1")
    page.get_by_label("Port").fill("9")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("alert")).to_contain_text("http://127.0.0.1:9")
    assert axe_violations(page) == []


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_that_asks_has_no_violations(
    scheme: str, viewport: dict[str, int], standalone_client: str, open_page: OpenPage
) -> None:
    """No violation of any rule that axe-core knows, and nothing to scroll sideways."""
    page = open_page(standalone_client, viewport=viewport, scheme=scheme, strict=False)
    expect(page.get_by_role("heading", name="Which zoo?")).to_be_visible()

    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_something_else_at_the_address_is_no_zoo(standalone_client: str, open_page: OpenPage) -> None:
    """A server that answers but is no zoo is told from one that does not answer."""
    page = open_page(standalone_client, strict=False)
    page.get_by_label("Server address").fill("127.0.0.1")
    page.get_by_label("Port").fill(str(urlsplit(standalone_client).port))
    page.get_by_role("button", name="Connect").click()

    expect(page.get_by_role("alert")).to_contain_text("is not a zoo")
