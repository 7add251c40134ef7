"""Adding a model: from a file on somebody's computer to the launch form of a real zoo, in a real browser."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from .conftest import PHONE, LiveZoo, OpenPage, axe_violations


class Malicious:
    """Makes a file as soon as anybody unpickles it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (str(self.mark), 0o700)


@pytest.fixture
def harmless(tmp_path: Path) -> Path:
    file = tmp_path / "tiny_weights.pkl"
    file.write_bytes(pickle.dumps({"weights": [1.0, 2.0]}))
    return file


def opened(zoo: LiveZoo, open_page: OpenPage, **how: object) -> Page:
    page = open_page(f"{zoo.url}/models/new", **how)
    expect(page.get_by_role("heading", name="Add a model")).to_be_visible()
    return page


def add(page: Page, file: Path, name: str) -> None:
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Add it").click()


def test_a_file_becomes_a_model_that_can_be_chosen(zoo: LiveZoo, harmless: Path, open_page: OpenPage) -> None:
    """It is called as the file is; it has a page, and is on offer where others are."""
    page = open_page(f"{zoo.url}/launch")
    page.get_by_role("link", name="Add a model").click()
    page.get_by_label("File", exact=True).set_input_files(harmless)
    expect(page.get_by_label("Name", exact=True)).to_have_value("tiny_weights")
    page.get_by_role("button", name="Add it").click()

    expect(page.get_by_role("heading", name="tiny_weights", level=1)).to_be_visible()
    page.get_by_role("link", name="Launch tiny_weights").click()
    expect(page.get_by_role("button", name="Launch tiny_weights")).to_be_visible()


def test_a_file_is_dropped(zoo: LiveZoo, harmless: Path, open_page: OpenPage) -> None:
    """What is let go of over the field is chosen."""
    page = opened(zoo, open_page)
    box = page.locator(".drop").bounding_box()
    assert box is not None
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    debugger = page.context.new_cdp_session(page)
    for moment in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(harmless)], "dragOperationsMask": 1}
        debugger.send("Input.dispatchDragEvent", {"type": moment, **at, "data": data})

    expect(page.locator(".drop")).to_contain_text("tiny_weights.pkl")


def test_what_would_do_harm_is_marked_before_it_is_launched_and_runs_nowhere(
    zoo: LiveZoo, tmp_path: Path, open_page: OpenPage
) -> None:
    """The scan's warning stands on the model's page and in the launch form; nothing of the file has run."""
    mark = tmp_path / "run"
    file = tmp_path / "trojan.pickle"
    file.write_bytes(pickle.dumps(Malicious(mark)))
    page = opened(zoo, open_page)
    add(page, file, "Trojan")
    expect(page.get_by_role("heading", name="Trojan", level=1)).to_be_visible()
    expect(page.get_by_text("The file of Trojan: dangerous")).to_be_visible(timeout=30_000)
    page.get_by_role("link", name="Launch Trojan").click()

    expect(page.locator(".model-card", has_text="Trojan")).to_contain_text("dangerous")
    expect(page.get_by_text("The file of Trojan: dangerous")).to_be_visible()
    assert axe_violations(page) == []
    assert not mark.exists()


def test_a_name_that_is_taken_is_refused_at_its_field_and_the_file_is_not_sent_again(
    zoo: LiveZoo, harmless: Path, open_page: OpenPage
) -> None:
    """What has arrived waits for a better name."""
    page = opened(zoo, open_page)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else None)
    add(page, harmless, "Balancer")
    expect(page.get_by_role("alert")).to_contain_text("there is a model Balancer already")
    page.get_by_label("Name", exact=True).fill("BetterName")
    page.get_by_role("button", name="Add it").click()

    expect(page.get_by_role("heading", name="BetterName", level=1)).to_be_visible()
    assert len(sent) == 1


def test_a_file_of_another_kind_is_refused_before_it_is_sent(zoo: LiveZoo, tmp_path: Path, open_page: OpenPage) -> None:
    """The field says what it takes."""
    file = tmp_path / "notes.txt"
    file.write_text("not a model")
    page = opened(zoo, open_page)
    add(page, file, "Notes")

    expect(page.get_by_role("alert")).to_contain_text("notes.txt is none of .pkl, .pickle, .zip")
    expect(page.get_by_label("File", exact=True)).to_have_attribute("aria-invalid", "true")


def test_a_file_that_does_not_arrive_is_said_to_be_lost(zoo: LiveZoo, harmless: Path, open_page: OpenPage) -> None:
    """The form says so and stays as it is; the next try goes through."""
    page = opened(zoo, open_page, strict=False)
    page.route("**/bucket/**", lambda route: route.abort())
    add(page, harmless, "LostOnce")
    expect(page.get_by_role("alert")).to_contain_text("It is not added")
    page.unroute("**/bucket/**")
    page.get_by_role("button", name="Add it").click()

    expect(page.get_by_role("heading", name="LostOnce", level=1)).to_be_visible()


def test_a_model_whose_making_was_not_answered_is_made_once(zoo: LiveZoo, harmless: Path, open_page: OpenPage) -> None:
    """The next try finds the model that was made, and neither another nor a refusal."""
    page = opened(zoo, open_page, strict=False)
    lost: list[str] = []

    def lose(route: Route) -> None:
        if "modelCreate" not in (route.request.post_data or "") or lost:
            route.continue_()
            return
        lost.append(route.fetch().text())
        route.abort()

    page.route("**/graphql", lose)
    add(page, harmless, "MadeOnce")
    expect(page.get_by_role("alert")).to_contain_text("It is not added")
    page.get_by_role("button", name="Add it").click()

    expect(page.get_by_role("heading", name="MadeOnce", level=1)).to_be_visible()
    assert len(lost) == 1


def test_who_may_not_add_models_is_not_offered_to(zoo: LiveZoo, open_page: OpenPage) -> None:
    """Neither the launch page nor the zoo's lead there, and the page itself has no form."""

    def without(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('"CREATE_MODEL"', '"AUDIT"'))

    page = open_page("about:blank")
    page.route(
        "**/graphql",
        lambda route: without(route) if "query Home" in (route.request.post_data or "") else route.continue_(),
    )
    page.goto(f"{zoo.url}/launch")
    expect(page.locator(".model-card").first).to_be_visible()
    expect(page.get_by_role("link", name="Add a model")).to_have_count(0)
    page.goto(f"{zoo.url}/models/new")
    expect(page.get_by_text("You may not add models to this zoo")).to_be_visible()
    expect(page.get_by_role("button", name="Add it")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_room_for_the_form(scheme: str, zoo: LiveZoo, harmless: Path, open_page: OpenPage) -> None:
    """Nothing is wider than the screen, and nobody is left out."""
    page = opened(zoo, open_page, viewport=PHONE, scheme=scheme)
    page.get_by_label("File", exact=True).set_input_files(harmless)
    expect(page.get_by_label("Name", exact=True)).to_have_value("tiny_weights")

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert axe_violations(page) == []
