"""A trial with its outcome, as a stage of a study keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from surefoot.trainers.outcome import Outcome
from surefoot.trainers.trial import Trial

ALL_STEPS: Final = -1


@dataclass(frozen=True, slots=True)
class Measurement:
    """A trial with its outcome.

    Attributes:
        stage: Name of the stage of the study it belongs to.
        trial: What was trained.
        outcome: What came of it.
        taken: Steps taken: all of the trial's, unless given. Searches on one long training a recipe have measured it
            before its end; there the trial is the long training.

    Example:
        >>> from surefoot.recipe import Recipe
        >>> Measurement("search", Trial(Recipe(), steps=100, seed=0), Outcome(0.5)).taken
        100
    """

    stage: str
    trial: Trial
    outcome: Outcome
    taken: int = ALL_STEPS

    def __post_init__(self) -> None:
        if self.taken == ALL_STEPS:
            object.__setattr__(self, "taken", self.trial.steps)
