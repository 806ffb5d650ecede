"""A schedule at another height, of every kind that can be written."""

import numpy as np
import pytest

from surefoot.schedules import SCHEDULES
from surefoot.schedules.composition import cooldown, scaled
from surefoot.schedules.text import parse_schedule

TOTAL = 200
TEXTS = [
    *(f"{name}(0.5)" for name in SCHEDULES),
    "cosine(0.5, warmup=10%, warmup_start=0.1, final=0.05)",
    "onecycle(0.5, start=0.2, final=0.01)",
    "triangular(0.5, low=0.1)",
    "0.1 for 20% then cosine(0.5, warmup=10%) for 50% then linear(0.2, final=0.02)",
]


def curve(schedule):
    return schedule.values(np.arange(TOTAL + 1), TOTAL)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("factor", [0.125, 8.0])
def test_every_value_is_a_factor_of_what_it_was(text, factor):
    schedule = parse_schedule(text)
    assert curve(scaled(schedule, factor)) == pytest.approx(factor * curve(schedule), rel=1e-3)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("final", [0.0, 0.01])
def test_a_cooldown_takes_over_where_the_schedule_stands(text, final):
    schedule = parse_schedule(text)
    line = cooldown(schedule, 80, TOTAL, 20, final=final)
    assert line.value(80, 100) == pytest.approx(schedule.value(80, TOTAL))
    assert line.value(90, 100) == pytest.approx((schedule.value(80, TOTAL) + final) / 2)
    assert line.value(100, 100) == pytest.approx(final)
