import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.diagnosis.valley import asked, ravine

from surefoot.diagnosis.inquiry import FULL, SHORT, Inquiry, Order
from surefoot.diagnosis.settings import Plane, Setting
from surefoot.recipe import Recipe


@settings(max_examples=15, deadline=None)
@given(
    st.floats(-12, 5), st.sampled_from([0.0, 0.5, 0.9, 0.97]), st.floats(2, 12), st.booleans()
)  # fmt: skip
def test_the_budget_is_a_ceiling_and_the_recipe_itself_is_always_trained(octave, momentum, budget, cools):
    inquiry = asked(f"sgd(lr={2.0**octave}, momentum={momentum})", ravine, budget=budget, cools=cools)
    assert inquiry.spent <= budget + 1e-6
    assert inquiry.loss_of(inquiry.plane.own, FULL) is not None
    assert len({(row.setting, row.share, row.seed) for row in inquiry.judged}) == len(inquiry.judged)


def test_the_price_is_what_the_trainings_and_their_cooldowns_cost():
    inquiry = asked("sgd(lr=0.01, momentum=0.9)", ravine, budget=8.0)
    longest: dict = {}
    for row in inquiry.judged:
        key = row.setting, row.seed
        longest[key] = max(longest.get(key, 0.0), row.share)
    cooled = sum(0.25 * row.share for row in inquiry.judged if row.share < FULL)
    assert inquiry.spent == pytest.approx(sum(longest.values()) + cooled)


@pytest.mark.parametrize("octave", [-9, -6, 0, 3])
def test_rates_go_outward_until_the_best_lies_between_worse_ones(octave):
    inquiry = asked(f"sgd(lr={2.0**octave}, momentum=0.0)", ravine)
    line = sorted(
        (row.setting.lr, row.loss) for row in inquiry.judged if row.share == SHORT and not row.setting.momentum
    )
    best = min(range(len(line)), key=lambda place: line[place][1])
    assert 0 < best < len(line) - 1


def test_what_would_be_advised_has_been_trained_in_full():
    inquiry = asked("sgd(lr=0.001, momentum=0.9)", ravine, budget=6.0)
    tried = {row.setting for row in inquiry.judged if row.share == FULL}
    assert inquiry._advice() in tried


def test_a_small_gain_is_looked_at_on_another_seed():
    near = asked("sgd(lr=0.42, momentum=0.0)", ravine, budget=6.0)  # 26 % above the best
    assert {row.seed for row in near.judged} == {0, 1}
    far = asked("sgd(lr=0.0005, momentum=0.0)", ravine, budget=6.0)
    assert {row.seed for row in far.judged} == {0}


def test_where_everything_diverges_it_comes_to_an_end():
    inquiry = asked("sgd(lr=0.1, momentum=0.9)", lambda lr, momentum, seed=0: math.inf, budget=10.0)
    assert all(row.loss == math.inf for row in inquiry.judged)


@pytest.mark.parametrize("octave", [9, 13])
def test_where_all_diverged_it_looks_at_lower_rates(octave):
    inquiry = asked(f"sgd(lr={2.0**octave}, momentum=0.0)", ravine)
    assert min(row.loss for row in inquiry.judged) < 0.2
    assert max(row.setting.lr for row in inquiry.judged) < 2.0 ** (octave + 4)


def test_what_is_known_to_diverge_is_not_advised():
    """A training at a learning rate of 100, as it went: to the process all that diverged is one clipped loss."""
    inquiry = Inquiry(Plane(Recipe.parse("sgd(lr=100, momentum=0.9)")), 5.0, cools=False)
    short = {100.0: math.inf, 800.0: math.inf, 12.5: math.inf, 1.562: math.inf, 0.1953: 0.0953, 0.02441: 0.229}
    settings = [Setting(lr, 0.9) for lr in short]
    inquiry.learn(Order(tuple(settings), SHORT), [*short.values()])
    inquiry.learn(Order((settings[4],), 2 * SHORT), [0.217])
    inquiry.learn(Order((settings[0],), FULL), [math.inf])
    found = inquiry.improvements(inquiry.expected())
    assert [each.change for each in found] == ["lr"]
    assert found[0].setting.lr < 1.5
    assert all(each.lr < 1.5 for each in inquiry._hopeful(FULL, 100))


def test_small_budgets_leave_momenta_out():
    inquiry = asked("sgd(lr=0.01, momentum=0.9)", ravine, budget=2.0)
    assert {row.setting.momentum for row in inquiry.judged} == {0.9}


def test_a_fixed_momentum_is_left_alone():
    inquiry = Inquiry(Plane(Recipe.parse("adagrad(lr=0.01)")), 5.0)
    first = next(iter(inquiry.orders()))
    assert {setting.momentum for setting in first.settings} == {0.0}
