from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.budget import Budget
from surefoot.errors import BudgetError
from surefoot.fleet import Plan
from surefoot.fleet.plan import trainings_of
from surefoot.tuning.allowance import SMALLEST, Allowance, usual_budget
from surefoot.tuning.space import SearchSpace


@given(trainings=st.floats(SMALLEST, 1000.0), steps=st.integers(40, 100_000))
def test_the_parts_never_cost_more_than_the_whole(trainings, steps):
    allowance = Allowance.of(trainings, steps=steps)
    confirmation = allowance.seeds * (allowance.finalists + 2)
    assert confirmation + allowance.ramp_steps / steps + allowance.search <= trainings + 1e-9
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


@pytest.mark.parametrize(
    ("space", "search", "confirmation"),
    [
        (SearchSpace(), 6, 12),
        (SearchSpace().adding("warmup", "final"), 10, 12),
        (SearchSpace(optimizers=("sgd", "adam", "muon")), 20, 12),
    ],
)
def test_what_an_answer_costs_where_no_budget_is_given(space, search, confirmation):
    budget = usual_budget(space).trainings
    allowance = Allowance.of(budget, steps=400, ramps=len(space.optimizers))
    assert budget - allowance.seeds * (allowance.finalists + 2) <= search
    assert allowance.seeds * (allowance.finalists + 2) <= confirmation
