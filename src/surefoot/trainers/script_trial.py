"""SIGTERM as the answer to a training that asks whether to stop.

How a script learns its trial, and how it answers: a file for each way.

The environment variable ``SUREFOOT_TRIAL`` names the first, one JSON object. The second gets one JSON object a line:
``{"asked": steps}`` as soon as the script asks for its trial, then ``{"report": [loss, step, metric, test_loss]}``.
A line is written at once and whole, so that a script may be killed at any time; nothing is read of a torn one.

``surefoot.trial()``: the trial that the running script is to train.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from surefoot.core.errors import RecipeError, TaskError
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.seeding import draw_seed, seed_everything
from surefoot.trainers.trial import Trial
from surefoot.trainers.trial_reports import Report


class StopSignal:
    """Whether this process was asked to end.

    A training that never asks is ended by SIGTERM at once, as any process is. From its first question on, SIGTERM is no
    more than the answer yes: the training may then end in its own way, within the few seconds before it is killed.
    """

    def __init__(self) -> None:
        self.asked = False
        self._installed = False
        self._before: Any = signal.SIG_DFL

    def __call__(self) -> bool:
        """Return whether SIGTERM has come."""
        if not self._installed and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._take)
            self._installed = True
        return self.asked

    def reset(self) -> None:
        """Let SIGTERM do again what it did before the first question."""
        if self._installed:
            signal.signal(signal.SIGTERM, self._before)
            self._installed = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if callable(self._before):
            self._before(number, frame)


TRIAL_VARIABLE = "SUREFOOT_TRIAL"


@dataclass(frozen=True, slots=True)
class TrialFile:
    """What a script is told.

    Attributes:
        trial: The trial; ``None`` where the script is only asked how long its full training is.
        answers: File for its answers.
    """

    trial: Trial | None
    answers: Path

    def write(self, path: Path) -> None:
        """Write it to a file."""
        data: dict[str, Any] = {"answers": str(self.answers)}
        if self.trial is not None:
            trial = self.trial
            data["trial"] = {"recipe": trial.recipe.to_json(), "steps": trial.steps, "seed": trial.seed}
        path.write_text(json.dumps(data))

    @classmethod
    def read(cls, path: Path) -> TrialFile:
        """Read it from a file.

        Raises:
            TaskError: If there is no such file, or something else in it.
        """
        try:
            data = json.loads(path.read_text())
            told = data.get("trial")
            trial = told and Trial(Recipe.from_json(told["recipe"]), told["steps"], told["seed"])
            return cls(trial, Path(data["answers"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise TaskError(
                f"{TRIAL_VARIABLE}={str(path)!r} names no trial: {error}.",
                hint="surefoot sets this variable; unset it to run the script by itself.",
            ) from None


@dataclass(frozen=True, slots=True)
class Answers:
    """What a script has answered.

    Attributes:
        asked: Whether it asked for its trial.
        steps: How long it says its full training is; ``None`` where it does not say.
        reports: What it reported.
    """

    asked: bool = False
    steps: int | None = None
    reports: tuple[Report, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Answers:
        """Read the answers so far; there are none where there is no file."""
        try:
            lines = path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return cls()
        whole = [json.loads(line) for line in lines if line.endswith(b"\n")]
        asked = [answer["asked"] for answer in whole if "asked" in answer]
        reports = tuple(Report(*answer["report"]) for answer in whole if "report" in answer)
        return cls(bool(asked), asked[0] if asked else None, reports)

    @property
    def final(self) -> Report | None:
        """The last report of the end of the training, or else the last of all; ``None`` where there is none."""
        ends = [report for report in self.reports if report.step is None]
        return next(reversed(ends or self.reports), None)


def answer(path: Path, **content: Any) -> None:
    """Add a line to the answers."""
    data = json.dumps(content).encode() + b"\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)


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
