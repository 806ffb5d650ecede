"""``surefoot.trial()``: the trial that the running script is to train."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from surefoot.errors import RecipeError, TaskError
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.luck import draw_seed, seed_everything
from surefoot.trainers.stop_signal import StopSignal
from surefoot.trainers.trial import Trial
from surefoot.trainers.trial_file import TRIAL_VARIABLE, TrialFile, answer
from surefoot.trainers.trial_reports import Report

RECIPE_VARIABLE, SEED_VARIABLE = "SUREFOOT_RECIPE", "SUREFOOT_SEED"
PR_SET_PDEATHSIG = 1  # of Linux's prctl


def trial(steps: int | None = None) -> Trial:
    """Return the trial that this process is to train, and seed torch's, NumPy's and Python's generators for it.

    Call it once, before the model is made. In a study it is the trial that the study asks for; its ``steps`` may be
    fewer than those given here. Otherwise the script runs by itself: over ``steps``, with the default recipe or the one
    in the environment variable ``SUREFOOT_RECIPE``, with seed 0 or the one in ``SUREFOOT_SEED``.

    Args:
        steps: Length of a full training, in optimizer steps. A study that is told no length takes it from here: it
            runs the script once up to this call, where the process then ends.

    Raises:
        TaskError: If the length is neither given nor known.
        RecipeError: If a variable holds no recipe or seed, or ``steps`` is no such number.

    Example:
        >>> own = trial(steps=100)
        >>> str(own.recipe), own.steps, own.seed
        ('sgd(lr=0.01, momentum=0.9)', 100, 0)
    """
    if steps is not None:
        Trial(Recipe(), steps, seed=0)  # raises where there is no such length
    path = os.environ.get(TRIAL_VARIABLE)
    found = _own_trial(steps) if path is None else _trial_of_study(Path(path), steps)
    seed_everything(draw_seed(found.seed, "initialisation"))
    return found


def _trial_of_study(path: Path, steps: int | None) -> Trial:
    told = TrialFile.read(path)
    answer(told.answers, asked=steps)
    if told.trial is None:
        sys.exit(0)  # the study wanted to know the length, and no more
    with suppress(Exception):  # on Linux, a study that is killed takes its script along
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return replace(told.trial, reporter=FileReporter(told.answers))


def _own_trial(steps: int | None) -> Trial:
    if steps is None:
        raise TaskError("how long is the training?", hint="write surefoot.trial(steps=...), its optimizer steps.")
    text, seed = os.environ.get(RECIPE_VARIABLE), os.environ.get(SEED_VARIABLE, "0")
    try:
        recipe = Recipe() if text is None else Recipe.parse(text)
    except RecipeError as error:
        raise RecipeError(f"the environment variable {RECIPE_VARIABLE}: {error}") from None
    if not seed.isdecimal():
        raise RecipeError(
            f"the environment variable {SEED_VARIABLE} must be a whole number of at least 0; given {seed!r}."
        )
    return Trial(recipe, steps, int(seed))


@dataclass(frozen=True, slots=True)
class FileReporter:
    """Adds what a script reports to a file.

    Attributes:
        path: The file.
    """

    path: Path
    _stop: StopSignal = field(default_factory=StopSignal)

    def report(self, loss: Any, *, step: Any, metric: Any, test_loss: Any) -> None:
        """Take note of a validation loss."""
        answer(self.path, report=Report.of(loss, step=step, metric=metric, test_loss=test_loss).to_json())

    def should_stop(self) -> bool:
        """Tell whether this process was asked to end."""
        return self._stop()
