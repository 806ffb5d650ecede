"""Every schedule that torch has too, against ``torch.optim.lr_scheduler``, in float64."""

import numpy as np
import pytest
import torch
from tests.parity.courses import our_course, torch_course
from torch.optim import lr_scheduler as torch_schedulers

from surefoot.schedules.one_cycle import OneCycle, momentum_cycle
from surefoot.schedules.text import parse_schedule

TOTALS = [2, 7, 100, 1001]


def check(text, make, *, total, lr=0.3, key="lr", **options):
    theirs = torch_course(lambda optimizer: make(optimizer, total), steps=total, lr=lr, key=key, **options)
    np.testing.assert_allclose(our_course(text, steps=total), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize(
    ("text", "make"),
    [
        ("0.3", lambda o, n: torch_schedulers.ConstantLR(o, factor=1.0)),
        ("step(0.3, drop=0.5, every=13)", lambda o, n: torch_schedulers.StepLR(o, 13, 0.5)),
        ("step(0.3, every=1)", lambda o, n: torch_schedulers.StepLR(o, 1)),
        ("multistep(0.3, at=3+50+51)", lambda o, n: torch_schedulers.MultiStepLR(o, [3, 50, 51])),
        ("multistep(0.3, drop=0.2, at=5+5)", lambda o, n: torch_schedulers.MultiStepLR(o, [5, 5], 0.2)),
        ("exponential(0.3, rate=0.97, every=1)", lambda o, n: torch_schedulers.ExponentialLR(o, 0.97)),
        ("exponential(0.3, rate=0.01)", lambda o, n: torch_schedulers.ExponentialLR(o, 0.01 ** (1 / n))),
        ("polynomial(0.3)", lambda o, n: torch_schedulers.PolynomialLR(o, n, 2.0)),
        ("polynomial(0.3, power=0.5)", lambda o, n: torch_schedulers.PolynomialLR(o, n, 0.5)),
        ("linear(0.3)", lambda o, n: torch_schedulers.LinearLR(o, 1.0, 0.0, n)),
        ("linear(0.03, final=0.3)", lambda o, n: torch_schedulers.LinearLR(o, 0.1, 1.0, n)),
        ("cosine(0.3)", torch_schedulers.CosineAnnealingLR),
        ("cosine(0.3, final=0.02)", lambda o, n: torch_schedulers.CosineAnnealingLR(o, n, 0.02)),
        ("cosine_restarts(0.3, period=9)", lambda o, n: torch_schedulers.CosineAnnealingWarmRestarts(o, 9)),
        (
            "cosine_restarts(0.3, final=0.02, period=5, growth=2)",
            lambda o, n: torch_schedulers.CosineAnnealingWarmRestarts(o, 5, 2, 0.02),
        ),
        (
            "cosine_restarts(0.3, period=1, growth=3)",
            lambda o, n: torch_schedulers.CosineAnnealingWarmRestarts(o, 1, 3),
        ),
    ],
)
def test_a_schedule_takes_the_course_of_its_torch_twin(text, make, total):
    check(text, make, total=total)


@pytest.mark.parametrize("total", [9, 100, 1001])
@pytest.mark.parametrize("rise", [0.3, 0.5, 0.25, 0.9])
@pytest.mark.parametrize(("shape", "strategy"), [("cosine", "cos"), ("linear", "linear")])
def test_onecycle_and_its_momentum_cycle(total, rise, shape, strategy):
    def make(optimizer, n):
        return torch_schedulers.OneCycleLR(optimizer, 0.3, total_steps=n, pct_start=rise, anneal_strategy=strategy)

    cycle = f"onecycle(0.3, rise={rise * 100}%, shape={shape})"
    check(cycle, make, total=total)
    momentum = momentum_cycle(parse_schedule(cycle))
    theirs = torch_course(lambda o: make(o, total), steps=total, lr=1.0, key="momentum")
    np.testing.assert_allclose(momentum.values(np.arange(total), total), theirs, rtol=0, atol=1e-12)
    theirs = torch_course(lambda o: make(o, total), steps=total, lr=1.0, key="betas", kind=torch.optim.Adam)
    np.testing.assert_allclose(momentum.values(np.arange(total), total), theirs, rtol=0, atol=1e-12)


def test_onecycle_with_ends_of_its_own():
    def make(optimizer, n):
        return torch_schedulers.OneCycleLR(optimizer, 0.4, total_steps=n, div_factor=4.0, final_div_factor=50.0)

    check("onecycle(0.4, start=0.1, final=0.002)", make, total=333)


def test_momentum_cycle_with_bounds_of_its_own():
    cycle = OneCycle(0.3)
    momentum = momentum_cycle(cycle, low=0.7, high=0.99)

    def make(optimizer):
        return torch_schedulers.OneCycleLR(optimizer, 0.3, total_steps=200, base_momentum=0.7, max_momentum=0.99)

    theirs = torch_course(make, steps=200, lr=1.0, key="momentum")
    np.testing.assert_allclose(momentum.values(np.arange(200), 200), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("triangular(0.3, low=0.01, up=7)", {"step_size_up": 7}),
        ("triangular(0.3, low=0.01, up=7, down=12)", {"step_size_up": 7, "step_size_down": 12}),
        ("triangular(0.3, low=0.01, up=10, shrink=0.5)", {"step_size_up": 10, "mode": "triangular2"}),
        ("triangular(0.3, low=0.01, up=4, gamma=0.98)", {"step_size_up": 4, "mode": "exp_range", "gamma": 0.98}),
    ],
)
def test_triangular_in_all_modes_of_cyclic_lr(text, settings, total):
    def make(optimizer, n):
        return torch_schedulers.CyclicLR(optimizer, 0.01, 0.3, cycle_momentum=False, **settings)

    check(text, make, total=total)


def test_cyclic_momentum_is_the_triangle_turned_over():
    def make(optimizer, n):
        return torch_schedulers.CyclicLR(optimizer, 0.01, 0.3, step_size_up=8, base_momentum=0.8, max_momentum=0.95)

    check("triangular(0.8, low=0.95, up=8)", make, total=100, key="momentum")


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
@pytest.mark.parametrize("warmup", [1, 10, 37])
@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("cosine(0.3, final=0.01", lambda o, n: torch_schedulers.CosineAnnealingLR(o, n, 0.01)),
        ("polynomial(0.3", lambda o, n: torch_schedulers.PolynomialLR(o, n, 2.0)),
        ("constant(0.3", lambda o, n: torch_schedulers.ConstantLR(o, factor=1.0)),
    ],
)
def test_warmup_is_torchs_linear_warmup_in_sequence(text, rest, warmup):
    def make(optimizer, n):
        rising = torch_schedulers.LinearLR(optimizer, 0.1, 1.0, warmup)
        return torch_schedulers.SequentialLR(optimizer, [rising, rest(optimizer, n - warmup)], [warmup])

    check(f"{text}, warmup={warmup}, warmup_start=0.03)", make, total=100)


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
def test_a_sequence_of_three_is_torchs_sequential():
    def make(optimizer, n):
        parts = [
            torch_schedulers.ConstantLR(optimizer, factor=0.1, total_iters=n),
            torch_schedulers.StepLR(optimizer, 10, 0.5),
            torch_schedulers.CosineAnnealingLR(optimizer, n - 50),
        ]
        return torch_schedulers.SequentialLR(optimizer, parts, [20, 50])

    check("0.03 for 20 then step(0.3, drop=0.5, every=10) for 30% then cosine(0.3)", make, total=100)
