"""How a script learns its trial, and how it answers: a file for each way.

The environment variable ``SUREFOOT_TRIAL`` names the first, one JSON object. The second gets one JSON object a line:
``{"asked": steps}`` as soon as the script asks for its trial, then ``{"report": [loss, step, metric, test_loss]}``.
A line is written at once and whole, so that a script may be killed at any time; nothing is read of a torn one.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.errors import TaskError
from surefoot.recipe.recipe import Recipe
from surefoot.trainers.trial import Trial
from surefoot.trainers.trial_reports import Report

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
