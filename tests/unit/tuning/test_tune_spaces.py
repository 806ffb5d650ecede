"""Tunes of small tasks over spaces of more than two settings."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from surefoot import Task
from surefoot.errors import RecipeError
from surefoot.fleet import Plan
from surefoot.tuning.journal import SEARCH
from surefoot.search.space import Range, SearchSpace
from surefoot.search.tune import tune

PLAN = Plan("stacked", 16, threads=1)
DRAWN = torch.randn(128, 4, generator=torch.Generator().manual_seed(0))
SUMS = DRAWN.sin().sum(1, keepdim=True)


def task(*, steps: int = 40, **others) -> Task:
    return Task(
        "sums",
        lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)),
        nn.functional.mse_loss,
        (DRAWN[:96], SUMS[:96]),
        (DRAWN[96:], SUMS[96:]),
        batch_size=16,
        steps=steps,
        **others,
    )


def tried(result):
    return [row.trial.recipe for row in result.measurements if row.stage.startswith(SEARCH)]


def test_optimizers_schedules_and_five_more_settings_together():
    space = SearchSpace(
        optimizers=("adam", "muon"),
        schedules=("cosine", "constant", "wsd"),
        clip=Range(0.5, 5.0),
        weight_decay=Range(1e-5, 1e-2),
    ).adding("warmup", "final", "nesterov")
    found = tune(task(), space=space, plan=PLAN)
    recipes = tried(found)
    assert {recipe.optimizer for recipe in recipes} == {"adam", "muon"}
    assert {name for recipe in recipes for name in ("cosine", "constant", "wsd") if name in str(recipe)} == {
        "cosine",
        "constant",
        "wsd",
    }
    assert any("warmup=" in str(recipe) for recipe in recipes)
    assert all(0.5 <= recipe.clip <= 5.0 for recipe in recipes)
    assert all(1e-5 <= recipe.schedule("weight_decay").highest <= 1e-2 for recipe in recipes)
    assert {"nesterov" in recipe.switches for recipe in recipes if recipe.optimizer == "muon"} == {True, False}
    assert len(found.ramps) == 2
    assert found.best.valid.mean < found.default.valid.mean
    assert found.config_steps <= 27 * 40


def test_the_users_bounds_are_never_left_and_the_edge_is_reported():
    """Forty steps are few: the higher of these rates the better."""
    found = tune(task(), space=SearchSpace(lr=Range(1e-3, 0.03), momentum=Range(0.9, 0.9)), plan=PLAN)
    for recipe in tried(found):
        assert 1e-3 <= recipe.lr.highest <= 0.03
        assert recipe.momentum.highest == 0.9
    assert found.best.recipe.lr.highest > 0.02
    assert found.boundary == ("lr",)
    assert found.ramps == ()


def test_the_search_goes_beyond_its_first_walls_where_the_best_lies_there():
    """The network begins at its best and is trained on noise: the lower the rate the better, without an end."""

    def best_already() -> nn.Module:
        model = nn.Linear(4, 1)
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
        return model

    noise = torch.randn(96, 1, generator=torch.Generator().manual_seed(1))
    valid = (DRAWN[96:], torch.zeros(32, 1))
    still = Task("noise", best_already, nn.functional.mse_loss, (DRAWN[:96], noise), valid, batch_size=8, steps=40)
    found = tune(still, budget="24x", space=SearchSpace(momentum=Range(0.9, 0.9)), plan=PLAN)
    rates = [recipe.lr.highest for recipe in tried(found)]
    assert max(rates) / min(rates) > 200  # the walls were a factor of a hundred apart
    assert found.best.recipe.lr.highest < max(rates) / 100


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_metric_is_maximised_from_end_to_end(sign):
    """The metric is the loss with a sign: a high one is a low loss, or the highest of those that do not diverge."""
    measured = task(metric=lambda output, target: sign * nn.functional.mse_loss(output, target))
    found = tune(measured, budget="12x", plan=PLAN, goal="metric")
    assert found.best.metric == pytest.approx(sign * found.best.valid.mean, rel=1e-5)
    assert found.to_json()["goal"] == "metric"
    assert found.to_json()["metric"] == found.best.metric
    lowest = tune(task(), budget="12x", plan=PLAN).best.valid.mean
    ratio = found.best.valid.mean / lowest
    assert ratio < 1.1 if sign < 0 else ratio > 1.2


def test_a_space_of_single_numbers_begins_no_study(tmp_path):
    space = SearchSpace(lr=Range(0.1, 0.1), momentum=Range(0.9, 0.9))
    with pytest.raises(RecipeError, match="nothing to search"):
        tune(task(), space=space, study=tmp_path / "s.db", plan=PLAN)
    assert not (tmp_path / "s.db").exists()
