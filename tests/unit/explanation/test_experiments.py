"""What is planned and measured before any claim is judged."""

import numpy as np
import pytest
from tests.unit.explanation.made import sweep

from surefoot.core.errors import BudgetError
from surefoot.explanation.claim import Effect, Number
from surefoot.explanation.curve import end_losses, running_mean, speed_ratio, standing
from surefoot.explanation.experiment import DECAYS, MOMENTA, Kind
from surefoot.explanation.run_experiment import PLAIN, USUAL, design, grid
from surefoot.explanation.selection import held_out_best, held_out_losses, tenfold, tenth
from surefoot.explanation.stable_range import LIMIT_STEPS, largest_stable, part_of
from surefoot.recipe.recipe import DEFAULT_RECIPE
from surefoot.tasks.loader import load


def test_a_running_mean_is_the_mean_of_a_twentieth():
    losses = np.random.default_rng(0).uniform(size=(2, 3, 60))
    plain = [losses[..., max(0, t - 2) : t + 1].mean(axis=-1) for t in range(60)]
    assert running_mean(losses) == pytest.approx(np.stack(plain, axis=-1))


def test_what_is_no_number_counts_as_nothing_learnt():
    losses = np.array([[0.5, np.nan, np.inf], [0.5, 0.4, 0.3]])
    assert end_losses(standing(losses)).tolist() == [1.0, 0.3]


def test_speed_is_antisymmetric_and_1_for_equals():
    t = np.linspace(0.0, 1.0, 200)
    quick, slow = 0.05 + np.exp(-9.0 * t)[None], 0.02 + np.exp(-3.0 * t)[None]
    assert speed_ratio(quick, slow) * speed_ratio(slow, quick) == pytest.approx([1.0])
    assert speed_ratio(quick, slow) > 2.0
    assert speed_ratio(slow, slow).tolist() == [1.0]


def test_what_is_chosen_does_not_see_the_seed_it_is_judged_on():
    ends = np.random.default_rng(0).lognormal(size=(200, 4))
    chosen = held_out_best(ends)
    ends[:, 2] = ends[::-1, 2]
    assert held_out_best(ends)[2] == chosen[2]


def test_seeds_choose_for_each_other_in_pairs_so_that_the_luck_of_a_choice_shows_between_them():
    ends = np.ones((3, 5))
    ends[1] = 0.9  # best on most
    ends[2, [3, 4]] = 0.5  # and another on the last two, which choose together for the third, and each for one more
    assert held_out_best(ends).tolist() == [1, 2, 2, 2, 1]


def test_the_best_of_many_equals_looks_no_better_than_one_of_them():
    ends = np.random.default_rng(1).lognormal(sigma=0.3, size=(500, 40))
    assert np.log(held_out_losses(ends)).mean() == pytest.approx(0.0, abs=0.15)
    assert np.log(ends.min(axis=0)).mean() < -0.7


def test_of_settings_as_good_the_middle_one_is_taken():
    ends = np.full((9, 3), 1e-4)
    ends[[0, 1, 8]] = 0.5
    assert held_out_best(ends).tolist() == [5, 5, 5]


def test_rates_beside_the_best_end_where_they_were_tried():
    assert (tenth(sweep()).words, tenfold(sweep()).words) == ("a tenth of", "ten times")
    edge = tenfold(sweep(best=5.0))
    assert edge.words == "1 times"
    assert set(edge.places) == {len(sweep().rates) - 1}


@pytest.mark.parametrize("kind", [*(Kind(momentum=momentum) for momentum in MOMENTA), *(Kind(decay=d) for d in DECAYS)])
def test_a_grid_reaches_the_limit_and_holds_the_default(kind):
    rates = grid({PLAIN: 2.3, USUAL: 1.9}, kind)
    assert np.diff(np.log10(rates)) == pytest.approx(0.25, abs=0.005)
    assert 1.5 < rates[-1] < 10.0
    if kind.decay == "constant":
        assert DEFAULT_RECIPE.lr.highest in rates.tolist()


def test_momenta_lie_on_the_grid_of_rates():
    steps = [-4.0 * np.log10(1.0 - momentum) for momentum in MOMENTA]
    assert steps == pytest.approx(np.round(steps), abs=0.03)


def test_a_stable_range_ends_where_little_is_learnt():
    rates = np.array([1.0, 2.0, 4.0, 8.0])
    learns, dead, lost = [1.0] * 5 + [0.2] * 5, [1.0] * 5 + [0.97] * 5, [1.0] * 5 + [np.nan] * 5
    limits, reached = largest_stable(
        rates, np.array([[learns, learns], [learns, learns], [dead, learns], [lost, lost]])
    )
    assert limits == pytest.approx([np.sqrt(8.0), np.sqrt(32.0)])
    assert reached == 2
    limits, reached = largest_stable(rates, np.array([[learns], [learns], [learns], [learns]]))
    assert (limits.tolist(), reached) == ([8.0], 0)


def test_full_and_small_batches_see_the_same_samples():
    task = load("digits")
    full, small = (part_of(task, batch=batch) for batch in ("full", "small"))
    assert (full.batch_size, small.batch_size, full.total_steps) == (512, 64, LIMIT_STEPS)
    assert len(full.split("train")) == len(small.split("train")) == 512
    every = range(512)
    import torch

    one, other = (each.batch("train", torch.tensor(every))[0] for each in (full, small))
    assert torch.equal(one, other)


def test_a_budget_shortens_trainings_and_is_kept():
    task = load("digits")
    kinds = {Kind(), PLAIN}
    whole = design(task, kinds, ranges=False, seeds=3, ceiling=None)
    assert whole.steps == task.total_steps
    cut = design(task, kinds, ranges=False, seeds=3, ceiling=whole.config_steps / 2)
    assert 40 <= cut.steps < whole.steps
    assert cut.config_steps <= whole.config_steps / 2
    with pytest.raises(BudgetError, match="at least"):
        design(task, kinds, ranges=False, seeds=3, ceiling=whole.config_steps / 20)


def test_long_trainings_are_cut_short():
    task = load("digits").with_length(steps=5000)
    assert design(task, {Kind()}, ranges=False, seeds=2, ceiling=None).steps == 400


def test_verdicts_are_right_nine_times_in_ten():
    """An effect of exactly the notable size must seldom be excluded; none at all must seldom be called one."""
    random = np.random.default_rng(0)
    none = [np.exp(0.2 * random.standard_normal(5)) for _ in range(400)]
    wrong = sum(Effect(Number.of("", values), notable=1.1).verdict == "holds" for values in none)
    just = [1.1 * np.exp(0.2 * random.standard_normal(5)) for _ in range(400)]
    missed = sum(Effect(Number.of("", values), notable=1.1).verdict == "does not hold here" for values in just)
    assert wrong / 400 < 0.08
    assert missed / 400 < 0.08


def test_a_hard_batch_cancels():
    import dataclasses

    plain = sweep()
    hardness = np.exp(np.random.default_rng(0).normal(scale=0.5, size=(1, plain.losses.shape[-1])))
    hard = dataclasses.replace(plain, losses=2.0 * hardness * np.ones_like(plain.losses), still=plain.still * hardness)
    assert hard.courses == pytest.approx(np.ones_like(plain.courses))
