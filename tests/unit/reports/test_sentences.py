import math
from dataclasses import replace

from surefoot.numerals import numeral
from surefoot.reports.sentences import (
    boundary_warning,
    bounds_text,
    cost,
    expected_limit,
    find_headline,
    headline,
    interval_text,
    tied_settings,
    transfer_notes,
)
from surefoot.values import Interval, Score


def with_losses(result, best, default):
    """Return the result with the means of the recommended recipe and of the default set."""
    first = replace(result.best, valid=Score(best, best - 0.01, best + 0.01, 3), tied=True)
    other = replace(result.default, valid=Score(default, default - 0.01, default + 0.01, 3), tied=False)
    return replace(result, contestants=(first, other), default=other)


def test_the_headline_has_recipe_loss_interval_and_gain(tuned):
    said = headline(with_losses(tuned, 0.067, 0.39))
    assert said == (
        f"{tuned.best.recipe} reaches a validation loss of 0.0670 (90 % interval 0.0570 to 0.0770), "
        "5.8x lower than the default's 0.390."
    )


def test_a_small_gain_is_said_in_percent(tuned):
    assert "10 % lower than the default's 0.500" in headline(with_losses(tuned, 0.45, 0.5))


def test_no_gain_is_claimed_over_a_default_that_is_as_good(tuned):
    result = with_losses(tuned, 0.45, 0.46)
    best, default = result.contestants
    said = headline(replace(result, contestants=(best, replace(default, tied=True))))
    assert "which cannot be told apart from the default's 0.460" in said
    assert "lower" not in said


def test_a_loss_below_zero_has_no_factor(tuned):
    assert headline(with_losses(tuned, -2.0, -1.0)).endswith("below the default's -1.00.")


def test_a_diverged_default_is_said(tuned, diverged):
    said = headline(replace(tuned, default=diverged.default))
    assert said.endswith("where the default diverged.")


def test_a_default_that_wins_is_kept(tuned):
    said = headline(replace(tuned, contestants=(tuned.default,)))
    assert said.startswith("Keep the default, sgd(lr=0.01, momentum=0.9)")


def test_divergence_everywhere_is_no_recommendation(diverged):
    said = headline(diverged)
    assert said.startswith("There is no recommendation. Every setting diverged")
    assert tied_settings(diverged) is None


def test_an_unknown_interval_is_left_out():
    assert bounds_text(Score(0.1, -math.inf, math.inf, 1)) is None
    assert interval_text(Score(0.1, -math.inf, math.inf, 1)) == "0.100"


def test_settings_as_good_are_given_as_ranges(tuned):
    own = numeral(tuned.best.recipe.momentum.highest)
    result = replace(tuned, lr=Interval(0.3, 1.2), momentum=Interval(0.5, 0.5))
    assert tied_settings(result).endswith("learning rate 0.3 to 1.2.")
    text = tied_settings(replace(result, momentum=Interval(0.5, 0.9)))
    assert text.endswith(
        f"learning rate 0.3 to 1.2 at momentum {own}; momentum 0.5 to 0.9, each with a rate of its own."
    )
    alone = replace(tuned, lr=Interval(0.3, 0.3), momentum=Interval(0.5, 0.5))
    assert tied_settings(alone) == "Compared seed by seed, no other setting that was tried came as close."


def test_only_a_boundary_is_warned_of(tuned):
    assert boundary_warning(replace(tuned, boundary=())) is None
    assert "the best learning rate lies on the edge" in boundary_warning(replace(tuned, boundary=("lr",)))
    both = boundary_warning(replace(tuned, boundary=("lr", "momentum")))
    assert "the best learning rate and momentum lie on the edge" in both


def test_the_cost_is_in_config_steps_and_in_trainings(tuned):
    said = cost(replace(tuned, trials=48, seconds=75.2, config_steps=6000, steps=200))
    assert said == "48 recipes tried in 1 min 15 s: 6,000 config-steps, as many as 30 full trainings of 200 steps."


def test_find_says_where_to_start_or_why_not(found):
    assert find_headline(found).startswith("Start from learning rate ")
    nothing = replace(found, suggestion=None, reason="nothing learned; try more steps.")
    assert find_headline(nothing) == "There is no suggestion. Nothing learned; try more steps."


def test_the_prior_says_where_it_comes_from_or_why_there_is_none(found):
    assert f"is {numeral(found.sharpness.value)} (residual" in expected_limit(found)
    unknown = replace(found.sharpness, value=None, residual=None, reason="the loss is not finite there")
    assert expected_limit(replace(found, sharpness=unknown)).endswith("for the loss is not finite there.")
    flat = replace(found.sharpness, value=0.0)
    assert "not curved" in expected_limit(replace(found, sharpness=flat))


def test_a_transfer_is_judged_by_the_rules_of_thumb(transferred):
    notes = transfer_notes(transferred.transfer)
    (steps,) = [note for note in notes if "length of training" in note]
    (batch,) = [note for note in notes if "to the power" in note and "batch size" in note]
    assert "the same rate (0: a schedule in percent, as it is) agrees" in steps
    assert "1/sqrt(steps) (-0.5: Nemirovski et al., 2009) does not agree" in steps
    assert "square-root scaling (0.5: Krizhevsky, 2014) agrees" in batch
    assert "Left out, half epoch: it leaves 0 steps." in notes
    assert "270,000" in notes[-1]
    assert any(note.startswith("* on the edge") for note in notes)


def test_too_few_rows_make_no_power(transferred):
    found = replace(transferred.transfer, rows=transferred.transfer.rows[:2])
    assert "There is no power in the batch size: fewer than two best rates are known." in transfer_notes(found)


def test_where_the_metric_was_the_goal_the_headline_is_about_it(tuned):
    asked = replace(
        tuned,
        goal="metric",
        contestants=(replace(tuned.best, metric=0.987), *tuned.contestants[1:]),
        default=replace(tuned.default, metric=0.912),
    )
    assert "reaches a metric of 0.987 and a validation loss of" in headline(asked)
    assert "0.912" in headline(asked)
    assert "metric" not in headline(tuned)
    diverged = Score(math.inf, math.inf, math.inf, 3)
    lost = replace(asked, default=replace(asked.default, metric=None, valid=diverged))
    assert headline(lost).endswith("where the default diverged.")
