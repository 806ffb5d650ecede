"""Schedules against Keras itself, with torch behind it, in float64."""

import importlib

import numpy as np
import pytest
from tests.parity.courses import our_course

TOTAL = 120


@pytest.fixture(scope="module")
def keras_schedules(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))  # it writes a file into its home
        keras = importlib.import_module("keras")
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield keras.optimizers.schedules
    keras.config.set_floatx(before)


@pytest.mark.parametrize(
    ("text", "name", "settings"),
    [
        ("exponential(0.3, rate=0.9, every=7)", "ExponentialDecay", (0.3, 7, 0.9)),
        ("step(0.3, drop=0.9, every=7)", "ExponentialDecay", (0.3, 7, 0.9, True)),
        ("cosine(0.3, final=0.03)", "CosineDecay", (0.3, TOTAL, 0.1)),
        (
            "cosine(0.3, final=0.03, warmup=20, warmup_start=0.05)",
            "CosineDecay",
            (0.05, TOTAL - 20, 0.1, "CosineDecay", 0.3, 20),
        ),
        ("cosine_restarts(0.3, period=13)", "CosineDecayRestarts", (0.3, 13, 1.0, 1.0)),
        ("cosine_restarts(0.3, final=0.03, period=13)", "CosineDecayRestarts", (0.3, 13, 1.0, 1.0, 0.1)),
        ("cosine_restarts(0.3, period=13, shrink=0.7)", "CosineDecayRestarts", (0.3, 13, 1.0, 0.7)),
        ("cosine_restarts(0.3, period=7, growth=1.5, shrink=0.7)", "CosineDecayRestarts", (0.3, 7, 1.5, 0.7)),
        ("cosine_restarts(0.3, period=13, growth=3)", "CosineDecayRestarts", (0.3, 13, 3.0, 1.0)),
        ("polynomial(0.3, final=0.01, power=0.5)", "PolynomialDecay", (0.3, TOTAL, 0.01, 0.5)),
        # Keras's boundaries are the last steps before a drop.
        ("multistep(0.3, drop=0.1, at=30+80)", "PiecewiseConstantDecay", ([29, 79], [0.3, 0.03, 0.003])),
    ],
)
def test_a_schedule_takes_the_course_of_its_keras_twin(keras_schedules, text, name, settings):
    schedule = getattr(keras_schedules, name)(*settings)
    theirs = np.array([float(schedule(step)) for step in range(TOTAL)])
    np.testing.assert_allclose(our_course(text, steps=TOTAL), theirs, rtol=0, atol=1e-12)
