"""Real results for the tests that show one: trained and recorded once, see ``tests/recorded``."""

import math
import os

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")

# Hypothesis draws the same examples in every run, and a busy machine fails no test.
settings.register_profile("surefoot", deadline=None, derandomize=True)
settings.load_profile("surefoot")


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    from tests.recorded.results import recorded_results

    return recorded_results(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="session")
def tuned(recorded):
    return recorded["tune"]


@pytest.fixture(scope="session")
def made(recorded):
    """A tune with a runner-up and three seeds, a frontier of four lengths and several momenta."""
    return recorded["grid"]


@pytest.fixture(scope="session")
def found(recorded):
    return recorded["find"]


@pytest.fixture(scope="session")
def checked(recorded):
    """A check of a learning rate that is far too low."""
    return recorded["check"]


@pytest.fixture(scope="session")
def transferred(tuned):
    """The same tune with a transfer: rates that go as the root of the batch size and do not heed the length."""
    from dataclasses import replace

    from surefoot.search.rate_transfer_result import Transfer, TransferRow

    rows = (
        TransferRow("as tuned", None, 12_000, 32, (0.09, 0.1, 0.11), 0.5, False, 0.09, 0.1),
        TransferRow("half steps", "steps", 6_000, 32, (0.09, 0.1, 0.11), 0.5, False, 0.19, 0.2),
        TransferRow("twice steps", "steps", 24_000, 32, (8.0, 8.0, 8.0), 0.5, True, 0.0000123, math.inf),
        TransferRow("half batch", "batch_size", 24_000, 16, (0.064, 0.071, 0.078), 0.5, False, 0.05, 0.06),
        TransferRow("twice batch", "batch_size", 6_000, 64, (), 0.0, False, math.inf, math.inf),
    )
    return replace(tuned, transfer=Transfer(rows, (("half epoch", "it leaves 0 steps"),), 270_000))


@pytest.fixture(scope="session")
def lost(checked):
    """The same check, had every trial diverged."""
    from dataclasses import replace

    from surefoot.checking.result import RecipeTraining
    from surefoot.core.finding_and_symptoms import Finding
    from surefoot.trainers.trial import Curve

    own = RecipeTraining(
        checked.steps,
        0,
        math.inf,
        3,
        train=Curve((1, 2, 3, 4), (1.1, 40.0, 1e9, math.inf)),
        valid=Curve((13, 25), (1.1, math.inf)),
    )
    return replace(
        checked,
        findings=(Finding("diverged", 1.0, "The loss of the recipe became NaN or inf at step 3."),),
        symptoms=("divergence",),
        recipe=checked.checked_recipe,
        savings=(),
        trials=tuple(replace(trial, loss=math.inf) for trial in checked.trials),
        recipe_training=own,
        curvature=None,
        noise=None,
    )


@pytest.fixture(scope="session")
def diverged(made):
    """The same tune, had every training diverged."""
    from tests.recorded.results import nothing_trained

    return nothing_trained(made)
