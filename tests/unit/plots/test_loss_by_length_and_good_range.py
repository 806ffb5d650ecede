from __future__ import annotations

from dataclasses import replace

import pytest

from surefoot.core.value_types import Interval
from surefoot.plots.loss_by_length_and_good_range import frontier_figure, good_range_figure
from surefoot.search.criterion import Criterion
from surefoot.search.result import FrontierPoint


@pytest.fixture
def result(made):
    """The frontier of a loss that falls by half with every step up."""
    points = tuple(
        FrontierPoint(steps, made.recipe, loss, 0.8 * loss, 1.25 * loss, trials)
        for steps, loss, trials in ((25, 0.8, 18), (50, 0.4, 5), (100, 0.2, 5), (200, 0.1, 0))
    )
    return replace(made, frontier=points)


def axes_of(marks):
    return next(encoding for mark, encoding, _ in marks if mark == "line")


def test_every_length_has_its_expected_loss_and_its_interval(result, drawn):
    area = next(rows for mark, _, rows in drawn(frontier_figure(result)) if mark == "area")
    assert [(row["steps"], row["loss"], row["trials"]) for row in area] == [
        (point.steps, point.loss, point.trials) for point in result.frontier
    ]
    assert [row["low"] for row in area] == pytest.approx([point.low for point in result.frontier])


def test_the_axes_are_logarithmic_and_the_recommended_length_is_marked(result, drawn, words):
    marks = drawn(frontier_figure(result))
    encoding = axes_of(marks)
    assert encoding["x"]["scale"]["type"] == encoding["y"]["scale"]["type"] == "log"
    said = words(frontier_figure(result))
    assert "recommended: 200 steps" in said
    assert sum(text.startswith("lr ") for text in said) == 2 * len(result.frontier)  # each with its halo
    assert "8x the steps: loss 0.800 becomes 0.100" in said


def test_what_is_extrapolated_is_reached_by_a_dashed_line(result, drawn, words):
    solid, dashed = (rows for mark, _, rows in drawn(frontier_figure(result)) if mark == "line")
    assert sorted({row["steps"] for row in solid}) == [25, 50, 100]
    assert sorted({row["steps"] for row in dashed}) == [100, 200]
    assert any("Empty: extrapolated" in text for text in words(frontier_figure(result)))


def test_trials_far_above_the_frontier_are_out_of_the_picture(result, drawn):
    far = [replace(row, outcome=replace(row.outcome, loss=1e4)) for row in result.measurements[:3]]
    crowd = replace(result, measurements=(*far, *result.measurements[3:]))
    marks = drawn(frontier_figure(crowd))
    rows = next(rows for mark, encoding, rows in marks if mark == "point" and "color" not in encoding)
    assert rows
    assert max(row["loss"] for row in rows) <= 3.0
    encoding = axes_of(marks)
    assert encoding["y"]["scale"]["domain"][1] == 3.0


def test_overfitting_is_the_title(result, words):
    overfits = replace(result, steps=100, overfits_after=100)
    said = words(frontier_figure(overfits))
    assert "After 100 steps the best loss rises" in said
    assert "recommended: 100 steps" in said


def test_a_frontier_of_the_metric_has_the_trials_metrics(result, drawn):
    points = tuple(replace(point, loss=0.9, low=0.8, high=0.95) for point in result.frontier)
    metric = replace(result, frontier=points, criterion=Criterion("metric"))
    marks = drawn(frontier_figure(metric))
    encoding = axes_of(marks)
    assert encoding["y"]["title"] == "validation metric"
    assert encoding["y"]["scale"].get("type") != "log"
    rows = next(rows for mark, encoding, rows in marks if mark == "point" and "color" not in encoding)
    assert all(0.0 <= row["loss"] <= 1.0 for row in rows)


def test_a_frontier_without_a_recommendation_or_of_one_length_can_be_drawn(result, words):
    single = replace(result, frontier=result.frontier[:1], steps=25, recipe=None)
    said = words(frontier_figure(single))
    assert "What each length of training gives" in said
    assert not any(text.startswith("recommended") for text in said)


def bars_of(drawn, result):
    return next(rows for mark, _, rows in drawn(good_range_figure(result)) if mark == "bar")


def test_every_momentum_has_its_best_rate_its_bar_and_its_limit(made, drawn):
    rows = {row["momentum"]: row for row in bars_of(drawn, made)}
    assert [*rows] == ["0", "0.5", "0.9", "0.97"]
    for known in made.momentum_rows():
        row = rows[f"{known.momentum:g}"]
        ends = (None, None) if known.good is None else (known.good.low, known.good.high)
        assert row["lr"] == pytest.approx(known.lr, rel=1e-5)
        assert (row["low"], row["high"]) == (ends if known.good is None else pytest.approx(ends, rel=1e-5))
        assert row["limit"] == (None if known.limit is None else pytest.approx(known.limit, rel=1e-5))


def test_the_recommended_momentum_stands_out_and_is_there_even_between_the_others(made, drawn):
    own = f"{made.recipe.momentum.highest:g}"
    assert [row["momentum"] for row in bars_of(drawn, made) if row["role"] == "recommended"] == [own]
    other = replace(made, recipe=made.recipe.with_(momentum=0.8))
    rows = other.momentum_rows()
    assert [row.momentum for row in rows] == [0.0, 0.5, 0.8, 0.9, 0.97]
    assert (rows[2].good, rows[2].limit, rows[2].loss) == (made.good_range.lr, made.limit, made.expected_loss)


def test_the_row_of_the_recommended_momentum_says_what_the_sentence_says(made):
    (row,) = (row for row in made.momentum_rows() if row.momentum == made.recipe.momentum.highest)
    assert (row.lr, row.good, row.limit) == (made.recipe.lr.highest, made.good_range.lr, made.limit)


def test_a_range_of_one_rate_is_no_bar_and_no_title(made, words):
    rate = made.recipe.lr.highest
    single = replace(made, by_momentum=(), good_range=replace(made.good_range, lr=Interval(rate, rate)))
    assert [row.good for row in single.momentum_rows()] == [None]
    assert "The learning rates of each momentum" in words(good_range_figure(single))


def test_the_title_is_the_good_range(made, words):
    known = replace(made, good_range=replace(made.good_range, lr=Interval(0.05, 0.4)))
    momentum = f"{made.recipe.momentum.highest:g}"
    assert f"Good learning rates at momentum {momentum}: 0.05 to 0.4" in words(good_range_figure(known))
