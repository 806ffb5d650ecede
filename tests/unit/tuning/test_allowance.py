from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.budget import Budget
from surefoot.errors import BudgetError
from surefoot.fleet import Plan
from surefoot.tuning.allowance import RAMP_MOMENTA, SMALLEST, Allowance, trainings_of


@given(trainings=st.floats(SMALLEST, 1000.0), steps=st.integers(40, 100_000))
def test_the_parts_never_cost_more_than_the_whole(trainings, steps):
    allowance = Allowance.of(trainings, steps=steps)
    confirmation = allowance.seeds * (allowance.finalists + 2)
    ramps = len(RAMP_MOMENTA) * allowance.ramp_steps / steps
    assert confirmation + ramps + allowance.search <= trainings + 1e-9
    # Every candidate of the first generation is paid for up to its first rung and its cooldown there.
    assert allowance.population * (1 / 8 + 1 / 32) <= allowance.search


def test_a_budget_too_small_for_an_answer_is_refused():
    with pytest.raises(BudgetError, match="at least 12x; given 3x"):
        Allowance.of(3.0, steps=100)


def test_seconds_become_trainings_by_the_measured_cost():
    plan = Plan(config_step_us=1000.0)
    assert trainings_of(Budget.parse("10s"), steps=100, plan=plan) == pytest.approx(100.0)
    with pytest.raises(BudgetError, match="measured cost"):
        trainings_of(Budget.parse("10s"), steps=100, plan=Plan())


@pytest.mark.parametrize("steps", [1, 2, 5, 10])
def test_trainings_of_a_few_steps_need_more_of_them(steps):
    """The ramps alone take 20 steps each: a budget that cannot pay for them is refused, not passed."""
    with pytest.raises(BudgetError, match="too few for trainings of"):
        Allowance.of(12.0, steps=steps)
    allowance = Allowance.of(200.0, steps=steps)
    assert allowance.search * steps > 0
