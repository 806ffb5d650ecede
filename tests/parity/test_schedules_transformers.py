"""Schedules against transformers itself, in float64."""

import numpy as np
import pytest
import transformers.optimization as theirs
from tests.parity.courses import our_course, torch_course


@pytest.mark.parametrize("warmup", [0, 1, 17])
@pytest.mark.parametrize("total", [60, 317])
@pytest.mark.parametrize(
    ("text", "make"),
    [
        ("constant(0.3", lambda o, w, n: theirs.get_constant_schedule_with_warmup(o, w)),
        ("linear(0.3", theirs.get_linear_schedule_with_warmup),
        ("cosine(0.3", theirs.get_cosine_schedule_with_warmup),
        (
            "polynomial(0.3, final=1e-07, power=1",
            theirs.get_polynomial_decay_schedule_with_warmup,
        ),
        (
            "polynomial(0.3, final=0.01, power=3",
            lambda o, w, n: theirs.get_polynomial_decay_schedule_with_warmup(o, w, n, lr_end=0.01, power=3.0),
        ),
    ],
)
def test_schedules_with_warmup(text, make, warmup, total):
    text += f", warmup={warmup})" if warmup else ")"
    course = torch_course(lambda optimizer: make(optimizer, warmup, total), steps=total, lr=0.3)
    np.testing.assert_allclose(our_course(text, steps=total), course, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cycles", [1, 2, 5])
def test_cosine_with_hard_restarts(cycles):
    def make(optimizer):
        return theirs.get_cosine_with_hard_restarts_schedule_with_warmup(optimizer, 20, 120, cycles)

    ours = our_course(f"cosine_restarts(0.3, period={100 // cycles}, warmup=20)", steps=120)
    np.testing.assert_allclose(ours, torch_course(make, steps=120, lr=0.3), rtol=0, atol=1e-12)


@pytest.mark.parametrize("timescale", [20, 50])
def test_inverse_sqrt(timescale):
    def make(optimizer):
        return theirs.get_inverse_sqrt_schedule(optimizer, 20, timescale=timescale)

    ours = our_course(f"inverse_sqrt(0.3, timescale={timescale}, warmup=20)", steps=400)
    np.testing.assert_allclose(ours, torch_course(make, steps=400, lr=0.3), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("shape", "decay_type"), [("linear", "linear"), ("cosine", "cosine"), ("sqrt", "1-sqrt")])
@pytest.mark.parametrize("least", [0.0, 0.1])
def test_warmup_stable_decay(shape, decay_type, least):
    def make(optimizer):
        return theirs.get_wsd_schedule(
            optimizer, 15, 40, num_training_steps=200, decay_type=decay_type, min_lr_ratio=least
        )

    course = torch_course(make, steps=200, lr=0.3)
    text = f"wsd(0.3, decay=20%, final={0.3 * least!r}, shape={shape}, warmup=15, warmup_start={0.3 * least!r})"
    np.testing.assert_allclose(our_course(text, steps=200), course, rtol=0, atol=1e-12)


def test_cosine_with_a_least_rate():
    def make(optimizer):
        return theirs.get_cosine_with_min_lr_schedule_with_warmup(optimizer, 0, 150, min_lr=0.03)

    ours = our_course("cosine(0.3, final=0.03)", steps=150)
    np.testing.assert_allclose(ours, torch_course(make, steps=150, lr=0.3), rtol=0, atol=1e-12)
