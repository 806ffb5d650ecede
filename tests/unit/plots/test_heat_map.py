import math
from dataclasses import replace

import pytest

from surefoot.plots.heat_map import heat_map
from surefoot.plots.spots import spots_of
from surefoot.recipe import Recipe


def test_the_picture_has_a_dot_or_a_cross_for_every_setting(tuned, drawn):
    marks = drawn(heat_map(tuned))
    dots = next(rows for mark, encoding, rows in marks if mark == "point" and "size" in encoding)
    crosses = next(rows for mark, encoding, rows in marks if mark == "text" and "text" not in encoding)
    spots = spots_of(tuned.measurements)
    confirmed = {found.recipe for found in tuned.contestants} - {tuned.default_scheduled.recipe}
    searched = {spot.found.trial.recipe for spot in spots if math.isfinite(spot.badness)}
    assert {row["recipe"] for row in dots} == {str(recipe) for recipe in searched | confirmed}
    assert {row["recipe"] for row in crosses} == {
        str(spot.found.trial.recipe) for spot in spots if math.isinf(spot.badness)
    }
    size = next(encoding["size"]["scale"] for mark, encoding, _ in marks if "size" in encoding)
    assert {row["trained"] for row in dots} <= set(size["domain"])
    assert size["range"] == sorted(size["range"])
    assert size["domain"][-1] == "full"


def test_the_shading_stays_between_the_best_and_the_worst(tuned, drawn):
    cells = next(rows for mark, _, rows in drawn(heat_map(tuned)) if mark == "rect")
    assert len(cells) > 100
    assert all(1.0 <= cell["badness"] <= 30.0 for cell in cells)
    best = min(cells, key=lambda cell: cell["badness"])
    assert best["lr"] == pytest.approx(tuned.best.recipe.lr.peak, rel=2.0)


def test_the_picture_names_the_recommended_the_default_and_its_axes(tuned, words):
    said = words(heat_map(tuned))
    assert {"recommended", "default", "learning rate (peak)", "momentum", "0.9", "0.01"} <= set(said)


def test_a_picture_of_divergence_alone_has_crosses_and_no_shading(diverged, drawn, words):
    marks = drawn(heat_map(diverged))
    assert not any(mark == "rect" for mark, _, _ in marks)
    crosses = next(rows for mark, encoding, rows in marks if mark == "text" and "text" not in encoding)
    assert len(crosses) == len(spots_of(diverged.measurements))
    assert words(heat_map(diverged)).count("✕") == len(crosses)


def with_other_optimizers(result):
    """The same tune, had every second recipe of its search been one of Adam's."""
    searched = [*dict.fromkeys(row.trial.recipe for row in result.measurements if row.stage.startswith("search"))]
    others = {
        recipe: Recipe.parse(f"adam(lr={recipe.lr.highest / 1000})")
        for recipe in searched[::2]
        if recipe != result.best.recipe
    }
    rows = tuple(
        replace(row, trial=replace(row.trial, recipe=others.get(row.trial.recipe, row.trial.recipe)))
        for row in result.measurements
    )
    return replace(result, measurements=rows), len(others)


def test_optimizers_are_not_mixed_in_one_picture(tuned, drawn, words):
    """A learning rate of Adam's is no learning rate of SGD's: those of the recommended optimizer are drawn alone."""
    mixed, others = with_other_optimizers(tuned)
    marks = drawn(heat_map(mixed))
    recipes = {row["recipe"] for mark, _, rows in marks if mark in ("point", "text") for row in rows if "recipe" in row}
    assert recipes
    assert all(recipe.startswith("sgd(") for recipe in recipes)
    assert any(f"{others} of other optimizers are not drawn" in said for said in words(heat_map(mixed)))
    assert not any("other optimizers" in said for said in words(heat_map(tuned)))


def test_the_default_has_no_place_among_another_optimizers_settings(tuned, words):
    mixed, _ = with_other_optimizers(tuned)
    best = replace(tuned.best, recipe=Recipe.parse("adam(lr=cosine(0.001))"))
    said = words(heat_map(replace(mixed, contestants=(best, *tuned.contestants[1:]))))
    assert "recommended" in said
    assert "default" not in said


def test_what_was_only_confirmed_is_coloured_by_its_loss_on_fresh_seeds(tuned, drawn):
    dots = next(rows for mark, encoding, rows in drawn(heat_map(tuned)) if mark == "point" and "size" in encoding)
    best = min(found.valid.mean for found in tuned.contestants)
    default = next(row for row in dots if row["recipe"] == str(tuned.default.recipe))
    assert default["badness"] == pytest.approx(tuned.default.valid.mean / best, rel=1e-5)
    assert default["trained"] == "full"


def test_a_few_settings_that_are_far_worse_do_not_make_all_others_alike(tuned, drawn):
    spoilt = [*tuned.measurements]
    place = next(number for number, row in enumerate(spoilt) if row.stage.startswith("search"))
    spoilt[place] = replace(spoilt[place], outcome=replace(spoilt[place].outcome, loss=1e6))
    for result in (tuned, replace(tuned, measurements=tuple(spoilt))):
        encoding = next(
            encoding for mark, encoding, _ in drawn(heat_map(result)) if mark == "point" and "size" in encoding
        )
        assert encoding["color"]["scale"]["domain"][1] < 10
    assert "and more" in encoding["color"]["legend"]["title"]
