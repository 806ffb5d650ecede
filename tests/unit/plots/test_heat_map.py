import math
from dataclasses import replace

import pytest

from surefoot.core.value_types import Interval
from surefoot.plots.heat_map import heat_map
from surefoot.plots.trial_point_data import trial_points
from surefoot.recipe.recipe import Recipe


def dots_of(marks):
    return next(rows for mark, encoding, rows in marks if mark == "point" and "size" in encoding)


def crosses_of(marks):
    return next(rows for mark, encoding, rows in marks if mark == "text" and "text" not in encoding)


def test_there_is_a_dot_or_a_cross_for_every_trial(made, drawn):
    marks = drawn(heat_map(made))
    points = trial_points(made.measurements)
    held = [(str(each.recipe), each.steps) for each in points if math.isfinite(each.relative)]
    assert sorted((row["recipe"], row["steps"]) for row in dots_of(marks)) == sorted(held)
    assert len(crosses_of(marks)) == len(points) - len(held) > 0
    size = next(encoding["size"]["scale"] for mark, encoding, _ in marks if "size" in encoding)
    assert size["domain"] == sorted({point.steps for point in points})
    assert size["range"] == sorted(size["range"])


def test_the_shading_stays_between_the_best_and_the_worst(made, drawn):
    cells = next(rows for mark, _, rows in drawn(heat_map(made)) if mark == "rect")
    assert len(cells) > 100
    assert all(1.0 <= cell["relative"] <= 30.0 for cell in cells)


def test_the_figure_names_the_recommended_the_default_and_its_axes(made, words):
    said = words(heat_map(made))
    assert {"recommended", "default", "learning rate (peak)", "momentum", "0.9", "0.01"} <= set(said)


def outline_of(marks):
    return next(rows for mark, encoding, rows in marks if mark == "line" and "order" in encoding)


def test_the_good_ranges_of_the_good_momenta_make_an_outline(made, drawn):
    rows = outline_of(drawn(heat_map(made)))
    good = {row.momentum: row.good for row in made.by_momentum if row.good} | {
        made.recipe.momentum.highest: made.good_range.lr
    }
    corners = {(float(f"{rate:.6g}"), m) for m, each in good.items() for rate in (each.low, each.high)}
    assert {(row["lr"], round(1 - row["gap"], 6)) for row in rows} == corners
    assert rows[0]["lr"] == rows[-1]["lr"]


def test_one_momentum_makes_a_bar_and_a_single_rate_nothing(made, drawn, words):
    bar = replace(made, by_momentum=())
    rows = outline_of(drawn(heat_map(bar)))
    assert [row["lr"] for row in rows] == pytest.approx([made.good_range.lr.low, made.good_range.lr.high], rel=1e-5)
    assert any("Bar: the good range" in said for said in words(heat_map(bar)))
    rate = made.recipe.lr.highest
    single = replace(made, good_range=replace(made.good_range, lr=Interval(rate, rate)))
    assert not outline_of(drawn(heat_map(single)))


def test_a_figure_of_diverged_trials_alone_has_crosses_and_no_shading(diverged, drawn, words):
    marks = drawn(heat_map(diverged))
    assert not any(mark == "rect" for mark, _, _ in marks)
    assert words(heat_map(diverged)).count("✕") == len(trial_points(diverged.measurements))


def test_optimizers_are_not_mixed_in_one_picture(made, drawn, words):
    """A learning rate of Adam's is no learning rate of SGD's: those of the recommended optimizer are drawn alone."""
    others = tuple(
        replace(row, trial=replace(row.trial, recipe=Recipe.parse(f"adam(lr={row.trial.recipe.lr.highest / 1000})")))
        for row in made.measurements
        if row.stage.startswith("map")
    )
    mixed = replace(made, measurements=made.measurements + others)
    marks = drawn(heat_map(mixed))
    assert all(row["recipe"].startswith("sgd(") for row in [*dots_of(marks), *crosses_of(marks)])
    count = len(trial_points(others))
    assert any(f"{count} trials of other optimizers are not drawn" in said for said in words(heat_map(mixed)))
    adam = replace(mixed, recipe=others[0].trial.recipe)
    said = words(heat_map(adam))
    assert "recommended" in said
    assert "default" not in said


def test_a_few_settings_that_are_far_worse_do_not_make_all_others_alike(made, drawn):
    rows = [replace(row, outcome=replace(row.outcome, loss=row.outcome.loss + 1.0)) for row in made.measurements]
    rows[0] = replace(rows[0], outcome=replace(rows[0].outcome, loss=1e6))
    marks = drawn(heat_map(replace(made, measurements=tuple(rows))))
    encoding = next(encoding for mark, encoding, _ in marks if mark == "point" and "size" in encoding)
    assert encoding["color"]["scale"]["domain"][1] < 10
    assert "and more" in encoding["color"]["legend"]["title"]
