import math
from dataclasses import replace

import pytest

from surefoot.plots.range_test import range_test, usable_range
from surefoot.values import Interval


def test_lines_follow_the_ramps_and_dashes_stand_at_their_limits(tuned, drawn):
    (_, _, lines), (_, _, limits) = drawn(range_test(tuned.ramps))
    for ramp in tuned.ramps:
        known = dict(zip((float(f"{rate:.6g}") for rate in ramp.rates), ramp.losses, strict=True))
        mine = [row for row in lines if row["momentum"] == f"{ramp.momentum:g}"]
        assert len(mine) > 20
        assert all(row["loss"] == pytest.approx(known[row["lr"]], rel=1e-5) for row in mine)
    assert [row["lr"] for row in limits] == pytest.approx([ramp.limit for ramp in tuned.ramps], rel=1e-5)


def test_diverged_steps_are_left_out(tuned, drawn):
    ramp = tuned.ramps[0]
    broken = replace(ramp, losses=(*ramp.losses[:-30], *([math.inf] * 30)), limit=None)
    (_, _, lines), (_, _, limits) = drawn(range_test([broken]))
    assert len(lines) == len(ramp.losses) - 30
    assert limits == []


def test_a_ramp_that_never_breaks_is_titled_so(tuned):
    title = range_test([replace(ramp, limit=None) for ramp in tuned.ramps]).to_dict()["title"]["text"]
    assert title == "Training does not break at any learning rate tried"


def test_bars_reach_from_low_to_high_with_best_limit_and_prior(found, drawn):
    bars = next(rows for mark, _, rows in drawn(usable_range(found)) if mark == "bar")
    for row, bar in zip(found.ranges, bars, strict=True):
        shown = [bar["lr"], bar["best"], bar["high"], bar["limit"], bar["prior"]]
        assert shown == pytest.approx([row.low, row.best, row.high, row.limit, row.prior], rel=1e-5)


def test_intervals_are_thin_lines_and_named_only_where_there_are_some(found, drawn, words):
    rows = tuple(replace(row, limit_interval=Interval(0.5, 2.0), best_interval=None) for row in found.ranges)
    chart = usable_range(replace(found, ranges=rows))
    bars = next(each for mark, _, each in drawn(chart) if mark == "bar")
    assert [(bar["limit_low"], bar["limit_high"], bar["best_low"]) for bar in bars] == [(0.5, 2.0, None)] * len(rows)
    assert any("thin lines: their 90 % intervals" in text for text in words(chart))
    without = tuple(replace(row, limit_interval=None) for row in rows)
    assert not any("intervals" in text for text in words(usable_range(replace(found, ranges=without))))


def test_the_title_is_the_suggestion(found, words):
    said = words(usable_range(found))
    assert any(text.startswith("wine: start from learning rate") for text in said)
    assert f"training loss after {found.run_steps} steps" in said


def test_lines_end_where_short_runs_leave_the_picture(found, drawn):
    row = replace(
        found.ranges[0], rates=(0.1, 0.2, 0.4, 0.8, 1.6, 3.2), losses=(0.9, 0.2, 0.5, 1e9, 0.8, math.inf), limit=0.6
    )
    points = next(rows for mark, _, rows in drawn(usable_range(replace(found, ranges=(row,)))) if mark == "point")
    assert [(point["lr"], point["loss"]) for point in points] == [(0.1, 0.9), (0.2, 0.2), (0.4, 0.5), (0.8, 1e9)]


def test_short_runs_that_diverged_are_left_out(found, drawn):
    row = replace(found.ranges[0], rates=(0.1, 0.2, 0.4), losses=(0.9, 0.2, math.inf))
    points = next(rows for mark, _, rows in drawn(usable_range(replace(found, ranges=(row,)))) if mark == "point")
    assert [point["loss"] for point in points] == [0.9, 0.2]


def test_a_find_without_a_suggestion_says_why(found, words):
    nothing = replace(
        found,
        ranges=tuple(replace(row, low=None, best=None, high=None, limit=None) for row in found.ranges),
        suggestion=None,
        reason="no learning rate lowered the loss",
    )
    assert any("No learning rate lowered the loss" in text for text in words(usable_range(nothing)))


@pytest.mark.parametrize("losses", [(-1e30, -1e35, math.inf), (math.inf,) * 3, (1.0, 1.0, 1.0), (-0.5, -2.0, 0.3)])
@pytest.mark.parametrize("start", [0.0, -1.0, 1.0])
def test_whatever_a_find_refuses_can_be_drawn(found, words, losses, start):
    rows = tuple(
        replace(row, low=None, best=None, high=None, limit=None, rates=(0.1, 0.4, 1.6), losses=losses)
        for row in found.ranges
    )
    refused = replace(found, ranges=rows, suggestion=None, reason="the loss is odd.", start_loss=start)
    assert "The loss is odd." in words(usable_range(refused))


def test_ramps_of_several_optimizers_have_their_names_and_not_their_momentum(tuned, drawn, words):
    first = tuned.ramps[0]
    ramps = [first, replace(first, optimizer="adam", rates=tuple(rate / 10 for rate in first.rates))]
    (_, encoding, lines), _ = drawn(range_test(ramps))
    assert encoding["color"]["field"] == "optimizer"
    assert {row["optimizer"] for row in lines} == {"sgd", "adam"}
    assert {"optimizer", "sgd", "adam"} <= set(words(range_test(ramps)))
    assert "optimizer" not in words(range_test(tuned.ramps))
    title = range_test(ramps).to_dict()["title"]["text"]
    assert "(sgd)" in title
    assert "(adam)" in title
