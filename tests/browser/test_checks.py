"""The checks of a database in a real browser, each with its report."""

import pytest
from tests.browser.player import DESKTOP, Player, served, until

from surefoot.checking.result import to_record
from surefoot.studies.check_log import add_check
from surefoot.studies.database import Database

PHONE = {"width": 390, "height": 844}


def keep(path, result, verdict):
    return add_check(
        Database(path), to_record(result), task=result.task, recipe=str(result.recipe), verdict=verdict, command="again"
    )


@pytest.fixture
def path(tmp_path, checked):
    path = tmp_path / "surefoot.db"
    keep(path, checked, checked.verdict)
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


def test_the_report_of_a_check_is_shown_and_a_new_check_joins_the_list(play, path, checked):
    page = play.open("?view=check")
    frame = report(page)
    assert checked.findings[0].why in frame.inner_text("header")
    assert frame.locator("figure svg").count() >= 3
    # The frame is as high as what it holds: only the page scrolls.
    inside = "document.getElementById('check-report').contentDocument.documentElement.scrollHeight"
    until(page, f"Math.abs(document.getElementById('check-report').offsetHeight - 2 - {inside}) < 3")
    keep(path, checked, "healthy")
    until(page, "document.getElementById('check').options.length === 2")
    # What somebody reads is not taken away.
    assert play.state(page) == {"view": ["check"]}
    play.after(page, lambda: page.select_option("#check", "2"))
    assert play.state(page)["check"] == ["2"]
    assert "Healthy" in page.inner_text("#check option:checked")


@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_axe_finds_nothing_to_complain_about_and_nothing_sticks_out(play, viewport, scheme):
    page = play.open("?view=check", viewport, color_scheme=scheme)
    report(page)
    assert play.axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


def test_a_check_that_is_not_there_is_said(play):
    page = play.open("?view=check&check=77")
    assert "has no check 77; its newest is 1" in page.inner_text("#fault")
    assert page.is_hidden("#check-report")
