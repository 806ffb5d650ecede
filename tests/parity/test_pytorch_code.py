"""The pasted code trains as ``recipe.build`` does, and is short where torch has the scheduler."""

import numpy as np
import pytest
import torch
from tests.parity import test_build, test_update_rules
from tests.parity.network import Network, batches, flat, loss_function, train_in_loop

from surefoot.export.equivalents import python_code
from surefoot.export.pytorch import pytorch_code
from surefoot.recipe.recipe import Recipe
from surefoot.schedules import SCHEDULES
from surefoot.schedules.text import parse_schedule

STEPS = 40

SCHEDULE_TEXTS = [
    "0.1",
    "constant(0.1, warmup=10%)",
    "step(0.1, drop=0.5, every=10%)",
    "multistep(0.1, at=30%+60%)",
    "multistep(0.1, at=0+50%+50%)",
    "exponential(0.1)",
    "exponential(0.1, rate=0.9, every=3)",
    "exponential(0.1, rate=0.97, every=1)",
    "polynomial(0.1)",
    "polynomial(0.1, final=0.01, power=1.5)",
    "linear(0.1)",
    "linear(0.1, final=0.04)",
    "linear(0.1, final=0.2)",
    "cosine(0.1)",
    "cosine(0.1, final=0.01)",
    "cosine(0.1, warmup=10%, final=0.001, warmup_start=0.01)",
    "cosine_restarts(0.1, period=7)",
    "cosine_restarts(0.1, period=7, final=0.01, growth=2)",
    "cosine_restarts(0.1, period=7, growth=1.5, shrink=0.5)",
    "cosine_restarts(0.1, final=0.02, shrink=0.5)",
    "inverse_sqrt(0.1)",
    "inverse_sqrt(0.1, timescale=10, warmup=10)",
    "onecycle(0.1)",
    "onecycle(0.1, start=0.02, final=0.001, rise=50%, shape=linear)",
    "onecycle(0.1, final=0)",
    "onecycle(0.1, rise=0%)",
    "onecycle(0.1, rise=1)",
    "onecycle(0.1, rise=100%)",
    "onecycle(0.1, warmup=10%)",
    "triangular(0.1, low=0.01)",
    "triangular(0.1, low=0.01, up=5, down=3, shrink=0.5)",
    "triangular(0.1, low=0.01, up=5, gamma=0.95)",
    "triangular(0.1, low=0.01, up=5, gamma=0.95, shrink=0.9)",
    "wsd(0.1)",
    "wsd(0.1, shape=sqrt, final=0.01, warmup=10%)",
    "wsd(0.1, shape=cosine, decay=100%)",
    "0.1 for 10% then cosine(0.1) for 50% then onecycle(0.05)",
    "linear(0, final=0.1) for 5 then triangular(0.1, gamma=0.9) for 10 then multistep(0.1, at=10%) for 30 then 0.01",
    "cosine_restarts(0.1, warmup=3, growth=3, period=2) for 50% then inverse_sqrt(0.1) for 10% then wsd(0.1)",
]
GROUPED = "lr_factor=head:0.1, no_decay=bias+norm, decay_factor=*.weight:2"


def test_the_list_has_every_schedule():
    assert all(any(name in text for text in SCHEDULE_TEXTS) for name in SCHEDULES)


def pasted_course(recipe, *, steps):
    """Run the pasted script as it is, and look at the parameters after every step."""
    model, course = Network(), []

    def watched():
        for batch in batches(steps + 5):
            course.append(flat(model))
            yield batch

    given = {"model": model, "loss_function": loss_function, "batches": watched()}
    code = pytorch_code(recipe, steps=steps)
    assert "import surefoot" not in code
    exec(compile(code, "pasted", "exec"), given)
    assert given["step"] == steps - 1
    return torch.stack([*course[1:], flat(model)])[:steps]


def check(recipe, *, steps=STEPS):
    def make(model):
        optimizer, scheduler = recipe.build(model, steps=steps)
        return optimizer, lambda _: None, scheduler.step

    built = train_in_loop(make, steps=steps)
    assert (built[-1] - flat(Network())).norm() > 1e-3
    assert (built - pasted_course(recipe, steps=steps)).abs().max() < 1e-12, pytorch_code(recipe, steps=steps)


@pytest.mark.parametrize("text", SCHEDULE_TEXTS)
def test_every_schedule_of_the_learning_rate(text):
    check(Recipe.of("sgd", lr=text, momentum=0.9))
    check(Recipe.parse(f"sgd(lr={text}, momentum=0.9, weight_decay=0.1, {GROUPED})"))


@pytest.mark.parametrize("text", SCHEDULE_TEXTS)
def test_every_schedule_of_the_momentum(text):
    check(Recipe.of("sgd", lr=0.1, momentum=text))
    check(Recipe.of("adam", lr="cosine(0.01)", beta1=text))


@pytest.mark.parametrize("text", test_build.TEXTS)
def test_whole_recipes(text):
    check(Recipe.parse(text), steps=test_build.STEPS)


@pytest.mark.parametrize("kind", test_update_rules.MEMBERS)
def test_every_optimizer(kind):
    for text in test_update_rules.MEMBERS[kind]:
        check(Recipe.parse(text))
        check(Recipe.parse(f"{text[:-1]}, {GROUPED}, clip=0.5)"))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "nadam", "rmsprop", "lion"])
def test_one_cycle_with_its_momentum_is_one_torch_scheduler(optimizer):
    name = "momentum" if optimizer in ("sgd", "rmsprop") else "beta1"
    text = f"{optimizer}(lr=onecycle(0.003), {name}=onecycle(0.8, start=0.9, final=0.9))"
    code = pytorch_code(Recipe.parse(text), steps=STEPS)
    assert "OneCycleLR" in code
    assert "def " not in code.replace(_lion(), "")
    check(Recipe.parse(text))


def _lion():
    code = pytorch_code(Recipe.parse("lion(lr=0.1)"), steps=2)
    return code[code.index("class Lion") : code.index("optimizer = ")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("step(0.3, drop=0.5, every=10)", "StepLR(optimizer, step_size=10, gamma=0.5)"),
        ("multistep(0.3)", "MultiStepLR(optimizer, milestones=[100, 150], gamma=0.1)"),
        ("exponential(0.3)", "ExponentialLR(optimizer, gamma=0.01 ** (1 / 200))"),
        ("polynomial(0.3)", "PolynomialLR(optimizer, total_iters=200, power=2)"),
        ("linear(0.3)", "LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=200)"),
        ("cosine(0.3)", "CosineAnnealingLR(optimizer, T_max=200)"),
        ("cosine(0.3, final=0.1)", "CosineAnnealingLR(optimizer, T_max=200, eta_min=0.1)"),
        ("cosine_restarts(0.3, growth=2)", "CosineAnnealingWarmRestarts(optimizer, T_0=50, T_mult=2)"),
        (
            "onecycle(0.3)",
            "OneCycleLR(optimizer, max_lr=0.3, total_steps=200, pct_start=0.3, cycle_momentum=False)",
        ),
        ("triangular(0.3)", "CyclicLR(optimizer, base_lr=0, max_lr=0.3, step_size_up=20, cycle_momentum=False)"),
        ("cosine(0.3, warmup=5%)", "LambdaLR(optimizer, lr_at)"),
    ],
)
def test_the_line_of_the_scheduler(text, line):
    code = pytorch_code(Recipe.of("sgd", lr=text), steps=200)
    flattened = " ".join(code.split()).replace("( optimizer", "(optimizer").replace(", )", ")")
    assert f"scheduler = torch.optim.lr_scheduler.{line}" in flattened


def test_constants_need_no_scheduler_and_a_dozen_lines():
    code = pytorch_code(Recipe(), steps=100)
    assert "scheduler" not in code
    assert len(code.splitlines()) < 13


@pytest.mark.parametrize("total", [1, 2, 9, 100, 217])
@pytest.mark.parametrize("text", SCHEDULE_TEXTS)
def test_the_function_gives_the_schedules_values(text, total):
    schedule = parse_schedule(text)
    given = {"math": __import__("math")}
    exec(python_code(schedule, total=total, name="value_at"), given)
    values = [given["value_at"](step) for step in range(total)]
    np.testing.assert_allclose(values, schedule.values(np.arange(total), total), rtol=0, atol=1e-15)
