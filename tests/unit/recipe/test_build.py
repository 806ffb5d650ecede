"""What ``recipe.build`` takes and refuses."""

import copy
import pickle

import pytest
import torch
from torch import nn

from surefoot.core.errors import RecipeError
from surefoot.export.pytorch import pytorch_code
from surefoot.recipe.recipe import Recipe


def model():
    return nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2), nn.Linear(2, 1))


@pytest.mark.parametrize("steps", [0, -1, 1.5, "10"])
@pytest.mark.parametrize("text", ["sgd(lr=0.1)", "sgd(lr=cosine(0.1))"])
def test_a_training_has_steps(text, steps):
    with pytest.raises(RecipeError, match="at least 1; given"):
        Recipe.parse(text).build(model(), steps=steps)
    with pytest.raises(RecipeError, match="at least 1; given"):
        pytorch_code(Recipe.parse(text), steps=steps)


def test_a_recipe_that_knows_no_length_asks_for_it():
    with pytest.raises(RecipeError, match="the length of the training is not given"):
        Recipe.parse("sgd(lr=0.1)").build(model())


def test_bounds_are_checked_for_these_steps():
    recipe = Recipe.parse("sgd(lr=1, momentum=exponential(0.5, rate=1.1, every=200))")
    recipe.build(model(), steps=1000)
    with pytest.raises(RecipeError, match="in a training of 5000 steps"):
        recipe.build(model(), steps=5000)
    with pytest.raises(RecipeError, match="in a training of 5000 steps"):
        pytorch_code(recipe, steps=5000)


@pytest.mark.parametrize("nothing", [[], nn.Flatten(), nn.Linear(2, 2).requires_grad_(requires_grad=False)])
def test_there_is_something_to_train(nothing):
    with pytest.raises(RecipeError, match="no parameters to train"):
        Recipe().build(nothing, steps=10)


@pytest.mark.parametrize("wrong", [None, 5, "model", [1, 2], [{"params": []}], [("a", 1)], nn.Linear])
def test_what_has_no_parameters(wrong):
    with pytest.raises(RecipeError, match="a model, parameters, or"):
        Recipe().build(wrong, steps=10)


def test_groups_need_names_and_norm_needs_the_model():
    with pytest.raises(RecipeError, match="given bare parameters"):
        Recipe.of("sgd", no_decay="bias").build(model().parameters(), steps=10)
    with pytest.raises(RecipeError, match="which do not identify normalisation layers"):
        Recipe.of("sgd", no_decay="norm").build(model().named_parameters(), steps=10)
    optimizer, _ = Recipe.of("sgd", weight_decay=0.1, no_decay="bias").build(model().named_parameters(), steps=10)
    assert [(len(group["params"]), group["weight_decay"]) for group in optimizer.param_groups] == [(3, 0.1), (3, 0.0)]


@pytest.mark.parametrize("params", [model().parameters(), model().named_parameters()])
def test_muon_needs_the_model(params):
    with pytest.raises(RecipeError, match=r"muon .* needs the model; given parameters. Hint: pass the model itself"):
        Recipe.of("muon").build(params, steps=10)


def test_muon_has_one_face_that_is_copied_pickled_and_called_with_a_closure():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    optimizer, scheduler = Recipe.parse("muon(lr=linear(0.1), lr_factor=1:0.5, eps=1e-6)").build(network, steps=10)
    seen = [(group["hidden"], group["lr"], [*map(len, group["params"])]) for group in optimizer.param_groups]
    assert sorted(seen) == [(False, 0.05, [1, 1]), (False, 0.1, [2]), (True, 0.1, [2])]

    def closure():
        optimizer.zero_grad()
        loss = network(torch.ones(4, 3)).square().mean()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(3)]
    assert losses[2] < losses[0]
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.09, 0.09, 0.045])
    for again in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert str(again.state_dict()) == str(optimizer.state_dict())
        moved, before = again.param_groups[0]["params"][0], network[0].weight.clone()
        moved.grad = torch.ones_like(moved)
        again.step()
        assert not torch.equal(moved, before)
        assert torch.equal(network[0].weight, before), "the copy has parameters of its own"


def test_a_pattern_that_matches_nothing_is_an_error_that_names_parameters():
    with pytest.raises(RecipeError, match=r"no parameter matches 'haed'. Hint: there are 0.weight, 0.bias, 1.weight"):
        Recipe.of("sgd", lr_factor={"haed": 0.1}).build(model(), steps=10)


def test_frozen_parameters_are_left_out_and_bare_ones_taken():
    frozen = model()
    frozen[0].requires_grad_(requires_grad=False)
    optimizer, _ = Recipe().build(frozen, steps=10)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 4
    optimizer, _ = Recipe().build(model().parameters(), steps=10)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 6
    optimizer, _ = Recipe().build([nn.Parameter(torch.zeros(2))], steps=10)
    assert len(optimizer.param_groups) == 1


def test_the_groups_hold_torchs_names_only():
    text = "adagrad(lr=cosine(0.1), initial_accumulator=0.5, no_decay=bias+norm, weight_decay=0.1)"
    optimizer, _ = Recipe.parse(text).build(model(), steps=10)
    own = set(torch.optim.Adagrad([nn.Parameter(torch.zeros(1))]).param_groups[0])
    assert set(optimizer.param_groups[0]) == own | {"initial_lr"}
    assert [group["initial_accumulator_value"] for group in optimizer.param_groups] == [0.5, 0.5]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]


@pytest.mark.parametrize("text", ["sgd(lr=0.1, nesterov=true)", "sgd(momentum=linear(0, final=0.9), nesterov=true)"])
def test_nesterov_may_begin_without_momentum(text):
    optimizer, _ = Recipe.parse(text).build(model(), steps=10)
    assert optimizer.param_groups[0]["momentum"] == 0.0
    assert optimizer.param_groups[0]["nesterov"] is True
