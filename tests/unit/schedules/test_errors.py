"""What a wrong schedule is answered: what was given, what is allowed, a hint."""

import math

import numpy as np
import pytest
import torch

from surefoot.core.errors import RecipeError
from surefoot.schedules.composition import Sequence, Warmup
from surefoot.schedules.constant import Constant
from surefoot.schedules.cosine import Cosine, CosineRestarts
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.inverse_sqrt import InverseSqrt
from surefoot.schedules.length import Length
from surefoot.schedules.one_cycle import OneCycle
from surefoot.schedules.polynomial import Linear, Polynomial
from surefoot.schedules.step_decay import MultiStep, StepDecay
from surefoot.schedules.text import parse_schedule
from surefoot.schedules.triangular import Triangular
from surefoot.schedules.wsd import WarmupStableDecay


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["a number or a schedule", "at its end", "schedules are cosine, linear"]),
        ("cosin(0.1)", ["'cosin(0.1)'", "did you mean cosine?"]),
        ("Cosine(0.1)", ["did you mean cosine?"]),
        ("cosine", ["'('", "at its end"]),
        ("cosine(", ["a number at its end"]),
        ("cosine()", ["lacks its first value", "cosine(0.1)"]),
        ("cosine(final=0.1)", ["lacks its first value"]),
        ("cosine(abc)", ["a number at 'abc)'"]),
        ("cosine(0.1", ["')'", "at its end"]),
        ("cosine(0.1))", ["the end at ')'"]),
        ("cosine(0.1, 0.2)", ["KEY=VALUE at '0.2)'"]),
        ("cosine(0.1, finl=0)", ["'finl'", "it takes peak, final, warmup, warmup_start", "did you mean final?"]),
        ("cosine(0.1, final=0, final=1)", ["final is given twice"]),
        ("cosine(0.1, warmup=5)%", ["the end at '%'"]),
        ("cosine(0.1, warmup=x)", ["a number of steps (500) or a share of the training (5%)", "'x'"]),
        ("cosine(0.1, warmup=0%)", ["the warmup must be longer than 0", "length=0%"]),
        ("cosine(0.1, warmup_start=0.1)", ["warmup_start without a warmup", "warmup=5%"]),
        ("cosine(1e999)", ["a number that is not so large at '1e999)'"]),
        ("cosine(nan)", ["a number at 'nan)'"]),
        ("5%", ["the end at '%'"]),
        ("0.1 for 5%", ["'then'", "at its end"]),
        ("0.1 for then 0.2", ["a number of steps (500)", "'then'"]),
        ("0.1 for 60% then 0.2 for 60% then 0.3", ["at most 100%", "60%+60%"]),
        ("step(0.1, every=0)", ["step: every must be longer than 0", "every=0"]),
        ("step(0.1, drop=0)", ["drop must be above 0"]),
        ("step(0.1, drop=-1, every=0%)", ["drop must be above 0; every must be longer than 0"]),
        ("multistep(0.1, at=50%+x)", ["'x'"]),
        ("exponential(0.1, rate=-1)", ["rate must be above 0"]),
        ("exponential(0.1, every=0)", ["every must be longer than 0"]),
        ("polynomial(0.1, power=0)", ["power must be above 0"]),
        ("cosine_restarts(0.1, growth=0.5, period=0)", ["growth must be at least 1; period must be longer than 0"]),
        ("cosine_restarts(0.1, shrink=0)", ["shrink must be above 0"]),
        ("inverse_sqrt(0.1, timescale=0)", ["timescale must be longer than 0"]),
        ("onecycle(0.1, shape=square)", ["shape must be cosine or linear", "square"]),
        ("triangular(0.1, up=0, down=0, gamma=0, shrink=0)", ["shrink", "gamma", "up", "down must be longer than 0"]),
        ("wsd(0.1, shape=cos)", ["shape must be linear, cosine or sqrt"]),
        ("wsd(0.1, decay=110%)", ["0% to 100%", "110%"]),
    ],
)
def test_a_text_that_is_no_schedule(text, words):
    with pytest.raises(RecipeError) as raised:
        parse_schedule(text)
    for word in words:
        assert word in str(raised.value)
    assert str(raised.value).count("\n") == 0


@pytest.mark.parametrize("text", [None, 0.1, b"cosine(0.1)", ["0.1"]])
def test_what_is_no_text(text):
    with pytest.raises(RecipeError, match="read from text"):
        parse_schedule(text)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, None, "0.1", True, [1], 10**400, np.zeros(3)])
@pytest.mark.parametrize(
    "make",
    [
        Constant,
        Cosine,
        lambda bad: Cosine(0.1, final=bad),
        lambda bad: CosineRestarts(0.1, growth=bad),
        lambda bad: Exponential(0.1, rate=bad),
        lambda bad: Polynomial(0.1, power=bad),
        lambda bad: StepDecay(0.1, drop=bad),
        lambda bad: Triangular(0.1, low=bad),
        lambda bad: Warmup(Constant(0.1), Length(5), start=bad),
    ],
)
def test_a_number_that_is_none(make, bad):
    with pytest.raises(RecipeError, match="must be a finite number; given"):
        make(bad)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: InverseSqrt(0.1, timescale=None), "timescale must be a length"),
        (lambda: MultiStep(0.1, at=()), "at needs a length"),
        (lambda: MultiStep(0.1, at=["50%", None]), "at must be lengths"),
        (lambda: OneCycle(0.1, rise="x"), "rise must be a length"),
        (lambda: WarmupStableDecay(0.1, shape=None), "shape must be"),
        (lambda: Warmup(0.1, Length(5)), "a warmup goes before a plain schedule"),
        (lambda: Warmup(Warmup(Constant(1), 5), 5), "a warmup goes before a plain schedule"),
        (lambda: Warmup(Sequence((Constant(1), Constant(2)), (5,)), 5), "the first part of a sequence"),
        (lambda: Sequence((Constant(1),), ()), "at least two parts"),
        (lambda: Sequence((Constant(1), Constant(2)), ()), "a length for every part but the last"),
        (lambda: Sequence((0.1, 0.2), (5,)), "the parts are schedules"),
        (lambda: Sequence(None, (5,)), "the parts are schedules"),
        (lambda: Sequence((Constant(1), Sequence((Constant(1), Constant(2)), (5,))), (5,)), "one after another"),
    ],
)
def test_a_schedule_made_wrongly_in_python(make, words):
    with pytest.raises(RecipeError) as raised:
        make()
    assert words in str(raised.value)


@pytest.mark.parametrize("total", [0, -1, 1.5, "10", None, True, math.nan])
def test_a_training_of_no_steps(total):
    with pytest.raises(RecipeError, match="at least 1; given"):
        Cosine(0.1).value(0, total)


def test_what_python_gives_is_brought_to_its_kind():
    assert Constant(1) == Constant(1.0)
    assert isinstance(Constant(1).peak, float)
    assert type(Constant(np.float32(0.5)).peak) is float
    assert type(Constant(torch.tensor(0.5)).peak) is float
    assert MultiStep(0.1, at=["50%", 7]) == MultiStep(0.1, at=(Length(50, percent=True), Length(7)))
    assert MultiStep(0.1, at="50%+7") == MultiStep(0.1, at=("50%", 7))
    assert MultiStep(0.1, at=7) == MultiStep(0.1, at=(7,))
    assert StepDecay(0.1, every="10%") == StepDecay(0.1, every=Length(10, percent=True))
    assert Sequence([Linear(1), Constant(2)], ["5%"]) == Sequence((Linear(1), Constant(2)), (Length(5, percent=True),))
    assert hash(MultiStep(0.1, at=["50%"])) == hash(MultiStep(0.1, at=("50%",)))
