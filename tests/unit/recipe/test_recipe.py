"""Recipes: what is taken, and what a wrong one is answered."""

import math
import pickle

import numpy as np
import pytest
import torch

from surefoot.core.errors import RecipeError
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.schedules.constant import Constant
from surefoot.schedules.cosine import Cosine


def fault(make, *given, **settings) -> str:
    with pytest.raises(RecipeError) as raised:
        make(*given, **settings)
    message = str(raised.value)
    assert message.splitlines() == [message]
    return message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["a name at its end"]),
        ("sgd", ["'(' at its end"]),
        ("sgdm(lr=1)", ["no optimizer 'sgdm'", "there are sgd, rmsprop", "did you mean sgd?"]),
        ("SGD(lr=1)", ["no optimizer 'SGD'"]),
        ("sgd(0.1)", ["KEY=VALUE at '0.1)'", "as in sgd(lr=0.1)"]),
        ("sgd(lr)", ["KEY=VALUE at 'lr)'"]),
        ("sgd(lr=)", ["a number or a schedule at ')'"]),
        ("sgd(lr=0.1 momentum=0.9)", ["')' at 'momentum=0.9)'"]),
        ("sgd(lr=0.1", ["')' at its end"]),
        ("sgd(lr=0.1) # good", ["the end at '# good'"]),
        ("sgd(lr=0.1, lr=0.2)", ["lr is given twice"]),
        ("sgd(lr=cosin(0.1))", ["did you mean cosine?"]),
        ("sgd(lr=-0.1)", ["lr must be at least 0 and finite; given -0.1"]),
        ("sgd(lr=1e999)", ["not so large"]),
        ("sgd(momentum=1)", ["momentum must be at least 0 and below 1; given 1"]),
        ("sgd(momentum=cosine(1.5))", ["momentum must be at least 0 and below 1; given 1.5 in cosine(1.5)"]),
        ("sgd(lr=linear(0.1, final=-0.1))", ["lr must be at least 0", "-0.1 in linear(0.1, final=-0.1)"]),
        ("sgd(momentum=exponential(0.5, rate=1.1, every=1))", ["below 1", "in exponential(0.5"]),
        ("sgd(lr=-1, momentum=2, weight_decay=-3)", ["given -1; momentum", "given 2; weight_decay", "given -3"]),
        ("sgd(momentum=0.9, dampening=0.1, nesterov=true)", ["nesterov goes without dampening"]),
        ("sgd(nesterov=yes)", ["true or false at 'yes)'"]),
        ("sgd(nesterov=1)", ["true or false at '1)'"]),
        ("sgd(lr=true)", ["a number or a schedule at 'true)'"]),
        ("sgd(clip=0)", ["clip must be a number above 0; given 0.0"]),
        ("sgd(clip=cosine(1))", ["a number at 'cosine(1))'"]),
        ("sgd(lr_factor=head)", ["PATTERN:NUMBER", "'head'"]),
        ("sgd(lr_factor=head:x)", ["PATTERN:NUMBER", "'head:x'"]),
        ("sgd(lr_factor=head:-1)", ["'head' must be at least 0"]),
        ("sgd(lr_factor=head:1+head:2)", ["'head' twice"]),
        ("sgd(lr_factor=:1)", ["not empty"]),
        ("sgd(no_decay=bias++norm)", ["not empty"]),
        ("sgd(no_decay=)", ["a value at ')'"]),
        ("adam(beta2=1)", ["beta2 must be at least 0 and below 1"]),
        ("adafactor(beta2_decay=0.1)", ["beta2_decay must be finite and at most 0; given 0.1"]),
        ("adafactor(beta2_decay=linear(-0.8, final=0.1))", ["0.1 in linear(-0.8, final=0.1)"]),
        ("adafactor(d=0.5)", ["d must be at least 1 and finite; given 0.5"]),
        ("adafactor(eps1=linear(1))", ["eps1 is set once and takes a number"]),
        ("muon(momentum=1)", ["momentum must be at least 0 and below 1; given 1"]),
        ("adagrad(initial_accumulator=linear(1))", ["initial_accumulator is set once and takes a number"]),
    ],
)
def test_a_text_that_is_no_recipe(text, words):
    message = fault(Recipe.parse, text)
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("optimizer", "given", "meant"),
    [
        ("adam", "momentum", "beta1"),
        ("lion", "momentum", "beta1"),
        ("nadam", "momentum", "beta1"),
        ("adamw", "betas", "beta1"),
        ("sgd", "beta1", "momentum"),
        ("rmsprop", "beta1", "momentum"),
        ("rmsprop", "beta2", "alpha"),
        ("adadelta", "alpha", "rho"),
        ("sgd", "learning_rate", "lr"),
        ("sgd", "wd", "weight_decay"),
        ("sgd", "momentun", "momentum"),
        ("sgd", "nestrov", "nesterov"),
        ("sgd", "grad_clip", "clip"),
        ("adam", "epsilon", "eps"),
        ("adam", "ams_grad", "amsgrad"),
        ("adagrad", "initial_accumulator_value", "initial_accumulator"),
        ("sgd", "nodecay", "no_decay"),
        ("muon", "beta", "momentum"),
        ("adafactor", "eps", "eps1"),
        ("adafactor", "decay_rate", "beta2_decay"),
        ("adafactor", "clip_threshold", "d"),
    ],
)
def test_a_name_from_elsewhere_gets_the_name_here_as_a_hint(optimizer, given, meant):
    parsed = fault(Recipe.parse, f"{optimizer}({given}=0.5)")
    assert parsed.endswith(f"Hint: did you mean {meant}?")
    assert f"{optimizer} has no '{given}'; it takes lr, " in parsed
    assert fault(Recipe.of, optimizer, **{given: 0.5}) == parsed
    assert fault(Recipe.of(optimizer).schedule, given) == parsed


def test_no_hint_where_there_is_no_such_thing():
    assert "Hint" not in fault(Recipe.parse, "adagrad(momentum=0.9)")
    assert "Hint" not in fault(Recipe.of, "adam", zzzzzz=1)


@pytest.mark.parametrize("bad", [None, True, "x", "", [0.1], {}, math.nan, math.inf, -1, 10**400, np.zeros(2), object])
def test_a_learning_rate_that_cannot_be(bad):
    fault(Recipe.of, "sgd", lr=bad)
    fault(Recipe, "sgd", (("lr", bad),))
    fault(Recipe().with_, lr=bad)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"nesterov": 1}, "nesterov must be true or false; given 1"),
        ({"nesterov": None}, "nesterov must be true or false"),
        ({"clip": "1"}, "clip must be a number above 0; given '1'"),
        ({"clip": True}, "clip must be a number above 0"),
        ({"clip": -1}, "clip must be a number above 0; given -1"),
        ({"clip": math.nan}, "clip must be a number above 0"),
        ({"clip": Constant(1.0)}, "clip must be a number above 0"),
        ({"no_decay": 1}, "no_decay takes patterns"),
        ({"lr_factor": "head:1"}, "factors by pattern"),
        ({"amsgrad": True}, "sgd has no 'amsgrad'"),
        ({"amsgrad": False}, "sgd has no 'amsgrad'"),
        ({"cls": 1}, "sgd has no 'cls'"),
        ({"optimizer": "sgd"}, "sgd has no 'optimizer'"),
    ],
)
def test_settings_that_cannot_be(settings, words):
    assert words in fault(Recipe.of, "sgd", **settings)


@pytest.mark.parametrize("optimizer", [None, 7, "", "Adam", ["sgd"], "sgd\n"])
def test_an_optimizer_that_there_is_not(optimizer):
    assert "no optimizer" in fault(Recipe.of, optimizer)
    assert "no optimizer" in fault(Recipe, optimizer)


def test_switches_and_hyperparameters_of_other_optimizers_are_refused_by_the_constructor_too():
    assert "adam has no 'nesterov'" in fault(Recipe, "adam", (), ("nesterov",))
    assert "did you mean beta1?" in fault(Recipe, "adam", (("momentum", Constant(0.9)),))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "an object with an 'optimizer'"),
        ([], "an object with an 'optimizer'"),
        ("sgd(lr=0.1)", "an object with an 'optimizer'"),
        ({}, "an object with an 'optimizer'"),
        ({"optimizer": 5}, "an object with an 'optimizer'"),
        ({"optimizer": "sdg"}, "did you mean sgd?"),
        ({"optimizer": "sgd", "lr": None}, "lr must be a finite number or a schedule; given None"),
        ({"optimizer": "sgd", "lr": [0.1]}, "given [0.1]"),
        ({"optimizer": "sgd", "lr": True}, "given True"),
        ({"optimizer": "sgd", "lr": "cosine("}, "cannot read 'cosine('"),
        ({"optimizer": "sgd", "lr": math.nan}, "given nan"),
        ({"optimizer": "sgd", "nesterov": "true"}, "nesterov must be true or false; given 'true'"),
        ({"optimizer": "sgd", "clip": {}}, "clip must be a number above 0"),
        ({"optimizer": "sgd", "no_decay": {"bias": None, "x": 1}, "lr_factor": 3}, "lr_factor takes factors"),
        ({"optimizer": "sgd", "no_decay": 3}, "no_decay takes patterns"),
        ({"optimizer": "sgd", "lr_factor": {"a": "b"}}, "lr_factor takes factors"),
        ({"optimizer": "sgd", "schema": 1}, "sgd has no 'schema'"),
    ],
)
def test_json_that_is_no_recipe(data, words):
    assert words in fault(Recipe.from_json, data)


def test_the_default_recipe_is_what_people_mean_by_the_default():
    assert str(Recipe()) == "sgd(lr=0.01, momentum=0.9)"
    assert Recipe() == DEFAULT_RECIPE == Recipe.of("sgd", lr=0.01, momentum=0.9)


def test_what_is_not_given_has_torchs_default():
    assert Recipe.of("sgd").momentum == Constant(0.0)
    assert Recipe.parse("adamw()") == Recipe.of("adamw") == Recipe("adamw")
    assert Recipe.of("adamw").schedule("weight_decay") == Constant(0.01)
    assert Recipe.of("adam").momentum == Constant(0.9)
    assert Recipe.of("adagrad").momentum == Constant(0.0)


def test_numbers_of_all_kinds_texts_and_collections_are_taken():
    recipe = Recipe.of("sgd", lr=np.float32(0.5), momentum=torch.tensor(0.5), weight_decay=0, clip=1)
    assert recipe == Recipe.of("sgd", lr=0.5, momentum=0.5, clip=1.0)
    assert Recipe.of("sgd", lr="cosine(0.3)") == Recipe.of("sgd", lr=Cosine(0.3))
    assert Recipe.of("sgd", lr="0.3") == Recipe.of("sgd", lr=0.3)
    listed = Recipe.of("sgd", no_decay=["bias", "norm"], lr_factor={"head": 10})
    assert listed == Recipe.parse("sgd(no_decay=bias+norm, lr_factor=head:10)")
    assert hash(listed) == hash(Recipe.parse("sgd(lr_factor=head:10.0, no_decay=bias+norm)"))


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("sgd()", "sgd(lr=0.01, momentum=0)"),
        ("adam()", "adam(lr=0.001)"),
        (
            " adamw ( lr = 1e-3 , beta2 = 0.95 , no_decay = bias+norm ) ",
            "adamw(lr=0.001, beta2=0.95, no_decay=bias+norm)",
        ),
        ("sgd(nesterov=false, lr=1, clip=1.0)", "sgd(lr=1, momentum=0, clip=1)"),
        ("adam(amsgrad=true,)", "adam(lr=0.001, amsgrad=true)"),
        (
            "sgd(lr=0.1 for 5% then cosine(0.1), momentum=linear(0.85, final=0.95))",
            "sgd(lr=0.1 for 5% then cosine(0.1), momentum=linear(0.85, final=0.95))",
        ),
        ("rmsprop(decay_factor=a:1+b:0.5, lr_factor=c:2)", "rmsprop(lr=0.01, lr_factor=c:2, decay_factor=a:1+b:0.5)"),
    ],
)
def test_a_recipe_is_written_in_one_way(given, written):
    assert str(Recipe.parse(given)) == written


def test_a_recipe_travels():
    recipe = Recipe.parse("adamw(lr=wsd(1e-3, warmup=5%), no_decay=bias, amsgrad=true)")
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert {recipe: 1}[Recipe.parse(str(recipe))] == 1


def test_with_changes_switches_and_groups_too():
    recipe = Recipe.parse("sgd(lr=0.1, momentum=0.9, nesterov=true, clip=1, no_decay=bias)")
    changed = recipe.with_(nesterov=False, clip=None, no_decay=())
    assert changed == Recipe.parse("sgd(lr=0.1, momentum=0.9)")
    assert "did you mean lr?" in fault(recipe.with_, learning_rate=1)


def test_bounds_are_checked_for_the_training_at_hand():
    recipe = Recipe.parse("sgd(lr=1, momentum=exponential(0.5, rate=1.1, every=200))")
    recipe.require_bounds(steps=1000)
    message = fault(recipe.require_bounds, steps=10000)
    assert "momentum must be at least 0 and below 1" in message
    assert message.endswith("in a training of 10000 steps.")


def test_a_switch_that_is_on_where_nothing_is_said():
    assert Recipe.of("muon").switches == ("nesterov",)
    assert Recipe.parse("muon(nesterov=true)") == Recipe.of("muon")
    plain = Recipe.parse("muon(lr=0.02, nesterov=false)")
    assert plain.switches == ()
    assert str(plain) == "muon(lr=0.02, nesterov=false)"
    assert str(plain.with_(nesterov=True)) == "muon(lr=0.02)"
    assert Recipe.from_json(plain.to_json()) == plain


def test_the_momentum_of_a_recipe_is_muons_own_and_adafactor_has_none():
    assert Recipe.parse("muon(momentum=0.8, beta1=0.5)").momentum == Constant(0.8)
    assert Recipe.parse("adamw(beta1=0.5)").momentum == Constant(0.5)
    assert Recipe.of("adafactor").momentum == Constant(0.0)
