import math
from dataclasses import replace

import pytest
from tests.made_search import on_one_seed

from surefoot.core.values import Interval, Score
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.search.request import Aim
from surefoot.search.result import GoodRange
from surefoot.wording.search import (
    boundary_warning,
    bounds_text,
    contestant_name,
    contestants_note,
    cost,
    frontier_note,
    good_range_text,
    headline,
    interval_text,
    notes,
    overfitting_text,
    surprise_text,
    transfer_notes,
)


def with_losses(result, best, default, *, tied=False):
    """Return the result with the means of the recommended recipe and of the default set, nothing else trained."""
    first = replace(result.best, valid=Score(best, best - 0.01, best + 0.01, 3))
    other = replace(result.default, valid=Score(default, default - 0.01, default + 0.01, 3), tied=tied)
    return replace(result, contestants=(first, other))


def test_the_headline_has_recipe_length_loss_interval_and_gain(made):
    assert headline(with_losses(made, 0.067, 0.39)) == (
        f"Train with {made.recipe} for 200 steps: it reaches a validation loss of 0.0670 "
        "(90 % interval 0.0570 to 0.0770), 5.8x lower than the default's 0.390."
    )


def test_a_small_gain_is_said_in_percent(made):
    assert headline(with_losses(made, 0.45, 0.5)).endswith(", 10 % lower than the default's 0.500.")


def test_no_gain_is_claimed_over_a_default_that_is_as_good(made):
    said = headline(with_losses(made, 0.45, 0.46, tied=True))
    assert said.endswith("; the seeds cannot tell it from the default's 0.460.")
    assert headline(with_losses(made, 0.46, 0.45)).endswith("; the default's 0.450 is no higher.")


def test_a_loss_below_zero_has_no_factor(made):
    assert headline(with_losses(made, -2.0, -1.0)).endswith(", below the default's -1.00.")


def test_a_diverged_default_is_said_and_so_is_a_diverged_recommendation(made, diverged):
    lost = replace(made, contestants=(made.best, diverged.default))
    assert headline(lost).endswith("; the default diverged.")
    broken = replace(made, contestants=(replace(made.best, valid=diverged.default.valid),))
    assert headline(broken).endswith("for 200 steps: trained on fresh seeds, it diverged.")


def test_a_default_that_wins_is_kept(made):
    alone = replace(made.default, role="recommended")
    said = headline(replace(made, recipe=DEFAULT_RECIPE, contestants=(alone,)))
    assert said.startswith("Keep the default, sgd(lr=0.01, momentum=0.9), for 200 steps: it reaches")


def test_without_a_full_training_the_headline_gives_what_is_expected(made):
    point = replace(made.frontier[-1], loss=0.2, low=0.15, high=0.3)
    result = replace(made, contestants=(), expected_loss=0.2, frontier=(point,))
    assert headline(result) == (
        f"Train with {made.recipe} for 200 steps: the expected validation loss is 0.200 (90 % interval 0.150 to 0.300)."
    )
    other = replace(result, frontier=(replace(point, recipe=DEFAULT_RECIPE),))
    assert headline(other).endswith("the expected validation loss is 0.200.")
    assert "need not be exactly those of the recommended recipe" in frontier_note(other)
    assert frontier_note(result) is None
    unknown = replace(result, expected_loss=None)
    assert headline(unknown).endswith("what it gives was not measured.")


def test_without_a_recommendation_the_reason_is_given(diverged):
    assert headline(diverged).startswith("There is no recommendation. Every trial diverged")
    assert good_range_text(diverged) is None


def test_where_the_metric_was_the_goal_the_headline_is_about_it(made):
    asked = with_losses(replace(made, aim=Aim("metric")), 0.1, 0.4)
    best, default = asked.contestants
    asked = replace(asked, contestants=(replace(best, metric=0.987), replace(default, metric=0.912)))
    assert "it reaches a metric of 0.987 and a validation loss of 0.100" in headline(asked)
    assert headline(asked).endswith("; the metric of the default is 0.912.")
    tied = replace(asked, contestants=(asked.best, replace(asked.default, tied=True)))
    assert headline(tied).endswith("0.912, which the seeds cannot tell from it.")


def test_an_unknown_interval_is_left_out():
    assert bounds_text(Score(0.1, -math.inf, math.inf, 1)) is None
    assert interval_text(Score(0.1, -math.inf, math.inf, 1)) == "0.100"


def test_the_good_range_is_said_with_its_momentum_its_tolerance_and_the_limit(made):
    recipe = Recipe.parse("sgd(lr=cosine(0.2), momentum=0.9)")
    result = replace(
        made, recipe=recipe, good_range=GoodRange(Interval(0.05, 0.4), Interval(0.5, 0.95), 0.05), limit=0.9
    )
    assert good_range_text(result) == (
        "Good learning rates at momentum 0.9: 0.05 to 0.4 (each expected to lose at most 5 %); rates up to 0.9 can be "
        "expected to be usable. Good momenta: 0.5 to 0.95, each with a learning rate of its own."
    )
    open_ended = replace(result, limit=None, good_range=replace(result.good_range, momentum=None))
    assert good_range_text(open_ended).endswith("5 %); no rate tried was too large.")
    single = replace(result, good_range=GoodRange(Interval(0.2, 0.2), None, 0.05))
    assert good_range_text(single).startswith("At momentum 0.9 the trials show no learning rate but 0.2 to be good")
    assert good_range_text(replace(result, good_range=None)) == (
        "Which other learning rates are as good at momentum 0.9, these trials do not tell; rates up to 0.9 can be "
        "expected to be usable."
    )
    assert good_range_text(replace(result, good_range=None, expected_loss=None, by_momentum=())) is None


def test_overfitting_says_how_long_to_train(made):
    assert overfitting_text(made) is None
    overfits = replace(made, overfits_after=375, steps=375, full_steps=6000)
    assert overfitting_text(overfits) == "Longer than 375 steps overfits: train 375 of 6,000 steps."
    whole = replace(overfits, steps=6000)
    assert overfitting_text(whole) == "Longer than 375 steps overfits: the best loss rises with more of them."


def test_a_measured_loss_outside_of_what_was_expected_is_said(made):
    point = replace(made.frontier[-1], loss=0.2, low=0.15, high=0.3)
    result = with_losses(replace(made, frontier=(point,)), 0.5, 0.9)
    assert surprise_text(result) == (
        "The measured loss, 0.500, lies above what the shorter trials let expect, 0.150 to 0.300: "
        "trust the measured one."
    )
    assert surprise_text(with_losses(result, 0.305, 0.9)) is None
    assert "lies below" in surprise_text(with_losses(result, 0.1, 0.9))


def test_only_a_boundary_is_warned_of(made):
    assert boundary_warning(made) is None
    assert "the best learning rate lies on the edge" in boundary_warning(replace(made, boundary=("lr",)))
    both = boundary_warning(replace(made, boundary=("lr", "momentum")))
    assert "the best learning rate and momentum lie on the edge" in both


def test_notes_are_sentences_the_gravest_first(made):
    point = replace(made.frontier[-1], low=0.0, high=1e3)
    noted = replace(made, frontier=(point,), boundary=("lr",), overfits_after=200, notes=("2 of 9 trials failed",))
    said = notes(noted)
    assert [text.split()[0] for text in said] == ["Longer", "Careful:", "2"]
    assert all(text.endswith(".") for text in said)


def test_the_cost_is_in_full_trainings_and_in_time(made):
    priced = replace(made, seconds=75.2, config_steps=616, search_config_steps=418, full_steps=220)
    assert cost(priced) == (
        f"{made.trials} trials in 1 min 15 s: as much as 2.8 full trainings of 220 steps; the search took 1.9 of them."
    )
    assert cost(replace(priced, search_config_steps=616)).endswith("2.8 full trainings of 220 steps.")
    assert "as much as 1 full training of 616 steps" in cost(replace(priced, full_steps=616))


def test_contestants_are_named_by_their_role_and_what_tells_them_apart(made):
    assert [contestant_name(found, made) for found in made.contestants] == [
        "recommended (cosine)",
        "runner-up (cosine), tied",
        "default (constant)",
    ]
    adam = replace(made.default, recipe=Recipe.parse("adam(lr=0.001)"))
    mixed = replace(made, contestants=(made.best, adam))
    assert contestant_name(adam, mixed) == "default (adam, constant)"
    alike = replace(made, contestants=made.contestants[:2])
    assert contestant_name(made.best, alike) == "recommended"


def test_the_note_says_how_many_seeds_there_were(made):
    assert "means of 3 trainings after 200 steps" in contestants_note(made)
    assert "Tied:" in contestants_note(made)
    single = replace(made, contestants=tuple(map(on_one_seed, made.contestants)))
    assert "of one training each" in contestants_note(single)
    assert "Tied:" not in contestants_note(single)
    mixed = replace(made, contestants=(made.best, on_one_seed(made.default)))
    assert "means of 1 to 3 trainings" in contestants_note(mixed)
    assert contestants_note(replace(made, contestants=())) is None


def test_a_transfer_is_judged_by_the_rules_of_thumb(transferred):
    said = transfer_notes(transferred.transfer)
    (steps,) = [note for note in said if "length of training" in note]
    (batch,) = [note for note in said if "to the power" in note and "batch size" in note]
    assert "the same rate (0: a schedule in percent, as it is) agrees" in steps
    assert "1/sqrt(steps) (-0.5: Nemirovski et al., 2009) does not agree" in steps
    assert "square-root scaling (0.5: Krizhevsky, 2014) agrees" in batch
    assert "Left out, half epoch: it leaves 0 steps." in said
    assert "270,000" in said[-1]
    assert any(note.startswith("* on the edge") for note in said)


def test_too_few_rows_make_no_power(transferred):
    found = replace(transferred.transfer, rows=transferred.transfer.rows[:2])
    assert "There is no power in the batch size: fewer than two best rates are known." in transfer_notes(found)


@pytest.mark.parametrize("word", ["luck", "looks", "told", "beside", "ways"])
def test_no_private_words(made, diverged, transferred, word):
    for result in (made, diverged, transferred):
        said = [headline(result), cost(result), *notes(result), good_range_text(result), contestants_note(result)]
        assert not any(word in text.split() for text in said if text)
