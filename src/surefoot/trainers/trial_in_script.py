"""``surefoot.trial()``, which returns the trial of a running script, and the files between script and ScriptTrainer.

The environment variable ``SUREFOOT_TRIAL`` names the trial file, one JSON object. The script appends JSON objects, one
on each line, to a file of messages: ``{"asked": steps}`` when it calls ``surefoot.trial()``, and then
``{"report": [loss, step, metric, test_loss]}``. Each line is written by one system call, so that a script may be killed
at any time; incomplete lines are ignored.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from surefoot.core.errors import RecipeError, TaskError
from surefoot.fleet.forked_processes import end_with_parent
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.seeding import derive_seed, seed_everything
from surefoot.trainers.trial import Trial
from surefoot.trainers.trial_reports_and_output import Report


class StopSignal:
    """A stop condition that becomes true when this process receives SIGTERM.

    The signal handler is installed at the first call. A training that never calls it is ended by SIGTERM like any
    process; one that does can end by itself, in the few seconds before it is killed.

    Attributes:
        requested: Whether SIGTERM was received.
    """

    def __init__(self) -> None:
        self.requested = False
        self._installed = False
        self._before: Any = signal.SIG_DFL

    def __call__(self) -> bool:
        """Return whether SIGTERM was received; install the handler at the first call."""
        if not self._installed and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._handle)
            self._installed = True
        return self.requested

    def reset(self) -> None:
        """Restore the signal handler that was in place before the first call."""
        if self._installed:
            signal.signal(signal.SIGTERM, self._before)
            self._installed = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if callable(self._before):
            self._before(number, frame)


# Environment variable with the path of the trial file.
TRIAL_VARIABLE = "SUREFOOT_TRIAL"


@dataclass(frozen=True, slots=True)
class TrialFile:
    """The file that a ScriptTrainer writes for a script.

    Attributes:
        trial: The trial; ``None`` where the script is run only to learn the length of its full training.
        messages: Path of the file for the script's messages.
    """

    trial: Trial | None
    messages: Path

    def write(self, path: Path) -> None:
        """Write the file."""
        data: dict[str, Any] = {"answers": str(self.messages)}
        if self.trial is not None:
            trial = self.trial
            data["trial"] = {"recipe": trial.recipe.to_json(), "steps": trial.steps, "seed": trial.seed}
        path.write_text(json.dumps(data))

    @classmethod
    def read(cls, path: Path) -> TrialFile:
        """Read the file.

        Raises:
            TaskError: If the file cannot be read or has another content.
        """
        try:
            data = json.loads(path.read_text())
            trial = data.get("trial")
            trial = trial and Trial(Recipe.from_json(trial["recipe"]), trial["steps"], trial["seed"])
            return cls(trial, Path(data["answers"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise TaskError(
                f"{TRIAL_VARIABLE}={str(path)!r} is not the path of a trial file: {error}.",
                hint="surefoot sets this variable; unset it to run the script by itself.",
            ) from None


@dataclass(frozen=True, slots=True)
class ScriptMessages:
    """The messages of a script to the ScriptTrainer.

    Attributes:
        asked_for_trial: Whether it has called ``surefoot.trial()``.
        steps: Length of its full training in steps, as it states it; ``None`` where it does not.
        reports: Its reports so far.
    """

    asked_for_trial: bool = False
    steps: int | None = None
    reports: tuple[Report, ...] = ()

    @classmethod
    def read(cls, path: Path) -> ScriptMessages:
        """Read the messages so far; there are none where there is no file."""
        try:
            lines = path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return cls()
        messages = [json.loads(line) for line in lines if line.endswith(b"\n")]
        stated_steps = [message["asked"] for message in messages if "asked" in message]
        reports = tuple(Report(*message["report"]) for message in messages if "report" in message)
        return cls(bool(stated_steps), stated_steps[0] if stated_steps else None, reports)

    @property
    def final(self) -> Report | None:
        """The last report without a step, or else the last report of all; ``None`` where there is none."""
        ends = [report for report in self.reports if report.step is None]
        return next(reversed(ends or self.reports), None)


def append_message(path: Path, **content: Any) -> None:
    """Append one message to the file, as a JSON object on one line."""
    data = json.dumps(content).encode() + b"\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)


# Environment variables for a script that runs outside a study.
RECIPE_VARIABLE, SEED_VARIABLE = "SUREFOOT_RECIPE", "SUREFOOT_SEED"


def trial(steps: int | None = None) -> Trial:
    """Return the trial that this script should train, and seed the global generators of torch, NumPy and Python for it.

    Call it once, before the model is created. In a study the trial is the one that the study asks for, which may have
    fewer steps than those given here. Outside a study the trial has ``steps``, the default recipe or the one in the
    environment variable ``SUREFOOT_RECIPE``, and seed 0 or the one in ``SUREFOOT_SEED``.

    Args:
        steps: Length of a full training in optimizer steps. Where a study has no length, it takes this one: it runs
            the script once up to this call, where the process then ends.

    Raises:
        TaskError: If no length is given outside a study.
        RecipeError: If a variable does not hold a recipe or a seed, or ``steps`` is not a whole number of at least 1.

    Example:
        >>> standalone = trial(steps=100)
        >>> str(standalone.recipe), standalone.steps, standalone.seed
        ('sgd(lr=0.01, momentum=0.9)', 100, 0)
    """
    if steps is not None:
        Trial(Recipe(), steps, seed=0)  # checks the length
    path = os.environ.get(TRIAL_VARIABLE)
    current = _standalone_trial(steps) if path is None else _study_trial(Path(path), steps)
    seed_everything(derive_seed(current.seed, "initialisation"))
    return current


def _study_trial(path: Path, steps: int | None) -> Trial:
    file = TrialFile.read(path)
    append_message(file.messages, asked=steps)
    if file.trial is None:
        sys.exit(0)  # the study only needed the length
    end_with_parent(signal.SIGTERM)
    return replace(file.trial, reporter=FileReporter(file.messages))


def _standalone_trial(steps: int | None) -> Trial:
    if steps is None:
        raise TaskError(
            "the length of the training is not given.", hint="write surefoot.trial(steps=...) with its optimizer steps."
        )
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
    """Appends the reports of a script to its file of messages.

    Attributes:
        path: The file.
    """

    path: Path
    _stop: StopSignal = field(default_factory=StopSignal)

    def report(self, loss: Any, *, step: Any, metric: Any, test_loss: Any) -> None:
        """Append a validation loss."""
        append_message(self.path, report=Report.of(loss, step=step, metric=metric, test_loss=test_loss).to_json())

    def should_stop(self) -> bool:
        """Return whether this process was asked to end."""
        return self._stop()
