"""The launch form of a real zoo in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from .conftest import LiveZoo, OpenPage


def choose(page: Page, model: str) -> None:
    page.locator(".model-card", has_text=model).first.click()
    expect(page.get_by_role("button", name=f"Launch {model}")).to_be_visible()


def test_the_form_follows_the_parameters_and_launches(zoo: LiveZoo, open_page: OpenPage) -> None:
    """Fields are drawn from the model's parameters; the launched animal has the values that were entered."""
    page = open_page(f"{zoo.url}/launch")
    choose(page, "Balancer")
    expect(page.get_by_label("Learning rate", exact=True)).to_have_value("0.003")
    page.get_by_label("Hidden units", exact=True).fill("32")
    page.get_by_text("Name, seed and start").click()
    page.get_by_label("Name", exact=True).fill("Formed")
    page.get_by_role("button", name="Launch Balancer").click()

    expect(page.get_by_role("heading", name="Formed", level=1)).to_be_visible()
    instance_id = page.url.rsplit("/", 1)[1]
    instance = zoo.ask("query($id: ID!) { instance(id: $id) { name parameters } }", id=instance_id)["instance"]
    assert (instance["name"], instance["parameters"]["hidden"]) == ("Formed", 32)
    zoo.terminate(instance_id)


def test_a_value_out_of_range_is_refused_at_its_field(zoo: LiveZoo, open_page: OpenPage) -> None:
    """The field says what is wrong, is marked as invalid and takes the focus; nothing is launched."""
    page = open_page(f"{zoo.url}/launch")
    choose(page, "Balancer")
    field = page.get_by_label("Learning rate", exact=True)
    field.fill("7")
    page.get_by_role("button", name="Launch Balancer").click()

    expect(page.get_by_role("alert")).to_contain_text("out of range")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()


def test_what_the_server_refuses_is_shown_at_the_field_too(zoo: LiveZoo, open_page: OpenPage) -> None:
    """An error with a path, made by the API, lands at the field that the path names."""
    page = open_page(f"{zoo.url}/launch")
    page.route(
        "**/graphql",
        lambda route: (
            route.fulfill(
                json={
                    "data": {
                        "outcome": {
                            "instance": None,
                            "userErrors": [
                                {
                                    "code": "INVALID_INPUT",
                                    "message": "discount 0.5 is too impatient",
                                    "path": ["input", "parameters", "discount"],
                                    "retryAfterSeconds": None,
                                }
                            ],
                        }
                    }
                }
            )
            if "instanceLaunch" in (route.request.post_data or "")
            else route.continue_()
        ),
    )
    choose(page, "Balancer")
    page.get_by_role("button", name="Launch Balancer").click()

    expect(page.get_by_text("discount 0.5 is too impatient")).to_be_visible()
    expect(page.get_by_label("Discount", exact=True)).to_have_attribute("aria-invalid", "true")


def test_a_broken_model_says_why(zoo: LiveZoo, open_page: OpenPage) -> None:
    """A model that cannot be read shows its syntax error before anybody launches it."""
    page = open_page(f"{zoo.url}/launch")

    expect(page.locator(".model-card", has_text="Misspelt")).to_contain_text("line 2")


def test_a_model_without_a_world_answers(zoo: LiveZoo, open_page: OpenPage) -> None:
    """It is launched without a world, asked in words, and answers on the page."""
    page = open_page(f"{zoo.url}/launch")
    choose(page, "Parrot")
    page.get_by_label("None", exact=True).check(force=True)
    page.get_by_role("button", name="Launch Parrot").click()
    expect(page.locator("[data-phase=RUNNING]")).to_be_visible()
    page.get_by_role("textbox").first.fill("the keeper ")
    page.get_by_role("button", name="Ask", exact=True).click()

    expect(page.locator(".answered")).not_to_be_empty()
    zoo.terminate(page.url.rsplit("/", 1)[1])
