import math

import pytest

from surefoot.plots.trial_point_data import trial_points
from surefoot.recipe.recipe import Recipe
from surefoot.studies.recorded_trials import Measurement
from surefoot.trainers.trial import Curve, Outcome, Trial

ONE, OTHER = Recipe.parse("sgd(lr=cosine(0.1), momentum=0.9)"), Recipe.parse("sgd(lr=cosine(0.5), momentum=0)")


def row(stage, recipe, loss, *, steps=50, seed=0, taken=-1, **outcome):
    return Measurement(stage, Trial(recipe, steps, seed), Outcome(loss, **outcome), taken=taken)


def test_a_recipe_is_a_point_at_every_length_with_its_mean_over_seeds():
    points = trial_points(
        [
            row("map/spread/000", ONE, 0.4),
            row("map/spread/000", OTHER, 0.8),
            row("climb/100/001", ONE, 0.2, steps=100),
            row("full/002", ONE, 0.3, steps=100, seed=7),
        ]
    )
    assert [(point.recipe, point.steps, point.loss, point.seeds) for point in points] == [
        (ONE, 50, 0.4, 1),
        (OTHER, 50, 0.8, 1),
        (ONE, 100, pytest.approx(0.25), 2),
    ]
    assert [point.relative for point in points] == [1.0, 2.0, 1.0]
    assert (points[1].lr, points[1].momentum) == (0.5, 0.0)


def test_only_trials_of_the_search_count():
    assert trial_points([row("range", ONE, 0.4), row("transfer/half-steps/0", ONE, 0.4)]) == []


def test_of_several_measurements_of_a_training_the_last_counts():
    rows = [row("search/000", ONE, loss, steps=100, taken=taken) for taken, loss in ((25, 0.9), (50, 0.5))]
    assert [(point.steps, point.loss) for point in trial_points(rows)] == [(50, 0.5)]


def test_losses_that_may_be_negative_are_compared_by_their_difference():
    points = trial_points([row("map", ONE, -1.0), row("map", OTHER, 0.5)])
    assert [point.relative for point in points] == [1.0, 2.5]


def test_a_divergence_on_one_seed_makes_the_loss_infinite_and_the_metric_none():
    rows = [row("full/0", ONE, 0.4, metric=0.9), row("full/0", ONE, math.inf, seed=1, metric=0.1)]
    (point,) = trial_points(rows)
    assert (point.loss, point.relative, point.metric) == (math.inf, math.inf, None)
    (point,) = trial_points(rows[:1])
    assert point.metric == 0.9


def test_the_best_loss_counts_where_trials_are_scored_by_it():
    (point,) = trial_points([row("map", ONE, 0.4, valid=Curve((25,), (0.3,)))], score_at="best")
    assert point.loss == 0.3
