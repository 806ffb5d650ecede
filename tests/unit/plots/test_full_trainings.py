import math
from dataclasses import replace

import numpy as np
import pytest
from tests.recorded.results import on_one_seed

from surefoot.core.value_types import Score
from surefoot.plots.full_trainings import learning_curves, recipe_comparison
from surefoot.trainers.trial import Curve

THIN, THICK = 0, 1


def rows_of(drawn, result):
    return next(rows for mark, _, rows in drawn(recipe_comparison(result)) if mark == "rule")


def with_means(result, *means):
    """The same recipes with other means, each with an interval of a tenth of it."""
    found = [
        replace(each, valid=Score(mean, 0.9 * mean, 1.1 * mean, 3), tied=False)
        for each, mean in zip(result.trained_recipes, means, strict=True)
    ]
    return replace(result, trained_recipes=tuple(found))


def test_every_recipe_has_its_mean_and_interval(made, drawn):
    result = with_means(made, 0.1, 0.2, 0.4)
    rows = rows_of(drawn, result)
    assert [row["role"] for row in rows] == ["recommended", "runner-up", "default"]
    for row, found in zip(rows, result.trained_recipes, strict=True):
        assert row["mean"] == pytest.approx(found.valid.mean, rel=1e-5)
        assert (row["low"], row["high"]) == pytest.approx((found.valid.low, found.valid.high), rel=1e-5)


def test_every_seed_has_its_tick(made, drawn):
    ticks = next(rows for mark, _, rows in drawn(recipe_comparison(made)) if mark == "tick")
    expected = [run.outcome.loss for found in made.trained_recipes for run in found.runs]
    assert [row["mean"] for row in ticks] == pytest.approx(expected, rel=1e-5)


def test_recipes_too_close_to_call_are_named_tied(made, words):
    said = words(recipe_comparison(made))
    assert any(text.startswith("runner-up, tied (lr ") for text in said)
    assert any(text.startswith("default (lr 0.01") for text in said)


def test_a_recipe_that_diverged_is_named_so(made, diverged, words):
    half = replace(made, trained_recipes=(*made.trained_recipes[:2], diverged.default))
    assert "diverged" in words(recipe_comparison(half))


def test_the_title_gives_the_gain_in_numbers_or_says_that_there_is_none(made):
    def title(result):
        return recipe_comparison(result).to_dict()["title"]["text"]

    assert title(with_means(made, 0.1, 0.2, 0.4)) == "4x lower validation loss than the default"
    assert title(with_means(made, 0.4, 0.4, 0.1)) == "No clear gain over the default"
    best, second, default = with_means(made, 0.1, 0.2, 0.4).trained_recipes
    tied = replace(made, trained_recipes=(best, second, replace(default, tied=True)))
    assert title(tied) == "No clear gain over the default"
    assert title(replace(made, trained_recipes=(best,))) == "Validation loss in full training"


def test_the_subtitle_names_a_single_seed(made, words):
    single = replace(made, trained_recipes=tuple(map(on_one_seed, made.trained_recipes)))
    assert any("one training each, of 200 steps" in text for text in words(recipe_comparison(single)))


def test_thick_lines_are_the_means_of_the_thin_ones(made, drawn):
    (_, _, thin), (_, _, thick) = drawn(learning_curves(made))
    assert {row["role"] for row in thick} == {"recommended", "runner-up", "default"}
    for row in thick:
        seeds = [each["loss"] for each in thin if (each["role"], each["step"]) == (row["role"], row["step"])]
        assert len(seeds) == made.best.valid.seeds
        assert row["loss"] == pytest.approx(np.mean(seeds), rel=1e-5)


def test_the_axis_is_logarithmic_only_where_all_losses_are_positive(made, drawn):
    above, below = (
        replace(made, trained_recipes=(_with_losses(made.default, lambda loss, by=by: loss + by),))
        for by in (1.0, -2.0)
    )
    _, encoding, _ = drawn(learning_curves(above))[THIN]
    assert encoding["y"]["scale"]["type"] == "log"
    _, encoding, _ = drawn(learning_curves(below))[THIN]
    assert encoding["y"]["scale"].get("type") != "log"


def test_a_line_ends_where_its_training_diverged_and_the_mean_with_it(made, drawn):
    first, *others = made.default.runs
    curve = first.outcome.train
    losses = (*curve.losses[:10], *([math.inf] * (len(curve.losses) - 10)))
    broken = replace(first, outcome=replace(first.outcome, train=Curve(curve.steps, losses)))
    result = replace(made, trained_recipes=(made.best, replace(made.default, runs=(broken, *others))))
    marks = drawn(learning_curves(result))
    thin = [row for row in marks[THIN][2] if row["role"] == "default"]
    thick = [row for row in marks[THICK][2] if row["role"] == "default"]
    assert len([row for row in thin if row["seed"] == first.trial.seed]) == 10
    assert len([row for row in thin if row["seed"] == others[0].trial.seed]) == len(losses)
    assert len(thick) == 10


def test_without_a_recommendation_the_default_is_drawn(diverged, words):
    said = words(learning_curves(diverged))
    assert "default" in said
    assert "recommended" not in said


def _with_losses(trained, change):
    runs = []
    for run in trained.runs:
        curve = run.outcome.train
        changed = Curve(curve.steps, tuple(change(loss) for loss in curve.losses))
        runs.append(replace(run, outcome=replace(run.outcome, train=changed)))
    return replace(trained, runs=tuple(runs))
