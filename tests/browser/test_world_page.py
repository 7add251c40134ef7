"""Worlds on their own, in a real zoo and a real browser."""

from __future__ import annotations

from playwright.sync_api import expect

from .conftest import LiveZoo, OpenPage


def test_a_world_is_launched_and_an_animal_into_it(zoo: LiveZoo, open_page: OpenPage) -> None:
    """From the zoo's page to the world's, and from there to the form that joins it; the animal is seen in its world."""
    page = open_page(zoo.url)
    page.get_by_role("link", name="Launch a world").click()
    page.get_by_label("Kind of world").select_option("CartPole")
    expect(page.get_by_text("One AInimal can join it")).to_be_visible()
    page.get_by_role("button", name="Launch CartPole").click()
    expect(page.get_by_role("heading", name="Who is in it")).to_be_visible()
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()
    world_page = page.url

    page.get_by_role("link", name="Launch an AInimal into it").click()
    page.locator(".model-card", has_text="Balancer").first.click()
    expect(page.get_by_label("Running world")).to_have_value(world_page.rsplit("/", 1)[1])
    page.get_by_role("button", name="Launch Balancer").click()
    expect(page.locator(".stage .quiet")).to_be_empty()
    expect(page.locator(".stage canvas")).not_to_have_attribute("width", "1")
    page.get_by_role("link", name="a shared world").click()

    expect(page).to_have_url(world_page)
    expect(page.get_by_role("region", name="Who is in it").get_by_role("link", name="Balancer")).to_be_visible()
    expect(page.get_by_role("link", name="Launch an AInimal into it")).to_have_count(0)
    zoo.terminate_world(world_page.rsplit("/", 1)[1])


def test_a_parameter_of_a_world_is_refused_at_its_field(zoo: LiveZoo, open_page: OpenPage) -> None:
    """What the API says of a parameter stands at the parameter, and nothing is launched."""
    page = open_page(f"{zoo.url}/launch/world")
    refusal = {
        "code": "INVALID_INPUT",
        "message": "balls is 12; at most 9",
        "path": ["input", "parameters", "balls"],
        "retryAfterSeconds": None,
    }
    page.route(
        "**/graphql",
        lambda route: (
            route.fulfill(json={"data": {"outcome": {"environmentInstance": None, "userErrors": [refusal]}}})
            if "environmentLaunch" in (route.request.post_data or "")
            else route.continue_()
        ),
    )
    page.get_by_label("Kind of world").select_option("Catch")
    page.get_by_role("button", name="Launch Catch").click()

    expect(page.get_by_role("alert")).to_contain_text("at most 9")
    expect(page.get_by_label("Balls per episode", exact=True)).to_have_attribute("aria-invalid", "true")
