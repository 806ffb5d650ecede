"""Budget allocation: what an automatic budget is, and how many trials each stage of a search has."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from surefoot.core.budget import Budget
from surefoot.core.errors import BudgetError
from surefoot.surrogate.rungs import MIN_SCHEDULE_STEPS, is_short, rungs

# A budget of ``auto`` is so many seconds or full trainings, whichever is less, but never less than a whole search in
# short trials (chosen: as long as one waits for an answer).
AUTO_SECONDS, AUTO_TRAININGS = 15.0, 18.0
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
    by_time = AUTO_SECONDS / training_seconds if training_seconds else AUTO_TRAININGS
    return Budget(trainings=_rounded_up(max(least, min(AUTO_TRAININGS, by_time))))


def _rounded_up(trainings: float) -> float:
    """Return a number of trainings, rounded up to the next hundredth."""
    return math.ceil(100.0 * trainings) / 100.0
