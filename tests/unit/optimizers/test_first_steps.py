"""First steps worked out by hand, and what every rule says of itself."""

import math

import pytest
import torch

from surefoot.optimizers import RULES
from surefoot.optimizers.rule import UpdateRule
from surefoot.recipe.recipe import Recipe


def steps_of(text: str, grads: list[float], *, start: float = 1.0) -> list[float]:
    """One parameter through some gradients."""
    recipe = Recipe.parse(text)
    param = torch.tensor([[start]], dtype=torch.float64)
    slots, curve = recipe.rule.fresh_slots(param), []
    for step, grad in enumerate(grads):
        values = {name: schedule.value(step, len(grads)) for name, schedule in recipe.hyper}
        values |= {name: float(name in recipe.switches) for name in recipe.rule.switches}
        hyper = {name: torch.full((1, 1), value, dtype=torch.float64) for name, value in values.items()}
        param, slots = recipe.rule.update(param, torch.tensor([[grad]], dtype=torch.float64), slots, hyper)
        curve.append(param.item())
    return curve


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sgd(lr=0.5)", [0.5, 0.0]),
        ("sgd(lr=0.5, momentum=0.5)", [0.5, -0.25]),
        ("sgd(lr=0.5, momentum=0.5, dampening=0.5)", [0.5, 0.0]),  # v = 1, then 0.5 * 1 + 0.5 * 1
        ("sgd(lr=0.5, momentum=0.5, nesterov=true)", [0.25, -0.625]),
        ("sgd(lr=0.5, weight_decay=1)", [0.0, -0.5]),
        ("sgd(lr=0.5, momentum=0.5 for 1 then 0)", [0.5, 0.0]),
        ("rmsprop(lr=1, alpha=0.75, eps=0)", [-1.0, -1.0 - 1 / math.sqrt(0.4375)]),
        ("rmsprop(lr=1, alpha=0.5, eps=0, centered=true)", [-1.0, -1.0 - 1 / math.sqrt(0.75 - 0.5625)]),
        ("adagrad(lr=1, eps=0)", [0.0, -1 / math.sqrt(2)]),
        ("adagrad(lr=1, eps=0, lr_decay=1)", [0.0, -0.5 / math.sqrt(2)]),
        ("adagrad(lr=1, eps=0, initial_accumulator=3)", [0.5, 0.5 - 1 / math.sqrt(5)]),
        ("adam(lr=0.5, eps=0)", [0.5, 0.0]),
        ("adamw(lr=0.5, eps=0, weight_decay=1)", [0.0, -0.5]),
        ("lion(lr=0.5)", [0.5, 0.0]),
        ("lion(lr=0.5, weight_decay=1)", [0.0, -0.5]),
        ("adafactor(lr=0.5)", [0.5, 0.25]),  # alpha = lr * |w|
        ("adafactor(lr=1, weight_decay=1)", [-1.0, -1 / math.sqrt(2)]),  # the rate is at most 1 / sqrt(t)
        ("adafactor(lr=0.5, eps2=2)", [0.0, -1.0]),
        ("muon(lr=0.5, eps=0)", [0.45, -0.0725]),  # one number alone is no matrix: AdamW
    ],
)
def test_two_steps_along_a_gradient_of_one(text, expected):
    assert steps_of(text, [1.0, 1.0]) == pytest.approx(expected, abs=1e-12)


def test_amsgrad_does_not_forget_the_largest_gradient():
    plain = steps_of("adam(lr=0.1, beta1=0, beta2=0.5)", [100.0] + [1.0] * 30)
    remembering = steps_of("adam(lr=0.1, beta1=0, beta2=0.5, amsgrad=true)", [100.0] + [1.0] * 30)
    assert plain[-2] - plain[-1] == pytest.approx(0.1, rel=1e-3)
    assert remembering[-2] - remembering[-1] == pytest.approx(0.1 / math.sqrt(5000), rel=1e-3)


@pytest.mark.parametrize(
    ("text", "keeps"), [("sgd(lr=1, momentum=M)", [1.0]), ("rmsprop(lr=1, alpha=0, eps=0, momentum=M)", [1.0])]
)
def test_a_step_at_momentum_zero_leaves_the_velocity_alone(text, keeps):
    # v = 1, then a step of 1 without it, then 0.5 * 1 + 1
    curve = steps_of(text.replace("M", "0.5 for 1 then 0 for 1 then 0.5"), [1.0, 1.0, 1.0], start=0.0)
    assert curve == pytest.approx([-1.0, -2.0, -3.5])


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_learning_rate_and_weight_decay_and_defaults_within_bounds(name):
    rule = RULES[name]
    assert rule.name == name
    assert issubclass(rule, UpdateRule)
    assert rule.hyperparameters[0].name == "lr"
    assert "weight_decay" in [spec.name for spec in rule.hyperparameters]
    assert all(spec.allows(spec.default) for spec in rule.hyperparameters)
    assert not any(spec.allows(bad) for spec in rule.hyperparameters for bad in (math.nan, math.inf))
    assert all(spec.allows(-1e-9) == (spec.name == "beta2_decay") for spec in rule.hyperparameters)
    assert Recipe.of(name).rule == rule()


@pytest.mark.parametrize("name", RULES)
def test_fresh_slots_are_of_the_parameters_kind(name):
    for dtype in (torch.float32, torch.float64):
        slots = RULES[name]().fresh_slots(torch.ones(3, 5, dtype=dtype))
        assert {slot.dtype for slot in slots.values()} == {dtype}
        assert slots["count"].shape == (3, 1)
        assert {len(slot) for slot in slots.values()} == {3}
