"""Trials within a budget: how many each stage of a search has, and a runner that stops where the budget ends."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from surefoot.core.budget import Budget
from surefoot.core.errors import BudgetError
from surefoot.core.progress import Interrupted, Progress
from surefoot.recipe.recipe import Recipe
from surefoot.search.criterion import Criterion
from surefoot.search.result import FULL_TRAINING, LONGER_RUNGS, LOWEST_RUNG
from surefoot.studies.study_session import TrialRecorder
from surefoot.surrogate.rung_lengths import MIN_SCHEDULE_STEPS, is_short, rungs
from surefoot.trainers.trial import Outcome, Trial

# A budget of ``auto`` is so many seconds or full trainings, whichever is less, but never less than a whole search in
# short trials (chosen: as long as one waits for an answer).
AUTO_SECONDS, AUTO_SEARCH_TRAININGS = 15.0, 18.0
# Where one training takes over a minute, ``auto`` is at most three trainings (chosen).
LONG_TRAINING_SECONDS, AUTO_LONG_TRAININGS = 60.0, 3.0
# An automatic ``find`` costs at most this many trainings where its trials at the lowest rung fit into it.
AUTO_FIND_TRAININGS = 0.3
# Trials at factors of ten of the default rate, as a rule, and of a round chosen by expected improvement.
BRACKETING_TRIALS, ROUND_TRIALS = 4, 3
# Additional trials and rounds for every hyperparameter that is searched besides learning rate and momentum.
SPREAD_TRIALS_PER_AXIS, ROUNDS_PER_AXIS = 3, 0.5
# Of a long training no trial of the search is longer than this share of it.
MAX_RUNG_SHARE = 0.26
# (trials spread over the space, rounds, trials at each longer rung): where the lowest rung is a large share of the
# training, and where it is a small one (ADR 0020).
SHORT_TRAINING_SIZES, LONG_TRAINING_SIZES = (4, 1, (2, 2)), (6, 2, (3, 1))
# With fewer trials a search can say nothing.
MIN_SEARCH_TRIALS = 5


@dataclass(frozen=True, slots=True)
class StageSizes:
    """How many trials each stage of a search has, and how long they are.

    Attributes:
        lowest: Length of the trials at the lowest rung, in steps.
        rungs: All training lengths in steps, ascending; the last is the full training.
        spread_trials: Trials at the lowest rung that are spread over the space.
        rounds: Rounds of trials at the lowest rung that are chosen by expected improvement.
        longer: (length, trials) of each rung above the lowest.
        bracketing_trials: Trials at factors of ten of the default rate, as a rule.
    """

    lowest: int
    rungs: tuple[int, ...]
    spread_trials: int
    rounds: int
    longer: tuple[tuple[int, int], ...]
    bracketing_trials: int = BRACKETING_TRIALS

    @classmethod
    def of(cls, full_steps: int, *, axes: int, optimizers: int) -> StageSizes:
        """Return the sizes for a search of some dimensions.

        Args:
            full_steps: Length of a full training, in steps.
            axes: Number of hyperparameters that are searched.
            optimizers: Number of optimizers.

        Example:
            >>> StageSizes.of(4000, axes=2, optimizers=1).longer, StageSizes.of(220, axes=2, optimizers=1).longer
            (((250, 3), (1000, 1)), ((56, 2), (112, 2)))
        """
        more_axes = max(0, axes - 2)
        lengths = rungs(full_steps)
        short = is_short(full_steps)
        spread, rounds, counts = SHORT_TRAINING_SIZES if short else LONG_TRAINING_SIZES
        return cls(
            lengths[0],
            lengths,
            spread + SPREAD_TRIALS_PER_AXIS * more_axes,
            rounds + math.ceil(ROUNDS_PER_AXIS * more_axes),
            tuple(
                (steps, count)
                for steps, count in zip(lengths[1:-1], counts, strict=False)
                if short or steps <= MAX_RUNG_SHARE * full_steps
            ),
            bracketing_trials=BRACKETING_TRIALS * optimizers,
        )

    def with_longer_lowest_rung(self) -> StageSizes | None:
        """Return sizes that begin at the next rung with half the trials; ``None`` where that rung is too long."""
        longer = next((steps for steps in self.rungs[:-1] if steps > self.lowest), None)
        if longer is None or longer > MAX_RUNG_SHARE * self.rungs[-1]:
            return None
        return replace(
            self,
            lowest=longer,
            bracketing_trials=2,
            spread_trials=max(2, self.spread_trials // 2),
            rounds=max(1, self.rounds // 2),
            longer=tuple((steps, max(1, count // 2)) for steps, count in self.longer if steps > longer),
        )

    def within(self, config_steps: int) -> StageSizes:
        """Return sizes with a shorter lowest rung, where a budget has no room for five trials of it.

        Example:
            >>> sizes = StageSizes.of(1000, axes=2, optimizers=1)
            >>> sizes.lowest, sizes.within(500).lowest, sizes.within(100).lowest
            (64, 64, 20)
        """
        lowest = min(self.lowest, max(MIN_SCHEDULE_STEPS, config_steps // MIN_SEARCH_TRIALS))
        return self if lowest == self.lowest else replace(self, lowest=lowest, rungs=(lowest, *self.rungs))

    @property
    def lowest_rung_config_steps(self) -> int:
        """Config-steps of all trials at the lowest rung."""
        return (self.bracketing_trials + self.spread_trials + self.rounds * ROUND_TRIALS) * self.lowest

    @property
    def config_steps(self) -> int:
        """Config-steps of the search, without any full training."""
        return self.lowest_rung_config_steps + sum(steps * count for steps, count in self.longer)


def resolve_budget(
    budget: Budget,
    *,
    full_steps: int,
    sizes: StageSizes,
    step_seconds: float | None,
    full_training: bool,
    compared: int = 0,
) -> Budget:
    """Return the budget with ``auto`` replaced by a number of trainings.

    Args:
        budget: Budget as the user gave it.
        full_steps: Length of a full training, in steps.
        sizes: Sizes of the search's stages.
        step_seconds: Seconds of one config-step; ``None`` where it was not measured.
        full_training: Whether the recommended recipe is to be trained in full.
        compared: Number of the user's recipes to train in full as well.

    Raises:
        BudgetError: If the budget is less than five trials of 8 steps.

    Example:
        >>> sizes = StageSizes.of(220, axes=2, optimizers=1)
        >>> auto = Budget.parse("auto")
        >>> str(resolve_budget(auto, full_steps=220, sizes=sizes, step_seconds=1e-4, full_training=True))
        '18x'
    """
    search = sizes.config_steps / full_steps
    if budget.seconds is not None:
        return budget
    if budget.trainings is not None:
        needed = MIN_SEARCH_TRIALS * min(MIN_SCHEDULE_STEPS, full_steps)
        if budget.trainings * full_steps < needed:
            raise BudgetError(
                f"a budget of {budget} buys less than {MIN_SEARCH_TRIALS} trials of {MIN_SCHEDULE_STEPS} steps; "
                f"1x is one training of {full_steps:,} steps.",
                hint=f"give {_rounded_up(needed / full_steps)}x or more; a whole search in short trials takes about "
                f"{_rounded_up(search)}x.",
            )
        return budget
    if not full_training:
        fits = sizes.lowest_rung_config_steps / full_steps <= AUTO_FIND_TRAININGS
        return Budget(trainings=_rounded_up(min(search, AUTO_FIND_TRAININGS) if fits else search))
    least = search + 1.0 + compared
    training_seconds = (step_seconds or 0.0) * full_steps
    if training_seconds > LONG_TRAINING_SECONDS:
        return Budget(trainings=_rounded_up(min(AUTO_LONG_TRAININGS + compared, least)))
    by_time = AUTO_SECONDS / training_seconds if training_seconds else AUTO_SEARCH_TRAININGS
    return Budget(trainings=_rounded_up(max(least, min(AUTO_SEARCH_TRAININGS, by_time))))


def _rounded_up(trainings: float) -> float:
    """Return a number of trainings, rounded up to the next hundredth."""
    return math.ceil(100.0 * trainings) / 100.0


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
