"""The studies view in a real browser."""

import math
from dataclasses import replace

import pytest
from tests.browser.player import Player, served, until

from surefoot.recipe.recipe import Recipe
from surefoot.studies.database import Database
from surefoot.studies.recorded_trials import Measurement
from surefoot.studies.study import Study
from surefoot.trainers.trial import Curve, Outcome, Trial


def measurement(text, stage, loss, *, seed=0):
    curve = Curve((0, 50, 99), (2.0, 1.0, loss))
    return Measurement(stage, Trial(Recipe.parse(text), steps=100, seed=seed), Outcome(loss, train=curve))


SEARCHED = [(f"sgd(lr=cosine({lr}), momentum={m})", lr * 10) for lr in (0.01, 0.1, 0.5) for m in (0, 0.9)]
RECOMMENDED, DEFAULT = SEARCHED[0][0], "sgd(lr=0.01, momentum=0.9)"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "surefoot.db"
    study = Study.create(Database(path), task="digits", settings={}, seed=0)
    rows = [measurement(text, "map/spread/000", loss) for text, loss in SEARCHED]
    study.record(
        "map/spread/000",
        [*rows, measurement("sgd(lr=cosine(9), momentum=0.9)", "map/spread/000", math.inf)],
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


def test_a_running_study_is_updated(play, path):
    page = play.open("?view=studies")
    assert "digits: running, 7 trials, 700 optimizer steps in total" in page.inner_text("#study-about")
    assert page.is_hidden("#study-best")
    study = Study.open(str(path))
    rows = [
        measurement(text, "confirm/1", loss, seed=s)
        for s in (1, 2, 3)
        for text, loss in ((RECOMMENDED, 0.1 + s / 100), (DEFAULT, 0.8))
    ]
    study.record("confirm/1", rows, config_steps=600, seconds=1.0)
    kept = {"recipe": RECOMMENDED, "steps": 100, "boundary": [], "search_config_steps": 700, "config_steps": 1300}
    study.release(status="done", result={"schema": 1, "seconds": 2.0, **kept})
    until(page, "document.getElementById('study-about').textContent.includes('digits: done')")
    assert page.locator("#best tr").all_inner_texts()[0].split("\t")[:3] == [RECOMMENDED, "recommended", "0.12"]
    assert page.locator("#best tr").count() == 2


def test_points_and_lists_select_the_learning_curves(play):
    page = play.open("?view=studies")
    for trial in ("3", "5"):
        play.after(page, lambda trial=trial: page.select_option("#first", trial))
        assert page.inner_text("#curves-text").startswith(f"{trial}: sgd(")
    heat = page.locator("#trial-points").bounding_box()
    for share in (0.04, 0.57):  # along the bottom, where momentum is 0
        before = page.input_value("#first")
        page.mouse.click(heat["x"] + 48 + share * (heat["width"] - 64), heat["y"] + heat["height"] - 60)
        until(page, f"document.getElementById('first').value != '{before}'")
    play.after(page, lambda: page.select_option("#second", "3"))
    assert "; 3: sgd(" in page.inner_text("#curves-text")
    asked = play.state(page)
    assert (asked["first"], asked["second"]) == ([page.input_value("#first")], ["3"])


def test_the_frontier_of_a_finished_study_is_drawn_and_described(play, path, made):
    page = play.open("?view=studies")
    assert page.is_hidden("#frontier-figure")
    study = Study.open(str(path))
    recipe = Recipe.parse(RECOMMENDED)
    points = tuple(replace(point, recipe=recipe, loss=0.1, low=0.08, high=0.2) for point in made.frontier)
    study.release(status="done", result=replace(made, frontier=points, trained_recipes=(), recipe=recipe).to_json())
    page.wait_for_selector("#frontier-figure:not([hidden])")
    assert page.inner_text("#frontier-text").startswith("25 steps: 0.1 at learning rate 0.01; 50 steps")
    assert page.inner_text("#frontier-text").endswith("(extrapolated)")
    assert "Train with sgd(lr=cosine(0.01)" in page.inner_text("#study-result")
    drawn = "new Set(document.getElementById('frontier').getContext('2d').getImageData(0, 0, 300, 200).data).size > 5"
    assert page.evaluate(drawn)


def test_a_deleted_database_is_reported(play, path):
    page = play.open("?view=studies")
    for each in path.parent.glob("surefoot.db*"):
        each.unlink()
    page.wait_for_selector("#error:not([hidden])")
    assert "there is no study database" in page.inner_text("#error")
    play.errors.clear()


def test_a_new_database_and_a_new_study_appear(browser, tmp_path):
    path = tmp_path / "later.db"
    with served(study=path) as (address, _):
        player = Player(browser, address)
        page = player.open("?view=studies")
        assert "there is no study database" in page.inner_text("#error")
        player.errors.clear()
        first = Study.create(Database(path), task="wine", settings={}, seed=0)
        first.record(
            "map/spread/000", [measurement(SEARCHED[0][0], "map/spread/000", 0.4)], config_steps=100, seconds=1.0
        )
        until(
            page,
            "document.getElementById('study-about').textContent.startsWith('wine: running, 1 trial, 100')",
        )
        assert page.is_hidden("#error")
        Study.create(Database(path), task="digits", settings={}, seed=0)
        until(page, "document.getElementById('study').options.length === 2")
        player.close()


def test_an_unknown_study_is_reported_and_another_can_be_selected(play):
    page = play.open("?view=studies&study=99")
    assert "has no study 99; there are 1" in page.inner_text("#error")
    play.errors.clear()
    play.after(page, lambda: page.select_option("#study", "1"))
    assert page.is_hidden("#error")


def test_accessible_with_a_recommended_recipe(play, path):
    study = Study.open(str(path))
    rows = [measurement(text, "full/001", loss, seed=1) for text, loss in ((RECOMMENDED, 0.1), (DEFAULT, 0.8))]
    study.record("full/001", rows, config_steps=600, seconds=1.0)
    page = play.open("?view=studies")
    assert page.is_visible("#study-best")
    assert play.axe(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_accessible_and_without_sideways_scrolling(play, width, scheme):
    page = play.open("?view=studies&second=3", {"width": width, "height": 800}, color_scheme=scheme)
    assert play.axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
