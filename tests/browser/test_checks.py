"""The checks view in a real browser."""

import pytest
from tests.browser.player import DESKTOP, Player, served, until

from surefoot.checking.result import to_record
from surefoot.studies.database import Database
from surefoot.studies.stored_checks import add_check

PHONE = {"width": 390, "height": 844}


def store(path, result, verdict):
    return add_check(
        Database(path), to_record(result), task=result.task, recipe=str(result.recipe), verdict=verdict, command="again"
    )


@pytest.fixture
def path(tmp_path, checked):
    path = tmp_path / "surefoot.db"
    store(path, checked, checked.verdict)
    return path


@pytest.fixture
def play(browser, path):
    with served(study=path) as (address, _):
        player = Player(browser, address)
        yield player
        player.close()


def report(page):
    (frame,) = (each for each in page.frames if "/check?" in each.url)
    until(frame, "document.documentElement.dataset.drawn > 0")
    return frame


def test_the_newest_report_is_shown_and_a_later_check_is_added_to_the_list(play, path, checked):
    page = play.open("?view=check")
    frame = report(page)
    assert checked.findings[0].why in frame.inner_text("header")
    assert frame.locator("figure svg").count() >= 3
    # The frame is as high as its content: only the page scrolls.
    inside = "document.getElementById('check-report').contentDocument.documentElement.scrollHeight"
    until(page, f"Math.abs(document.getElementById('check-report').offsetHeight - 2 - {inside}) < 3")
    store(path, checked, "healthy")
    until(page, "document.getElementById('check').options.length === 2")
    # The new check does not replace the report on the screen.
    assert play.state(page) == {"view": ["check"]}
    play.after(page, lambda: page.select_option("#check", "2"))
    assert play.state(page)["check"] == ["2"]
    assert "Healthy" in page.inner_text("#check option:checked")


@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_accessible_and_without_sideways_scrolling(play, viewport, scheme):
    page = play.open("?view=check", viewport, color_scheme=scheme)
    report(page)
    assert play.axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


def test_an_unknown_check_is_reported(play):
    page = play.open("?view=check&check=77")
    assert "has no check 77; the newest is 1" in page.inner_text("#error")
    assert page.is_hidden("#check-report")
