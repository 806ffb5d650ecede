"""Schedules against optax itself, in float64."""

import jax
import numpy as np
import optax
import pytest
from tests.parity.courses import our_course

TOTAL = 120


@pytest.mark.parametrize(
    ("text", "make"),
    [
        ("0.3", lambda: optax.constant_schedule(0.3)),
        ("polynomial(0.3, final=0.05, power=1.7)", lambda: optax.polynomial_schedule(0.3, 0.05, 1.7, TOTAL)),
        ("linear(0.1, final=0.4)", lambda: optax.linear_schedule(0.1, 0.4, TOTAL)),
        ("cosine(0.3, final=0.03)", lambda: optax.cosine_decay_schedule(0.3, TOTAL, alpha=0.1)),
        ("exponential(0.3, rate=0.9, every=7)", lambda: optax.exponential_decay(0.3, 7, 0.9)),
        ("step(0.3, drop=0.9, every=7)", lambda: optax.exponential_decay(0.3, 7, 0.9, staircase=True)),
        (
            "multistep(0.3, drop=0.2, at=30+80)",
            lambda: optax.piecewise_constant_schedule(0.3, {30: 0.2, 80: 0.2}),
        ),
        (
            "cosine(0.3, final=0.01, warmup=20, warmup_start=0.05)",
            lambda: optax.warmup_cosine_decay_schedule(0.05, 0.3, 20, TOTAL, 0.01),
        ),
        ("constant(0.3, warmup=20)", lambda: optax.warmup_constant_schedule(0.0, 0.3, 20)),
        (
            "exponential(0.3, rate=0.5, every=10, warmup=20)",
            lambda: optax.warmup_exponential_decay_schedule(0.0, 0.3, 20, 10, 0.5),
        ),
        (
            "cosine(0.3, warmup=10) for 40 then cosine(0.2, warmup=20, final=0.1)",
            lambda: optax.sgdr_schedule(
                [
                    {"init_value": 0.0, "peak_value": 0.3, "decay_steps": 40, "warmup_steps": 10, "end_value": 0.0},
                    {"init_value": 0.0, "peak_value": 0.2, "decay_steps": 80, "warmup_steps": 20, "end_value": 0.1},
                ]
            ),
        ),
        (
            "linear(0, final=0.3) for 25% then cosine(0.3) for 60 then 0.001",
            lambda: optax.join_schedules(
                [
                    optax.linear_schedule(0.0, 0.3, 30),
                    optax.cosine_decay_schedule(0.3, 60),
                    optax.constant_schedule(0.001),
                ],
                [30, 90],
            ),
        ),
    ],
)
def test_a_schedule_takes_the_course_of_its_optax_twin(text, make):
    with jax.enable_x64(True):
        schedule = make()
        theirs = np.array([float(schedule(np.int64(step))) for step in range(TOTAL)])
    np.testing.assert_allclose(our_course(text, steps=TOTAL), theirs, rtol=0, atol=1e-12)
