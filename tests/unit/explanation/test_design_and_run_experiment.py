import numpy as np
import pytest

from surefoot.core.errors import BudgetError
from surefoot.explanation.design_and_run_experiment import design_experiment, learning_rate_grid
from surefoot.explanation.experiment_results import (
    DECAY_SCHEDULES,
    PLAIN_SGD,
    SGD_AT_ALL_MOMENTA,
    SGD_WITH_MOMENTUM,
    Variant,
)
from surefoot.recipe.recipe import DEFAULT_RECIPE
from surefoot.tasks.loader import load_task


@pytest.mark.parametrize("variant", [*SGD_AT_ALL_MOMENTA, *(Variant(decay=decay) for decay in DECAY_SCHEDULES)])
def test_a_grid_reaches_the_limit_and_includes_the_default_rate(variant):
    rates = learning_rate_grid({PLAIN_SGD: 2.3, SGD_WITH_MOMENTUM: 1.9}, variant)
    assert np.diff(np.log10(rates)) == pytest.approx(0.25, abs=0.005)
    assert 1.5 < rates[-1] < 10.0
    if variant.decay == "constant":
        assert DEFAULT_RECIPE.lr.highest in rates.tolist()


def design(task, *, seeds=3, max_config_steps=None):
    variants = {PLAIN_SGD, SGD_WITH_MOMENTUM}
    return design_experiment(task, variants, stability=False, seeds=seeds, max_config_steps=max_config_steps)


def test_a_budget_shortens_trainings_and_is_kept():
    task = load_task("digits")
    full = design(task)
    assert full.steps == task.total_steps
    shorter = design(task, max_config_steps=full.config_steps / 2)
    assert 40 <= shorter.steps < full.steps
    assert shorter.config_steps <= full.config_steps / 2
    with pytest.raises(BudgetError, match="at least"):
        design(task, max_config_steps=full.config_steps / 20)


def test_trainings_have_at_most_400_steps():
    assert design(load_task("digits").with_length(steps=5000)).steps == 400
