import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.core.budget import Budget
from surefoot.core.errors import BudgetError


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("30x", Budget(trainings=30)),
        (" 0.5 x ", Budget(trainings=0.5)),
        ("90s", Budget(seconds=90)),
        ("2m", Budget(seconds=120)),
        ("2min", Budget(seconds=120)),
        ("1.5h", Budget(seconds=5400)),
    ],
)
def test_trainings_and_times_are_read(text, budget):
    assert Budget.parse(text) == budget
    assert budget.reproducible == text.strip().endswith("x")


@pytest.mark.parametrize(
    "text", ["", "30", "x", "0x", "0.0s", "-3x", "1e3x", "30 y", "3xx", "٣x", "nanx", "infs", "9" * 400 + "x"]
)
def test_anything_else_is_refused_and_quoted(text):
    with pytest.raises(BudgetError, match="a budget is a number of trainings") as caught:
        Budget.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    "amounts",
    [
        {"trainings": 1, "seconds": 1},
        {"trainings": 0},
        {"seconds": -1.0},
        {"seconds": math.inf},
        {"trainings": math.nan},
    ],
)
def test_both_amounts_and_impossible_ones_are_refused(amounts):
    with pytest.raises(BudgetError, match="not both, finite and above 0"):
        Budget(**amounts)


@given(st.floats(min_value=5e-324, allow_infinity=False, allow_nan=False), st.booleans())
def test_the_text_of_a_budget_is_read_as_the_same_budget(amount, reproducible):
    budget = Budget(trainings=amount) if reproducible else Budget(seconds=amount)
    assert Budget.parse(str(budget)) == budget


def test_the_text_of_a_budget_is_short():
    assert [str(Budget.parse(text)) for text in ("30x", "0.5x", "90s", "2h")] == ["30x", "0.5x", "90s", "7200s"]


def test_auto_has_no_ceiling_and_is_reproducible():
    assert Budget.parse(" auto ") == Budget()
    assert Budget().is_auto
    assert Budget().reproducible
    assert str(Budget()) == "auto"
    assert not Budget(trainings=3).is_auto
