"""Runs trials as far as a budget goes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from surefoot.core.progress import Interrupted, Progress
from surefoot.recipe.recipe import Recipe
from surefoot.search.criterion import Criterion
from surefoot.search.result import FULL_TRAINING, LONGER_RUNGS, LOWEST_RUNG
from surefoot.studies.trial_recorder import TrialRecorder
from surefoot.trainers.trial import Outcome, Trial

# What the progress bar says of the trials of each stage.
PROGRESS_LABELS = {LOWEST_RUNG: "short trials", LONGER_RUNGS: "longer trials", FULL_TRAINING: "full training"}
# After so many failures in a row, other than divergence, the search ends: the program is broken, not its recipes. One
# optimizer that cannot be used fails at up to nine rates.
MAX_FAILURES_IN_A_ROW = 12
# Of a budget in seconds, time kept for evaluating the trials: at least so many seconds, or so large a share.
RESERVED_SECONDS, RESERVED_SHARE = 1.0, 0.03


def reserved_seconds(budget_seconds: float) -> float:
    """Return the part of a budget in seconds that is kept for the answer after the last trial.

    Example:
        >>> reserved_seconds(10.0), reserved_seconds(100.0)
        (1.0, 3.0)
    """
    return max(RESERVED_SECONDS, RESERVED_SHARE * budget_seconds)


class AllFailedError(Exception):
    """Trials fail for another reason than divergence: all from the start, or too many in a row."""


@dataclass(slots=True)
class RemainingBudget:
    """What is left of a budget.

    Attributes:
        total: All config-steps of the budget; infinite where only time limits the work.
        deadline: Time by which the last trial must end, on the clock of ``time.monotonic``; ``None`` without one.
        step_seconds: Seconds of one config-step, as last measured; ``None`` before.
        spent: Config-steps spent so far.

    Example:
        >>> budget = RemainingBudget(total=100)
        >>> budget.spend(80, seconds=1.0)
        >>> budget.affords(20), budget.affords(30), budget.config_steps_left()
        (True, False, 20)
    """

    total: float
    deadline: float | None = None
    step_seconds: float | None = None
    spent: int = 0

    def affords(self, config_steps: float) -> bool:
        """Return whether so many config-steps fit into what is left."""
        if self.spent + config_steps > self.total + 0.5:
            return False
        if self.deadline is None:
            return True
        return (self.step_seconds or 0.0) * config_steps < self.deadline - time.monotonic()

    def config_steps_left(self) -> float:
        """Return the config-steps that are left; infinite under a deadline while a step's time is not known."""
        by_steps = self.total - self.spent
        if self.deadline is None or not self.step_seconds:
            return by_steps
        return min(by_steps, max(0.0, self.deadline - time.monotonic()) / self.step_seconds)

    def deadline_passed(self) -> bool:
        """Return whether there is a deadline and it has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def spend(self, config_steps: int, *, seconds: float) -> None:
        """Count work as spent, and learn from it how long a config-step takes."""
        self.spent += config_steps
        if config_steps and seconds > 0:
            latest = seconds / config_steps
            # A slower pace counts at once, a faster one by half: a deadline must hold.
            self.step_seconds = latest if self.step_seconds is None else max(latest, 0.5 * (latest + self.step_seconds))


@dataclass(slots=True)
class BudgetedRunner:
    """Runs the trials of a search as far as its budget goes, and shows its progress.

    Attributes:
        recorder: Trains the trials that are not recorded yet.
        budget: What may still be spent.
        criterion: What makes one trial better than another; for the best so far on the progress bar.
        progress: Receives the stages, the best so far and messages.
        interrupted_trials: (number, length in steps) of the trials that ran when the work was interrupted; ``None``
            before.
    """

    recorder: TrialRecorder
    budget: RemainingBudget
    criterion: Criterion
    progress: Progress
    interrupted_trials: tuple[int, int] | None = field(default=None, init=False)
    _failure_shown: bool = field(default=False, init=False)
    _failures_in_a_row: int = field(default=0, init=False)

    def run(
        self, stage: str, recipes: Sequence[Recipe], *, steps: int, seed: int, all_or_none: bool = False
    ) -> list[Outcome]:
        """Train as many of some recipes as the budget has room for, and return their outcomes.

        Args:
            stage: Name of the stage, under which a study records the trials.
            recipes: Recipes to train, the most important first.
            steps: Length of each training.
            seed: Seed of each training.
            all_or_none: Whether to train none of them if there is no room for all.

        Raises:
            Interrupted: If asked to stop.
            AllFailedError: If every trial so far failed, or too many in a row.
            TaskError: If a metric is to be maximised and no trial has one.
        """
        count = len(recipes)
        while count and not self.budget.affords(count * steps):
            count -= 1
        if not count or (all_or_none and count < len(recipes)):
            return []
        label = PROGRESS_LABELS[stage.split("/", maxsplit=1)[0]]
        self.progress.stage(f"{label}, {steps} steps", config_steps=count * steps)
        begin = time.monotonic()
        trials = [Trial(recipe, steps, seed) for recipe in recipes[:count]]
        new = sum(not self.recorder.knows(trial) for trial in trials)
        outcomes = self._outcomes(stage, trials)
        self.criterion.require_metric(self.recorder.trainer, outcomes)
        # Trials that were recorded before count as spent, at the pace of the new ones.
        self.budget.spend(count * steps, seconds=(time.monotonic() - begin) * count / new if new else 0.0)
        self._show(trials, outcomes)
        for outcome in outcomes:
            self._failures_in_a_row = 0 if outcome.failure is None else self._failures_in_a_row + 1
        all_failed = all(row.outcome.failure is not None for row in self.recorder.measurements)
        if all_failed or self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            raise AllFailedError
        return outcomes

    def _outcomes(self, stage: str, trials: Sequence[Trial]) -> list[Outcome]:
        """Return the outcomes of trials; if interrupted, note how many of them are missing."""
        if self.recorder.trainer.stop():
            raise Interrupted
        try:
            return self.recorder.run(stage, trials)
        except Interrupted:
            missing = sum(not self.recorder.knows(trial) for trial in trials)
            self.interrupted_trials = (missing, trials[0].steps) if missing else None
            raise

    def _show(self, trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> None:
        """Show the best of the longest trials so far, and the first failure."""
        longest = max(row.trial.steps for row in self.recorder.measurements)
        rows = [row for row in self.recorder.measurements if row.trial.steps == longest and row.outcome.ok]
        if rows:
            best = min(rows, key=lambda row: self.criterion.cost(row.outcome))
            self.progress.best(str(best.trial.recipe), best.outcome.loss)
        failed = [
            (trial, outcome) for trial, outcome in zip(trials, outcomes, strict=True) if outcome.failure is not None
        ]
        if failed and not self._failure_shown:
            trial, outcome = failed[0]
            self.progress.message(f"a trial failed ({trial.recipe}): {outcome.failure}")
            self._failure_shown = True
