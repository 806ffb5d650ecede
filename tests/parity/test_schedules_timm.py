"""Schedules against the formulas of timm 1.0 (timm/scheduler: cosine_lr, poly_lr, step_lr, multistep_lr).

timm is not installed. Its ``_get_lr(t)`` are closed forms of the update number ``t``, written out here for
``warmup_prefix=True``, where the schedule begins when the warmup ends.
"""

import math

import numpy as np
import pytest
from tests.parity.courses import our_course

BASE, LOW, TOTAL = 0.3, 0.004, 150


def with_warmup(after, *, warmup, init):
    """A straight line from ``init``, by equal additions; then the rest from its own beginning."""
    return lambda t: init + t * (BASE - init) / warmup if t < warmup else after(t - warmup)


def cosine(t, *, first, mul=1.0, decay=1.0):
    begin, length, cycle = 0.0, float(first), 0
    while t >= begin + length:
        begin, length, cycle = begin + length, length * mul, cycle + 1
    return LOW + 0.5 * (BASE * decay**cycle - LOW) * (1 + math.cos(math.pi * (t - begin) / length))


def polynomial(t, *, power):
    return LOW + (BASE - LOW) * (1 - t / (TOTAL - 10)) ** power


def multistep(t):
    return BASE * 0.2 ** sum(place <= t for place in (40, 90))


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("cosine(0.3, final=0.004, warmup=10, warmup_start=0.001)", lambda t: cosine(t, first=TOTAL - 10)),
        (
            "cosine_restarts(0.3, final=0.004, period=20, shrink=0.8, warmup=10, warmup_start=0.001)",
            lambda t: cosine(t, first=20, decay=0.8),
        ),
        (
            "cosine_restarts(0.3, final=0.004, period=20, growth=2, shrink=0.5, warmup=10, warmup_start=0.001)",
            lambda t: cosine(t, first=20, mul=2.0, decay=0.5),
        ),
        ("polynomial(0.3, final=0.004, power=0.5, warmup=10, warmup_start=0.001)", lambda t: polynomial(t, power=0.5)),
        ("step(0.3, drop=0.7, every=30, warmup=10, warmup_start=0.001)", lambda t: BASE * 0.7 ** (t // 30)),
        ("multistep(0.3, drop=0.2, at=40+90, warmup=10, warmup_start=0.001)", multistep),
    ],
)
def test_a_schedule_follows_timms_formula(text, formula):
    theirs = [with_warmup(formula, warmup=10, init=0.001)(t) for t in range(TOTAL)]
    np.testing.assert_allclose(our_course(text, steps=TOTAL), theirs, rtol=0, atol=1e-12)
