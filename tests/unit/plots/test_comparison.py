from dataclasses import replace

import pytest
from tests.made_search import on_one_seed

from surefoot.core.values import Score
from surefoot.plots.good_range import comparison


def rows_of(drawn, result):
    return next(rows for mark, _, rows in drawn(comparison(result)) if mark == "rule")


def with_means(result, *means):
    """The same contestants with other means, each with an interval of a tenth of it."""
    found = [
        replace(each, valid=Score(mean, 0.9 * mean, 1.1 * mean, 3), tied=False)
        for each, mean in zip(result.contestants, means, strict=True)
    ]
    return replace(result, contestants=tuple(found))


def test_every_contestant_has_its_mean_and_interval(made, drawn):
    result = with_means(made, 0.1, 0.2, 0.4)
    rows = rows_of(drawn, result)
    assert [row["role"] for row in rows] == ["recommended", "runner-up", "default"]
    for row, found in zip(rows, result.contestants, strict=True):
        assert row["mean"] == pytest.approx(found.valid.mean, rel=1e-5)
        assert (row["low"], row["high"]) == pytest.approx((found.valid.low, found.valid.high), rel=1e-5)


def test_every_seed_has_its_tick(made, drawn):
    ticks = next(rows for mark, _, rows in drawn(comparison(made)) if mark == "tick")
    expected = [run.outcome.loss for found in made.contestants for run in found.runs]
    assert [row["mean"] for row in ticks] == pytest.approx(expected, rel=1e-5)


def test_what_the_seeds_cannot_tell_apart_is_named_tied(made, words):
    said = words(comparison(made))
    assert any(text.startswith("runner-up, tied (lr ") for text in said)
    assert any(text.startswith("default (lr 0.01") for text in said)


def test_a_contestant_that_diverged_says_so(made, diverged, words):
    half = replace(made, contestants=(*made.contestants[:2], diverged.default))
    assert "diverged" in words(comparison(half))


def test_the_title_gives_the_gain_in_numbers_or_says_that_there_is_none(made):
    def title(result):
        return comparison(result).to_dict()["title"]["text"]

    assert title(with_means(made, 0.1, 0.2, 0.4)) == "4x lower validation loss than the default"
    assert title(with_means(made, 0.4, 0.4, 0.1)) == "No clear gain over the default"
    best, second, default = with_means(made, 0.1, 0.2, 0.4).contestants
    tied = replace(made, contestants=(best, second, replace(default, tied=True)))
    assert title(tied) == "No clear gain over the default"
    assert title(replace(made, contestants=(best,))) == "Validation loss in full training"


def test_a_single_seed_is_said_to_be_one(made, words):
    single = replace(made, contestants=tuple(map(on_one_seed, made.contestants)))
    assert any("one training each, of 200 steps" in text for text in words(comparison(single)))
