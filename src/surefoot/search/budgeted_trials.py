"""Trials as far as the budget goes: what the engine asks for, cut to what is left, run, paid for and shown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from surefoot.fleet.progress import Progress
from surefoot.interruption import Interrupted
from surefoot.recipe.recipe import Recipe
from surefoot.search.budget_allocation import Allowance
from surefoot.search.goal import Aim
from surefoot.studies.ledger import Ledger
from surefoot.trainers.outcome import Outcome
from surefoot.trainers.trial import Trial

MAP, CLIMB, FULL = "map", "climb", "full"
# What the stages are called on the progress bar.
SHOWN = {MAP: "map", CLIMB: "climb", FULL: "training"}
# After so many failures in a row, other than divergence, nothing more is tried: what is trained is broken. One
# optimizer that cannot be used fails at up to nine rates.
MOST_FAILURES = 12


class AllFailedError(Exception):
    """No trial can be run: not one diverged, but each broke off, all from the start or too many in a row."""


@dataclass(slots=True)
class BudgetedTrials:
    """Runs trials within a budget.

    Attributes:
        ledger: Runs them, unless they are recorded.
        allowance: What may be spent.
        aim: What makes one better than another, for the best so far.
        progress: Receives what happens.
        broken_off: (trials, their length) that were running when the work was stopped; ``None`` where none were.
    """

    ledger: Ledger
    allowance: Allowance
    aim: Aim
    progress: Progress
    broken_off: tuple[int, int] | None = None
    _failure_told: bool = False
    _failures: int = 0

    def run(
        self, stage: str, recipes: Sequence[Recipe], steps: int, *, seed: int, whole: bool = False
    ) -> list[Outcome]:
        """Train as many of some recipes as the budget has room for; return their outcomes.

        Args:
            stage: What for.
            recipes: The recipes.
            steps: Length of the trainings.
            seed: Of all of them.
            whole: Whether to train none where there is no room for all.

        Raises:
            Interrupted: If asked to stop.
            AllFailedError: If every trial so far failed, or too many in a row.
            TaskError: If a metric is to be maximised and no trial has one.
        """
        count = len(recipes)
        while count and not self.allowance.affords(count * steps):
            count -= 1
        if not count or (whole and count < len(recipes)):
            return []
        self.progress.stage(f"{SHOWN[stage.split('/', maxsplit=1)[0]]}, {steps} steps", config_steps=count * steps)
        begin = time.monotonic()
        trials = [Trial(recipe, steps, seed) for recipe in recipes[:count]]
        known = sum(self.ledger.knows(trial) for trial in trials)
        if self.ledger.trainer.stop():
            raise Interrupted
        try:
            outcomes = self.ledger.run(stage, trials)
        except Interrupted:
            lost = sum(not self.ledger.knows(trial) for trial in trials)
            self.broken_off = (lost, steps) if lost else None
            raise
        self.aim.require_metric(self.ledger.trainer, outcomes)
        fresh = (count - known) * steps
        self.allowance.pay(count * steps, seconds=(time.monotonic() - begin) * count * steps / fresh if fresh else 0.0)
        self._show(trials, outcomes)
        for outcome in outcomes:
            self._failures = 0 if outcome.failure is None else self._failures + 1
        if self._failures >= MOST_FAILURES or all(row.outcome.failure is not None for row in self.ledger.measurements):
            raise AllFailedError
        return outcomes

    def _show(self, trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> None:
        """Show the best so far of the longest trials, and once why trials fail."""
        longest = max(row.trial.steps for row in self.ledger.measurements)
        rows = [row for row in self.ledger.measurements if row.trial.steps == longest and row.outcome.ok]
        if rows:
            best = min(rows, key=lambda row: self.aim.cost(row.outcome))
            self.progress.best(str(best.trial.recipe), best.outcome.loss)
        failed = [pair for pair in zip(trials, outcomes, strict=True) if pair[1].failure is not None]
        if failed and not self._failure_told:
            trial, outcome = failed[0]
            self.progress.tell(f"a trial failed ({trial.recipe}): {outcome.failure}")
            self._failure_told = True
