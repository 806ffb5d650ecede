from dataclasses import replace

import pytest

from surefoot.core.values import Interval
from surefoot.plots.good_range import good_range


def bars_of(drawn, result):
    return next(rows for mark, _, rows in drawn(good_range(result)) if mark == "bar")


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
    assert "The learning rates of each momentum" in words(good_range(single))


def test_the_title_is_the_good_range(made, words):
    known = replace(made, good_range=replace(made.good_range, lr=Interval(0.05, 0.4)))
    momentum = f"{made.recipe.momentum.highest:g}"
    assert f"Good learning rates at momentum {momentum}: 0.05 to 0.4" in words(good_range(known))
