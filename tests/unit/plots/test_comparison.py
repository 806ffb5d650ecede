from dataclasses import replace

import pytest

from surefoot.plots.comparison import comparison, ranking


def rows_of(drawn, result):
    return next(rows for mark, _, rows in drawn(comparison(result)) if mark == "rule")


def test_every_confirmed_recipe_has_its_mean_and_interval(tuned, drawn):
    rows = rows_of(drawn, tuned)
    means = [row["mean"] for row in rows]
    assert means == sorted(means)
    assert len(rows) == len(tuned.contestants)
    for row, found in zip(rows, tuned.contestants, strict=True):
        assert row["mean"] == pytest.approx(found.valid.mean, rel=1e-5)
        assert row["high"] == pytest.approx(found.valid.high, rel=1e-5)
        # On a logarithmic axis an interval that reaches to zero or below ends at the edge.
        assert row["low"] == pytest.approx(max(found.valid.low, min(row["low"] for row in rows)), rel=1e-5)
        assert row["low"] <= row["mean"] <= row["high"]


def test_every_seed_has_its_tick(tuned, drawn):
    ticks = next(rows for mark, _, rows in drawn(comparison(tuned)) if mark == "tick")
    expected = [run.outcome.loss for found in tuned.contestants for run in found.runs]
    assert [row["mean"] for row in ticks] == pytest.approx(expected, rel=1e-5)


def test_the_first_is_recommended_and_the_defaults_are_named(tuned):
    standings = ranking(tuned)
    names = {standing.found.recipe: standing.name for standing in standings}
    assert standings[0].name == "recommended"
    assert names[tuned.default.recipe] == "default"
    assert names[tuned.default_scheduled.recipe] == "default, same schedule"


def test_what_cannot_be_told_apart_is_not_called_worse(tuned):
    best, second, *rest = tuned.contestants
    tied = replace(tuned, contestants=(best, replace(second, tied=True), *rest))
    clear = replace(tuned, contestants=(best, replace(second, tied=False), *rest))
    assert ranking(tied)[1].name == "not clearly worse"
    assert ranking(clear)[1].name == "runner-up"


def test_a_default_that_is_best_keeps_its_name(tuned):
    alone = replace(tuned, contestants=(replace(tuned.default, tied=True),))
    assert ranking(alone)[0].name == "default"


def test_a_diverged_default_comes_last_and_says_so(tuned, diverged, words):
    half = replace(tuned, contestants=tuned.contestants[:2], default=diverged.default)
    assert ranking(half)[2].found is diverged.default
    said = words(comparison(half))
    assert "diverged" in said
    assert any(text.startswith("default (lr 0.01") for text in said)


def test_the_title_gives_the_gain_in_numbers(tuned):
    gain = tuned.default.valid.mean / tuned.best.valid.mean
    title = comparison(tuned).to_dict()["title"]["text"]
    assert title.endswith("x lower validation loss than the default")
    assert float(title.split("x")[0]) == pytest.approx(gain, rel=0.06)
