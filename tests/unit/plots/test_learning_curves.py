import math
from dataclasses import replace

import numpy as np
import pytest

from surefoot.plots.learning_curves import learning_curves
from surefoot.trainers import Curve

THIN, THICK = 0, 1


def test_thick_lines_are_the_means_of_the_thin_ones(tuned, drawn):
    (_, _, thin), (_, _, thick) = drawn(learning_curves(tuned))
    assert {row["role"] for row in thick} == {"recommended", "default", "default, same schedule"}
    for row in thick:
        seeds = [each["loss"] for each in thin if (each["role"], each["step"]) == (row["role"], row["step"])]
        assert len(seeds) == tuned.default.valid.seeds
        assert row["loss"] == pytest.approx(np.mean(seeds), rel=1e-5)


def test_the_axis_is_logarithmic_only_where_all_losses_are_positive(tuned, drawn):
    _, encoding, _ = drawn(learning_curves(tuned))[THIN]
    assert encoding["y"]["scale"]["type"] == "log"
    below = replace(tuned, default=_with_losses(tuned.default, lambda loss: loss - 2.0))
    _, encoding, _ = drawn(learning_curves(below))[THIN]
    assert encoding["y"]["scale"].get("type") != "log"


def test_a_line_ends_where_its_training_diverged_and_the_mean_with_it(tuned, drawn):
    first = tuned.default.runs[0]
    curve = first.outcome.train
    losses = (*curve.losses[:10], *([math.inf] * (len(curve.losses) - 10)))
    broken = replace(first, outcome=replace(first.outcome, train=Curve(curve.steps, losses)))
    result = replace(tuned, default=replace(tuned.default, runs=(broken, *tuned.default.runs[1:])))
    marks = drawn(learning_curves(result))
    thin = [row for row in marks[THIN][2] if row["role"] == "default"]
    thick = [row for row in marks[THICK][2] if row["role"] == "default"]
    assert len([row for row in thin if row["seed"] == first.trial.seed]) == 10
    assert len([row for row in thin if row["seed"] == tuned.default.runs[1].trial.seed]) == len(losses)
    assert len(thick) == 10


def test_without_a_recommendation_the_defaults_are_drawn(diverged, words):
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
