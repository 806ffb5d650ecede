import pytest
import torch
from tests.unused_layer import WithUnusedLayer, task_of
from torch import nn

from surefoot.fleet.backends import SerialFleet, StackedFleet
from surefoot.fleet.create_and_save_fleet import create_fleet
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.plan import Plan
from surefoot.fleet.training import train_members
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task

PLANS = pytest.mark.parametrize("plan", [Plan("serial", 1), Plan("stacked", 8), Plan("stacked", 2)], ids=str)


def make_task(**settings) -> Task:
    x = torch.randn(700, 6, generator=torch.Generator().manual_seed(0))
    y = x[:, :3].argmax(1)

    def accuracy(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (output.argmax(-1) == target).float().mean()

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))

    settings = {"batch_size": 8, "steps": 40, "metric": accuracy} | settings
    return Task("small", model, nn.functional.cross_entropy, (x[:100], y[:100]), (x, y), **settings)


def make_fleet(plan: Plan, **settings) -> Fleet:
    recipes = [Recipe.of("sgd", lr=rate, momentum=0.9) for rate in (0.01, 0.03, 0.1, 0.3, 0.5)]
    return create_fleet(make_task(**settings), recipes, seed=0, plan=plan)


def test_the_plan_selects_the_backend():
    assert isinstance(make_fleet(Plan("serial", 1)), SerialFleet)
    stacked = make_fleet(Plan("stacked", 3))
    assert isinstance(stacked, StackedFleet)
    assert (stacked.width, len(stacked.recipes)) == (3, 5)


@PLANS
def test_scores_come_in_the_order_of_the_members(plan):
    fleet = make_fleet(plan)
    train_members(fleet, 10)
    whole = evaluate_members(fleet, "valid")
    assert whole.metric is not None
    assert len(set(whole.loss.tolist())) == 5
    for members in ([4, 0], [0, 2, 1, 3], [3, 3, 1], [-1], [2], []):
        scores = evaluate_members(fleet, "valid", members=members)
        assert scores.metric is not None
        torch.testing.assert_close(scores.loss, whole.loss[members], rtol=1e-6, atol=0)
        assert scores.metric.tolist() == pytest.approx(whole.metric[members].tolist())


@PLANS
def test_a_split_longer_than_one_pass_is_scored_sample_by_sample(plan):
    fleet = make_fleet(plan)
    train_members(fleet, 10)
    x, y = fleet.task.valid.batch(torch.arange(700))
    scores = evaluate_members(fleet, "valid")
    model = fleet.task.new_model()
    for member in range(5):
        model.load_state_dict(fleet.layout.unflatten(fleet.params[member]))
        output = model(x)
        assert scores.loss[member].item() == pytest.approx(nn.functional.cross_entropy(output, y).item(), rel=1e-5)
        assert scores.metric is not None
        assert scores.metric[member].item() == pytest.approx((output.argmax(-1) == y).float().mean().item())


@PLANS
def test_losses_come_in_the_order_of_the_members(plan):
    asked, straight = make_fleet(plan), make_fleet(plan)
    losses = train_members(asked, 6, members=[3, 0, -1])
    assert torch.equal(losses, train_members(straight, 6, members=[0, 3, 4])[:, [1, 0, 2]])
    assert asked.step.tolist() == [6, 0, 0, 6, 6]
    assert torch.equal(asked.params, straight.params)


@PLANS
def test_no_steps_or_no_members_change_nothing(plan):
    fleet = make_fleet(plan)
    before = fleet.params.clone()
    assert train_members(fleet, 0).shape == (0, 5)
    assert train_members(fleet, 3, members=[]).shape == (3, 0)
    assert fleet.step.tolist() == [0] * 5
    assert torch.equal(fleet.params, before)
    assert fleet.curve(0) == []


@PLANS
def test_bfloat16_trains_with_parameters_in_32_bits(plan):
    fleet, plain = make_fleet(plan, precision="bf16"), make_fleet(plan)
    losses = train_members(fleet, 40)
    assert fleet.params.dtype == torch.float32
    assert losses[-5:].mean() < 0.8 * losses[:5].mean()
    difference = (losses - train_members(plain, 40)).abs()
    assert 1e-5 < difference[:20].max() < 0.1, "bfloat16 rounds, but little"


def test_all_members_start_from_the_same_parameters_and_other_seeds_from_others():
    fleet = make_fleet(Plan())
    assert (fleet.params == fleet.params[0]).all()
    other = create_fleet(fleet.task, fleet.recipes, seed=1, plan=Plan())
    assert not torch.equal(other.params[0], fleet.params[0])
    assert not torch.equal(train_members(other, 1), train_members(fleet, 1))


def test_a_learning_rate_of_zero_changes_no_parameter():
    fleet = make_fleet(Plan())
    before = fleet.params[1].clone()
    fleet.lr_scale[1] = 0.0
    train_members(fleet, 5)
    assert torch.equal(fleet.params[1], before)
    assert (fleet.params[[0, 2, 3, 4]] != before).any(1).all()


def test_weight_decay_skips_unused_parameters_as_in_torch():
    recipe = Recipe.parse("adamw(lr=0.1, weight_decay=0.5)")
    for plan in (Plan("serial", 1), Plan("stacked", 2)):
        fleet = create_fleet(task_of(WithUnusedLayer), [recipe] * 2, seed=0, plan=plan)
        first = fleet.params.clone()
        train_members(fleet, 5)
        for name, after in fleet.layout.unflatten(fleet.params[0]).items():
            before = fleet.layout.unflatten(first[0])[name]
            assert torch.equal(before, after) == name.startswith("spare")
