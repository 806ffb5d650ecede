import math
from dataclasses import replace

import numpy as np
import pytest

from surefoot.plots.learning_curves import learning_curves
from surefoot.trainers.trial import Curve

THIN, THICK = 0, 1


def test_thick_lines_are_the_means_of_the_thin_ones(made, drawn):
    (_, _, thin), (_, _, thick) = drawn(learning_curves(made))
    assert {row["role"] for row in thick} == {"recommended", "runner-up", "default"}
    for row in thick:
        seeds = [each["loss"] for each in thin if (each["role"], each["step"]) == (row["role"], row["step"])]
        assert len(seeds) == made.best.valid.seeds
        assert row["loss"] == pytest.approx(np.mean(seeds), rel=1e-5)


def test_the_axis_is_logarithmic_only_where_all_losses_are_positive(made, drawn):
    above, below = (
        replace(made, contestants=(_with_losses(made.default, lambda loss, by=by: loss + by),)) for by in (1.0, -2.0)
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
    result = replace(made, contestants=(made.best, replace(made.default, runs=(broken, *others))))
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


def _with_losses(contestant, change):
    runs = []
    for run in contestant.runs:
        curve = run.outcome.train
        changed = Curve(curve.steps, tuple(change(loss) for loss in curve.losses))
        runs.append(replace(run, outcome=replace(run.outcome, train=changed)))
    return replace(contestant, runs=tuple(runs))
