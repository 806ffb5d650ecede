"""What a search may cost: budgets resolved to config-steps, and how many trials each stage has.

Trials as far as the budget goes: what the engine asks for, cut to what is left, run, paid for and shown.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from surefoot.core.budget import Budget
from surefoot.core.errors import BudgetError
from surefoot.core.progress import Interrupted, Progress
from surefoot.recipe.recipe import Recipe
from surefoot.search.request import Aim
from surefoot.studies.ledger import Ledger
from surefoot.surrogate.rungs import FEWEST_STEPS, is_short, rungs
from surefoot.trainers.trial import Outcome, Trial

# ``auto``: so many seconds or trainings, whichever is less; but never under what an answer takes. Where one training
# takes over a minute, never more than three of them.
AUTO_SECONDS, AUTO_TRAININGS = 15.0, 18.0
LONG_TRAINING_SECONDS, AUTO_LONG_TRAININGS = 60.0, 3.0
# A find of a long training, whose map costs no more, costs at most this.
FIND_TRAININGS = 0.3
# Trials of the map: at factors of ten of the rate, spread over the space, and then where most improvement is expected.
BRACKETING, A_ROUND = 4, 3
SPREAD_PER_AXIS, ROUNDS_PER_AXIS = 3, 0.5
# Of a long training, no trial of the search is longer than this share of it; nor does a map have longer ones.
LONGEST_CLIMB = 0.26
# (spread, rounds, trials at each rung above the lowest): where the lowest rung is a large share of the training, and
# where it is a small one.
SHORT_TRAINING, LONG_TRAINING = (4, 1, (2, 2)), (6, 2, (3, 1))
# A search needs so many trials at least to say anything.
FEWEST_TRIALS = 5
# Of a deadline, so much is left for the answer.
ANSWER_SECONDS, ANSWER_SHARE = 1.0, 0.03


@dataclass(frozen=True, slots=True)
class Stages:
    """How many trials a search has at each stage.

    Attributes:
        lowest: Length of the trials of the map.
        rungs: All lengths, the full training last.
        spread: Trials spread over the space.
        rounds: Rounds of trials where most improvement is expected.
        climb: (length, trials) above the lowest rung.
        bracketing: Trials at factors of ten of the rate, as a rule.
    """

    lowest: int
    rungs: tuple[int, ...]
    spread: int
    rounds: int
    climb: tuple[tuple[int, int], ...]
    bracketing: int = BRACKETING

    @classmethod
    def of(cls, full_steps: int, *, axes: int, optimizers: int) -> Stages:
        """Return the stages of a search.

        Args:
            full_steps: Length of a full training.
            axes: How many hyperparameters are searched.
            optimizers: How many optimizers.

        Example:
            >>> Stages.of(4000, axes=2, optimizers=1).climb, Stages.of(220, axes=2, optimizers=1).climb
            (((250, 3), (1000, 1)), ((56, 2), (112, 2)))
        """
        more = max(0, axes - 2)
        lengths = rungs(full_steps)
        short = is_short(full_steps)
        spread, rounds, counts = SHORT_TRAINING if short else LONG_TRAINING
        return cls(
            lengths[0],
            lengths,
            spread + SPREAD_PER_AXIS * more,
            rounds + math.ceil(ROUNDS_PER_AXIS * more),
            tuple(
                (steps, count)
                for steps, count in zip(lengths[1:-1], counts, strict=False)
                if short or steps <= LONGEST_CLIMB * full_steps
            ),
            bracketing=BRACKETING * optimizers,
        )

    def raised(self) -> Stages | None:
        """Return the stages with the next rung as the lowest and half the trials; ``None`` where that is too long."""
        longer = next((steps for steps in self.rungs[:-1] if steps > self.lowest), None)
        if longer is None or longer > LONGEST_CLIMB * self.rungs[-1]:
            return None
        return replace(
            self,
            lowest=longer,
            bracketing=2,
            spread=max(2, self.spread // 2),
            rounds=max(1, self.rounds // 2),
            climb=tuple((steps, max(1, count // 2)) for steps, count in self.climb if steps > longer),
        )

    def within(self, config_steps: int) -> Stages:
        """Return the stages with a lower rung, where a budget has no room for a few trials at the lowest.

        Example:
            >>> stages = Stages.of(1000, axes=2, optimizers=1)
            >>> stages.lowest, stages.within(500).lowest, stages.within(100).lowest
            (64, 64, 20)
        """
        lowest = min(self.lowest, max(FEWEST_STEPS, config_steps // FEWEST_TRIALS))
        return self if lowest == self.lowest else replace(self, lowest=lowest, rungs=(lowest, *self.rungs))

    @property
    def map_trials(self) -> int:
        """Trials of the map, with the usual number of factors of ten."""
        return self.bracketing + self.spread + self.rounds * A_ROUND

    @property
    def config_steps(self) -> int:
        """What the search costs, without any full training."""
        return self.map_trials * self.lowest + sum(steps * count for steps, count in self.climb)


@dataclass(slots=True)
class Allowance:
    """What is left of a budget.

    Attributes:
        total: Config-steps in all; infinite where only time bounds the work.
        deadline: When the answer must be there, by ``time.monotonic``; ``None`` where time does not matter.
        step_seconds: Seconds that a config-step takes, as last measured.
        spent: Config-steps so far.
    """

    total: float
    deadline: float | None = None
    step_seconds: float | None = None
    spent: int = 0

    def affords(self, config_steps: float) -> bool:
        """Tell whether so much work fits into what is left."""
        if self.spent + config_steps > self.total + 0.5:
            return False
        if self.deadline is None:
            return True
        return (self.step_seconds or 0.0) * config_steps < self.deadline - time.monotonic()

    def left(self) -> float:
        """Return the config-steps that are left."""
        by_steps = self.total - self.spent
        if self.deadline is None or not self.step_seconds:
            return by_steps
        return min(by_steps, max(0.0, self.deadline - time.monotonic()) / self.step_seconds)

    def over(self) -> bool:
        """Tell whether the time is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def pay(self, config_steps: int, *, seconds: float) -> None:
        """Take note of work done."""
        self.spent += config_steps
        if config_steps and seconds > 0:
            own = seconds / config_steps
            self.step_seconds = own if self.step_seconds is None else max(own, 0.5 * (own + self.step_seconds))


def resolved(
    budget: Budget,
    *,
    full_steps: int,
    stages: Stages,
    step_seconds: float | None,
    full_training: bool,
    compared: int = 0,
) -> Budget:
    """Return a budget with nothing left to be decided: ``auto`` becomes a number of trainings.

    Args:
        budget: As it was given.
        full_steps: Length of a full training.
        stages: Of the search.
        step_seconds: Seconds of a config-step, where that was measured.
        full_training: Whether the answer is to be trained in full.
        compared: How many recipes of the user's own are to be trained beside it.

    Raises:
        BudgetError: If it buys less than five trials of 8 steps.

    Example:
        >>> stages = Stages.of(220, axes=2, optimizers=1)
        >>> str(resolved(Budget.parse("auto"), full_steps=220, stages=stages, step_seconds=1e-4, full_training=True))
        '18x'
    """
    if budget.seconds is not None:
        return budget
    if budget.trainings is not None:
        if budget.trainings * full_steps < FEWEST_TRIALS * min(FEWEST_STEPS, full_steps):
            raise BudgetError(
                f"{budget} of {full_steps} steps buys less than {FEWEST_TRIALS} trials of {FEWEST_STEPS} steps.",
                hint=f"give {_rounded(FEWEST_TRIALS * min(FEWEST_STEPS, full_steps) / full_steps)}x or more; "
                f"a whole search in short trials takes about {_rounded(stages.config_steps / full_steps)}x.",
            )
        return budget
    least = stages.config_steps / full_steps + (1.0 + compared if full_training else 0.0)
    if not full_training:
        mapped = stages.map_trials * stages.lowest / full_steps
        return Budget(trainings=_rounded(min(least, FIND_TRAININGS) if mapped <= FIND_TRAININGS else least))
    training_seconds = (step_seconds or 0.0) * full_steps
    if training_seconds > LONG_TRAINING_SECONDS:
        return Budget(trainings=_rounded(min(AUTO_LONG_TRAININGS + compared, least)))
    by_time = AUTO_SECONDS / training_seconds if training_seconds else AUTO_TRAININGS
    return Budget(trainings=_rounded(max(least, min(AUTO_TRAININGS, by_time))))


def _rounded(trainings: float) -> float:
    """Return a number of trainings, up to the next hundredth."""
    return math.ceil(100.0 * trainings) / 100.0


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
