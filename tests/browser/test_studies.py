"""The studies in a real browser: one that a tune wrote, and one that grows while the page looks on."""

import math
from dataclasses import replace

import pytest
from tests.browser.player import Player, served, until

from surefoot.recipe.recipe import Recipe
from surefoot.studies.database import Database
from surefoot.studies.measurements import Measurement
from surefoot.studies.study import Study
from surefoot.trainers.trial import Curve, Outcome, Trial


def measured(text, stage, loss, *, seed=0):
    curve = Curve((0, 50, 99), (2.0, 1.0, loss))
    return Measurement(stage, Trial(Recipe.parse(text), steps=100, seed=seed), Outcome(loss, train=curve))


SEARCHED = [(f"sgd(lr=cosine({lr}), momentum={m})", lr * 10) for lr in (0.01, 0.1, 0.5) for m in (0, 0.9)]
RECOMMENDED, DEFAULT = SEARCHED[0][0], "sgd(lr=0.01, momentum=0.9)"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "surefoot.db"
    study = Study.create(Database(path), task="digits", settings={}, seed=0)
    rows = [measured(text, "map/spread/000", loss) for text, loss in SEARCHED]
    study.record(
        "map/spread/000",
        [*rows, measured("sgd(lr=cosine(9), momentum=0.9)", "map/spread/000", math.inf)],
        config_steps=700,
        seconds=1.0,
    )
    return path


@pytest.fixture
def play(browser, path):
    with served(study=path) as (address, _):
        player = Player(browser, address)
        yield player
        player.close()


def test_a_study_grows_while_the_page_looks_on(play, path):
    page = play.open("?view=studies")
    assert "digits: running, 7 trials of 700 steps in all" in page.inner_text("#study-about")
    assert page.is_hidden("#study-best")
    study = Study.open(str(path))
    rows = [
        measured(text, "confirm/1", loss, seed=s)
        for s in (1, 2, 3)
        for text, loss in ((RECOMMENDED, 0.1 + s / 100), (DEFAULT, 0.8))
    ]
    study.record("confirm/1", rows, config_steps=600, seconds=1.0)
    kept = {"recipe": RECOMMENDED, "steps": 100, "boundary": [], "search_config_steps": 700, "config_steps": 1300}
    study.release(status="done", result={"schema": 1, "seconds": 2.0, **kept})
    until(page, "document.getElementById('study-about').textContent.includes('digits: done')")
    assert page.locator("#best tr").all_inner_texts()[0].split("\t")[:3] == [RECOMMENDED, "recommended", "0.12"]
    assert page.locator("#best tr").count() == 2


def test_a_click_shows_a_setting_and_a_shift_click_compares_it(play):
    page = play.open("?view=studies")
    for trial in ("3", "5"):
        play.after(page, lambda trial=trial: page.select_option("#first", trial))
        assert page.inner_text("#curves-words").startswith(f"{trial}: sgd(")
    heat = page.locator("#heat").bounding_box()
    for share in (0.04, 0.57):  # dots lie along the bottom, where momentum is 0
        before = page.input_value("#first")
        page.mouse.click(heat["x"] + 48 + share * (heat["width"] - 64), heat["y"] + heat["height"] - 60)
        until(page, f"document.getElementById('first').value != '{before}'")
    play.after(page, lambda: page.select_option("#second", "3"))
    assert "; 3: sgd(" in page.inner_text("#curves-words")
    asked = play.state(page)
    assert (asked["first"], asked["second"]) == ([page.input_value("#first")], ["3"])


def test_the_frontier_is_drawn_and_read_out_once_the_study_is_done(play, path, made):
    page = play.open("?view=studies")
    assert page.is_hidden("#frontier-figure")
    study = Study.open(str(path))
    recipe = Recipe.parse(RECOMMENDED)
    points = tuple(replace(point, recipe=recipe, loss=0.1, low=0.08, high=0.2) for point in made.frontier)
    study.release(status="done", result=replace(made, frontier=points, contestants=(), recipe=recipe).to_json())
    page.wait_for_selector("#frontier-figure:not([hidden])")
    assert page.inner_text("#frontier-words").startswith("25 steps: 0.1 at learning rate 0.01; 50 steps")
    assert page.inner_text("#frontier-words").endswith("(extrapolated)")
    assert "Train with sgd(lr=cosine(0.01)" in page.inner_text("#study-result")
    drawn = "new Set(document.getElementById('frontier').getContext('2d').getImageData(0, 0, 300, 200).data).size > 5"
    assert page.evaluate(drawn)


def test_a_database_that_goes_away_is_told(play, path):
    page = play.open("?view=studies")
    for each in path.parent.glob("surefoot.db*"):
        each.unlink()
    page.wait_for_selector("#fault:not([hidden])")
    assert "there is no study database" in page.inner_text("#fault")
    play.complaints.clear()


def test_a_database_that_comes_is_shown_and_so_is_a_study_that_comes_later(browser, tmp_path):
    path = tmp_path / "later.db"
    with served(study=path) as (address, _):
        player = Player(browser, address)
        page = player.open("?view=studies")
        assert "there is no study database" in page.inner_text("#fault")
        player.complaints.clear()
        first = Study.create(Database(path), task="wine", settings={}, seed=0)
        first.record("map/spread/000", [measured(SEARCHED[0][0], "map/spread/000", 0.4)], config_steps=100, seconds=1.0)
        until(
            page, "document.getElementById('study-about').textContent.startsWith('wine: running, 1 trial of 100 steps')"
        )
        assert page.is_hidden("#fault")
        Study.create(Database(path), task="digits", settings={}, seed=0)
        until(page, "document.getElementById('study').options.length === 2")
        player.close()


def test_a_study_that_is_not_there_leaves_the_others_to_choose(play):
    page = play.open("?view=studies&study=99")
    assert "has no study 99; there are 1" in page.inner_text("#fault")
    play.complaints.clear()
    play.after(page, lambda: page.select_option("#study", "1"))
    assert page.is_hidden("#fault")


def test_axe_finds_nothing_to_complain_about_once_there_is_a_winner(play, path):
    study = Study.open(str(path))
    rows = [measured(text, "full/001", loss, seed=1) for text, loss in ((RECOMMENDED, 0.1), (DEFAULT, 0.8))]
    study.record("full/001", rows, config_steps=600, seconds=1.0)
    page = play.open("?view=studies")
    assert page.is_visible("#study-best")
    assert play.axe(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_to_complain_about(play, width, scheme):
    page = play.open("?view=studies&second=3", {"width": width, "height": 800}, color_scheme=scheme)
    assert play.axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
