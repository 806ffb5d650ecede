import math
from dataclasses import replace

import pytest
from tests.recorded.results import on_one_seed

from surefoot.core.formatting import format_bounds, format_score
from surefoot.core.value_types import Interval, Score
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.search.criterion import Criterion
from surefoot.search.result import GoodRange
from surefoot.wording.search import (
    boundary_warning,
    frontier_note,
    good_range_text,
    overfitting_text,
    search_cost,
    search_headline,
    search_notes,
    trained_recipe_name,
    trained_recipes_note,
    transfer_notes,
    unexpected_loss_text,
)


def with_losses(result, best, default, *, tied=False):
    """Return the result with the means of the recommended recipe and of the default set, nothing else trained."""
    first = replace(result.best, valid=Score(best, best - 0.01, best + 0.01, 3))
    other = replace(result.default, valid=Score(default, default - 0.01, default + 0.01, 3), tied=tied)
    return replace(result, trained_recipes=(first, other))


def test_the_headline_has_recipe_length_loss_interval_and_gain(made):
    assert search_headline(with_losses(made, 0.067, 0.39)) == (
        f"Train with {made.recipe} for 200 steps: it reaches a validation loss of 0.0670 "
        "(90 % interval 0.0570 to 0.0770), 5.8x lower than the default's 0.390."
    )


def test_a_small_gain_is_stated_in_percent(made):
    assert search_headline(with_losses(made, 0.45, 0.5)).endswith(", 10 % lower than the default's 0.500.")


def test_no_gain_is_claimed_over_a_default_that_is_as_good(made):
    text = search_headline(with_losses(made, 0.45, 0.46, tied=True))
    assert text.endswith("; too close to the default's 0.460 to call.")
    assert search_headline(with_losses(made, 0.46, 0.45)).endswith("; the default's 0.450 is no higher.")


def test_a_loss_below_zero_has_no_factor(made):
    assert search_headline(with_losses(made, -2.0, -1.0)).endswith(", below the default's -1.00.")


def test_a_diverged_default_and_a_diverged_recommendation_are_reported(made, diverged):
    lost = replace(made, trained_recipes=(made.best, diverged.default))
    assert search_headline(lost).endswith("; the default diverged.")
    broken = replace(made, trained_recipes=(replace(made.best, valid=diverged.default.valid),))
    assert search_headline(broken).endswith("for 200 steps: trained on new seeds, it diverged.")


def test_a_default_that_wins_is_kept(made):
    alone = replace(made.default, role="recommended")
    text = search_headline(replace(made, recipe=DEFAULT_RECIPE, trained_recipes=(alone,)))
    assert text.startswith("Keep the default, sgd(lr=0.01, momentum=0.9), for 200 steps: it reaches")


def test_without_a_full_training_the_headline_gives_what_is_expected(made):
    point = replace(made.frontier[-1], loss=0.2, low=0.15, high=0.3)
    result = replace(made, trained_recipes=(), expected_loss=0.2, frontier=(point,))
    assert search_headline(result) == (
        f"Train with {made.recipe} for 200 steps: the expected validation loss is 0.200 (90 % interval 0.150 to 0.300)."
    )
    other = replace(result, frontier=(replace(point, recipe=DEFAULT_RECIPE),))
    assert search_headline(other).endswith("the expected validation loss is 0.200.")
    assert "can differ a little from the recommended recipe" in frontier_note(other)
    assert frontier_note(result) is None
    unknown = replace(result, expected_loss=None)
    assert search_headline(unknown).endswith("what it reaches was not measured.")


def test_without_a_recommendation_the_reason_is_given(diverged):
    assert search_headline(diverged).startswith("There is no recommendation. Every trial diverged")
    assert good_range_text(diverged) is None


def test_where_the_metric_was_the_goal_the_headline_is_about_it(made):
    asked = with_losses(replace(made, criterion=Criterion("metric")), 0.1, 0.4)
    best, default = asked.trained_recipes
    asked = replace(asked, trained_recipes=(replace(best, metric=0.987), replace(default, metric=0.912)))
    assert "it reaches a metric of 0.987 and a validation loss of 0.100" in search_headline(asked)
    assert search_headline(asked).endswith("; the metric of the default is 0.912.")
    tied = replace(asked, trained_recipes=(asked.best, replace(asked.default, tied=True)))
    assert search_headline(tied).endswith("0.912, too close to call.")


def test_an_unknown_interval_is_left_out():
    assert format_bounds(Score(0.1, -math.inf, math.inf, 1)) is None
    assert format_score(Score(0.1, -math.inf, math.inf, 1)) == "0.100"


def test_the_good_range_has_its_momentum_its_tolerance_and_the_limit(made):
    recipe = Recipe.parse("sgd(lr=cosine(0.2), momentum=0.9)")
    result = replace(
        made, recipe=recipe, good_range=GoodRange(Interval(0.05, 0.4), Interval(0.5, 0.95), 0.05), limit=0.9
    )
    assert good_range_text(result) == (
        "Good learning rates at momentum 0.9: 0.05 to 0.4 (each expected to lose at most 5 %); rates up to 0.9 are "
        "expected to be usable. Good momenta: 0.5 to 0.95, each with its own best learning rate."
    )
    open_ended = replace(result, limit=None, good_range=replace(result.good_range, momentum=None))
    assert good_range_text(open_ended).endswith("5 %); no rate that was tried was too large.")
    single = replace(result, good_range=GoodRange(Interval(0.2, 0.2), None, 0.05))
    assert good_range_text(single).startswith("At momentum 0.9 the trials show no learning rate but 0.2 to be good")
    assert good_range_text(replace(result, good_range=None)) == (
        "The trials do not show which other learning rates are as good at momentum 0.9; rates up to 0.9 are expected "
        "to be usable."
    )
    assert good_range_text(replace(result, good_range=None, expected_loss=None, by_momentum=())) is None


def test_overfitting_comes_with_how_long_to_train(made):
    assert overfitting_text(made) is None
    overfits = replace(made, overfits_after=375, steps=375, full_steps=6000)
    assert overfitting_text(overfits) == "Training for more than 375 steps overfits: train 375 of 6,000 steps."
    whole = replace(overfits, steps=6000)
    assert (
        overfitting_text(whole) == "Training for more than 375 steps overfits: the best loss rises with their length."
    )


def test_a_measured_loss_outside_of_what_was_expected_is_reported(made):
    point = replace(made.frontier[-1], loss=0.2, low=0.15, high=0.3)
    result = with_losses(replace(made, frontier=(point,)), 0.5, 0.9)
    assert unexpected_loss_text(result) == (
        "The measured loss, 0.500, lies above what the shorter trials predicted, 0.150 to 0.300: "
        "trust the measured one."
    )
    assert unexpected_loss_text(with_losses(result, 0.305, 0.9)) is None
    assert "lies below" in unexpected_loss_text(with_losses(result, 0.1, 0.9))


def test_there_is_a_warning_at_a_boundary_only(made):
    assert boundary_warning(made) is None
    assert "the best learning rate lies on the edge" in boundary_warning(replace(made, boundary=("lr",)))
    both = boundary_warning(replace(made, boundary=("lr", "momentum")))
    assert "the best learning rate and momentum lie on the edge" in both


def test_notes_are_sentences_the_most_important_first(made):
    point = replace(made.frontier[-1], low=0.0, high=1e3)
    noted = replace(made, frontier=(point,), boundary=("lr",), overfits_after=200, notes=("2 of 9 trials failed",))
    texts = search_notes(noted)
    assert [text.split()[0] for text in texts] == ["Training", "Careful:", "2"]
    assert all(text.endswith(".") for text in texts)


def test_the_cost_is_in_full_trainings_and_in_time(made):
    priced = replace(made, seconds=75.2, config_steps=616, search_config_steps=418, full_steps=220)
    assert search_cost(priced) == (
        f"{made.trials} trials in 1 min 15 s: as much as 2.8 full trainings of 220 steps; the search took 1.9 of them."
    )
    assert search_cost(replace(priced, search_config_steps=616)).endswith("2.8 full trainings of 220 steps.")
    assert "as much as 1 full training of 616 steps" in search_cost(replace(priced, full_steps=616))


def test_trained_recipes_are_named_by_role_and_what_distinguishes_them(made):
    assert [trained_recipe_name(found, made) for found in made.trained_recipes] == [
        "recommended (cosine)",
        "runner-up (cosine), tied",
        "default (constant)",
    ]
    adam = replace(made.default, recipe=Recipe.parse("adam(lr=0.001)"))
    mixed = replace(made, trained_recipes=(made.best, adam))
    assert trained_recipe_name(adam, mixed) == "default (adam, constant)"
    alike = replace(made, trained_recipes=made.trained_recipes[:2])
    assert trained_recipe_name(made.best, alike) == "recommended"


def test_the_note_has_the_number_of_seeds(made):
    assert "means of 3 trainings after 200 steps" in trained_recipes_note(made)
    assert "Tied:" in trained_recipes_note(made)
    single = replace(made, trained_recipes=tuple(map(on_one_seed, made.trained_recipes)))
    assert "of one training each" in trained_recipes_note(single)
    assert "Tied:" not in trained_recipes_note(single)
    mixed = replace(made, trained_recipes=(made.best, on_one_seed(made.default)))
    assert "means of 1 to 3 trainings" in trained_recipes_note(mixed)
    assert trained_recipes_note(replace(made, trained_recipes=())) is None


def test_a_transfer_is_compared_with_the_rules_of_thumb(transferred):
    texts = transfer_notes(transferred.transfer)
    (steps,) = [note for note in texts if "length of training" in note]
    (batch,) = [note for note in texts if "to the power" in note and "batch size" in note]
    assert "the same rate (0: a schedule in percent, unchanged) agrees" in steps
    assert "1/sqrt(steps) (-0.5: Nemirovski et al., 2009) does not agree" in steps
    assert "square-root scaling (0.5: Krizhevsky, 2014) agrees" in batch
    assert "Left out, half epoch: it leaves 0 steps." in texts
    assert "270,000" in texts[-1]
    assert any(note.startswith("* is the largest or smallest") for note in texts)


def test_too_few_rows_make_no_power(transferred):
    found = replace(transferred.transfer, rows=transferred.transfer.rows[:2])
    assert "No power of the batch size was fitted: fewer than two best rates are known." in transfer_notes(found)


@pytest.mark.parametrize("word", ["luck", "looks", "told", "beside", "ways"])
def test_no_private_words(made, diverged, transferred, word):
    for result in (made, diverged, transferred):
        texts = [
            search_headline(result),
            search_cost(result),
            *search_notes(result),
            good_range_text(result),
            trained_recipes_note(result),
        ]
        assert not any(word in text.split() for text in texts if text)
