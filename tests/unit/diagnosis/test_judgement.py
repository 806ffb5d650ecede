"""Verdicts on landscapes whose fault is known."""

import math
from functools import partial

import pytest
from tests.unit.diagnosis.valley import START, asked, ravine

from surefoot.diagnosis.inquiry import FULL, SHORT, Order
from surefoot.diagnosis.judgement import judge
from surefoot.diagnosis.settings import Setting


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize(
    ("octaves", "verdict"), [(-8, "lr_too_low"), (-4, "lr_too_low"), (0, "healthy"), (3, "lr_too_high")]
)
def test_the_learning_rate_is_judged_by_where_it_lies(momentum, octaves, verdict):
    found = judge(asked(f"sgd(lr={2.0**octaves * (1 - momentum)}, momentum={momentum})", ravine), start=START)
    assert found.verdict == verdict
    assert found.confidence > 0.5
    if verdict == "healthy":
        assert found.chosen is None
    else:
        best = found.chosen.setting.lr / (1 - found.chosen.setting.momentum)
        assert 0.4 < best < 2.5
        assert found.chosen.gain == pytest.approx(1 - 0.1 / ravine(2.0**octaves, 0.0), abs=0.15)


def test_a_momentum_that_no_learning_rate_makes_good_is_at_fault():
    steep = partial(ravine, worst_memory=3.0)
    found = judge(asked("sgd(lr=0.01, momentum=0.99)", steep), start=START)
    assert found.verdict == "momentum_too_high"
    assert found.chosen.setting.momentum < 0.95


def test_divergence_comes_first_and_has_advice():
    found = judge(asked("sgd(lr=100.0, momentum=0.0)", ravine), start=START)
    assert (found.verdict, found.confidence) == ("diverged", 1.0)
    assert found.chosen.setting.lr < 16.0


def test_what_does_no_better_than_a_divergence_is_not_advised():
    above = asked("sgd(lr=1.0, momentum=0.0)", ravine)
    found = judge(above, start=0.05)
    assert (found.verdict, found.chosen) == ("diverged", None)
    assert found.improvements


def test_what_diverged_as_well_is_not_advised():
    brief = asked("sgd(lr=1.0, momentum=0.0)", lambda lr, momentum, seed=0: math.inf)
    lower = Setting(0.5, 0.0)
    brief.learn(Order((lower,), SHORT), [1e30])
    brief.learn(Order(tuple(brief.plane.lines["lr"]), FULL), [math.inf] * len(brief.plane.lines["lr"]))
    found = judge(brief, start=START)
    assert (found.verdict, found.chosen) == ("diverged", None)


def test_where_everything_diverges_there_is_none():
    nothing = asked("sgd(lr=0.1, momentum=0.9)", lambda lr, momentum, seed=0: math.inf)
    found = judge(nothing, start=START)
    assert (found.verdict, found.chosen, found.improvements) == ("diverged", None, ())


def test_losses_may_be_negative():
    below = asked("sgd(lr=0.01, momentum=0.0)", lambda lr, momentum, seed=0: ravine(lr, momentum, seed=seed) - 5.0)
    found = judge(below, start=-2.0)
    assert found.verdict in {"lr_too_low", "healthy"}
    assert math.isfinite(found.confidence)
