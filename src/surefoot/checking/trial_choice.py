"""What a check may cost, and which trials it runs for that, round by round.

1. At the lowest rung: the recipe and learning rates outward from it, by factors of 8, until the best lies between two
   that are worse; on both sides where all end alike. Then the rates a factor of 2 from the best, and momenta on both
   sides. These refinements cost at most half of the budget.
2. As long as the verdict is in doubt: the recipe and the change that could turn it, compared at the next rung, then in
   full, then on further seeds. Where the budget has no room for both lengths, they are compared at once at the longest
   rung that it allows. Where a change fails in a longer trial, the next one takes its place.
3. Where a change is advised: the change and the recipe compared in longer trials, as long as the budget has room. Where
   the recipe is healthy: its training in full.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from surefoot.checking.expected_loss_saving import best_of_each_kind
from surefoot.checking.neighbourhood import MAX_DOUBLINGS, LrAndMomentum
from surefoot.checking.trial_history import CheckTrial, TrialHistory, best_trial, is_far_above
from surefoot.checking.verdict import CONFIDENCE_TO_ADVISE, CheckVerdict, decide_verdict
from surefoot.core.budget import Budget
from surefoot.core.errors import BudgetError
from surefoot.fleet.plan import Plan, trainings_of
from surefoot.surrogate.rung_lengths import lowest_rung, rungs

# The default budget is 2 trainings at a length of 220 steps, and falls with the square root of the length: about half a
# training at 4000. Chosen.
AUTO_REFERENCE_STEPS, AUTO_CHECK_TRAININGS = 220, 2.0
# Bounds of the default budget, in trainings.
MIN_AUTO_TRAININGS, MAX_AUTO_TRAININGS = 0.25, 4.0
# Fewer trials at the lowest rung allow no comparison: the recipe, and two neighbours on either side.
MIN_CHECK_TRIALS = 5
# Lower bound of the measured seconds per step, so that a clock that did not move divides nothing by 0.
MIN_SECONDS_PER_STEP = 1e-9

# Doublings from one learning rate tried to the next one outward: a factor of 8. Chosen.
DOUBLINGS_PER_STRIDE = 3
# The first momenta tried are those whose memory 1 / (1 - momentum) is nearest to this many times the recipe's, or to
# this part of it. Chosen.
MEMORY_FACTOR = 5.0
# Share of the budget that refinements at the lowest rung may cost. Chosen: the rest is for longer trials.
MAX_SHARE_AT_LOWEST_RUNG = 0.5
# Further neighbours are tried at the lowest rung only while the budget keeps room for this many trials at the next one:
# the recipe, and two changes.
TRIALS_RESERVED_FOR_NEXT_RUNG = 3
# Number of seeds after which a rung below the full length has no more to say. In full, the budget alone is the limit.
MAX_SEEDS_PER_RUNG = 3


def auto_trainings(steps: int) -> float:
    """Return the default budget, in trainings, for a training of a length.

        2 √(220 / steps), between 0.25 and 4, but at least what the fewest trials cost

    Example:
        >>> [round(auto_trainings(steps), 2) for steps in (8, 60, 220, 4000, 100_000)]
        [5.0, 3.83, 2.0, 0.47, 0.25]
    """
    trainings = AUTO_CHECK_TRAININGS * math.sqrt(AUTO_REFERENCE_STEPS / steps)
    return max(_min_trainings(steps), min(MAX_AUTO_TRAININGS, max(MIN_AUTO_TRAININGS, trainings)))


def budget_in_trainings(
    budget: Budget, *, steps: int, plan: Plan | None, seconds_per_step: float | None = None
) -> float:
    """Return a budget in full trainings; ``auto`` is :func:`auto_trainings`.

    Args:
        budget: The budget as the user gave it.
        steps: Length of a full training, in optimizer steps.
        plan: How a fleet runs the trials; ``None`` where none does.
        seconds_per_step: Measured duration of a step, where no plan knows it.

    Raises:
        BudgetError: If the budget buys fewer than 5 of the shortest trials.
    """
    if budget.is_auto:
        return auto_trainings(steps)
    if plan is not None:
        return require_enough(trainings_of(budget, steps=steps, plan=plan), budget, steps=steps)
    if seconds_per_step is None or budget.seconds is None:
        return require_enough(budget.trainings, budget, steps=steps)
    seconds_per_training = max(seconds_per_step, MIN_SECONDS_PER_STEP) * steps
    return require_enough(budget.seconds / seconds_per_training, budget, steps=steps)


def require_enough(trainings: float | None, budget: Budget, *, steps: int) -> float:
    """Return a budget in trainings if it buys the fewest trials that allow a comparison.

    Raises:
        BudgetError: If it does not.
    """
    least = _min_trainings(steps)
    if trainings is None or trainings < least:
        raise BudgetError(
            f"a check needs {MIN_CHECK_TRIALS} short trials: at least {math.ceil(100 * least) / 100:g}x; "
            f"given {budget}.",
            hint="leave the budget out, or give auto.",
        )
    return trainings


def _min_trainings(steps: int) -> float:
    """Return what the fewest trials cost, in full trainings."""
    return MIN_CHECK_TRIALS * lowest_rung(steps) / steps


@dataclass(frozen=True, slots=True)
class Round:
    """Trials that are run together, of one length and seed.

    Attributes:
        candidates: Learning rate and momentum of each trial.
        steps: Length of each trial, in optimizer steps.
        seed: Seed of each trial.
    """

    candidates: tuple[LrAndMomentum, ...]
    steps: int
    seed: int

    @property
    def config_steps(self) -> int:
        """Cost of the round."""
        return self.steps * len(self.candidates)


@dataclass(slots=True)
class CheckStrategy:
    """Decides which trials are run next.

    Iterating yields the rounds. Whoever runs one must add its trials to the history before asking for the next.

    Attributes:
        history: The trials so far.
        budget: Ceiling on all trials, in config-steps; may be lowered between rounds.
        verdict: The verdict on the trials so far.
    """

    history: TrialHistory
    budget: int
    verdict: CheckVerdict = field(default_factory=lambda: CheckVerdict("unknown", 0.0))

    @property
    def rungs(self) -> tuple[int, ...]:
        """Lengths of the trials, ascending."""
        return rungs(self.history.full_steps)

    @property
    def spent(self) -> int:
        """Config-steps of the trials so far."""
        return self.history.config_steps

    @property
    def left(self) -> int:
        """Config-steps of the budget that are left."""
        return self.budget - self.spent

    def __iter__(self) -> Iterator[Round]:
        """Yield the rounds, and keep the verdict up to date."""
        yield from self._rounds_at_lowest_rung()
        self.verdict = decide_verdict(self.history)
        while (following := self._next()) is not None:
            yield following
            self.verdict = decide_verdict(self.history)
        if self.verdict.kind == "unknown":
            last = decide_verdict(self.history, tried_only=True)
            self.verdict = last if last.advised is not None else self.verdict

    def _rounds_at_lowest_rung(self) -> Iterator[Round]:
        neighbourhood, refinements = self.history.neighbourhood, math.floor(MAX_SHARE_AT_LOWEST_RUNG * self.budget)
        first = [neighbourhood.with_lr_doubled(times) for times in (0, -DOUBLINGS_PER_STRIDE, DOUBLINGS_PER_STRIDE)]
        yield from self._short_round(first, ceiling=self.budget)
        while outward := [*self._short_round(self._next_lrs_outward(), ceiling=self.budget)]:
            yield from outward
        if self.history.all_losses_nearly_equal() or not self.history.any_trial_finished:
            return
        yield from self._short_round(self._lrs_next_to_best(), ceiling=refinements)
        if not self._lr_is_far_off():
            yield from self._short_round(self._first_momenta(), ceiling=refinements)

    def _short_round(self, candidates: Sequence[LrAndMomentum], *, ceiling: int) -> Iterator[Round]:
        """Yield a round at the lowest rung of the candidates that are new, as many as a ceiling allows."""
        steps, seed = self.rungs[0], self.history.seed
        new = [each for each in dict.fromkeys(candidates) if self.history.loss_of(each, steps=steps, seed=seed) is None]
        count = max(0, (ceiling - self.spent) // steps)
        if new[:count]:
            yield Round(tuple(new[:count]), steps, seed)

    def _next_lrs_outward(self) -> list[LrAndMomentum]:
        """Return the next learning rates outward, where the best one is the last on its side, or all ended alike."""
        neighbourhood = self.history.neighbourhood
        trials = sorted(self._short_lr_trials(), key=lambda trial: trial.hyperparameters.lr)
        best, alike = best_trial(trials), self.history.all_losses_nearly_equal()
        outward = []
        if best == trials[-1]:
            outward.append(round(neighbourhood.lr_doublings(trials[-1].hyperparameters)) + DOUBLINGS_PER_STRIDE)
        if best == trials[0] or alike:
            outward.append(round(neighbourhood.lr_doublings(trials[0].hyperparameters)) - DOUBLINGS_PER_STRIDE)
        return [neighbourhood.with_lr_doubled(times) for times in outward if abs(times) <= MAX_DOUBLINGS]

    def _lrs_next_to_best(self) -> list[LrAndMomentum]:
        """Return the learning rates a factor of 2 from the best one."""
        neighbourhood = self.history.neighbourhood
        best = round(neighbourhood.lr_doublings(best_trial(self._short_lr_trials()).hyperparameters))
        return [neighbourhood.with_lr_doubled(best + times) for times in (-1, 1)]

    def _first_momenta(self) -> list[LrAndMomentum]:
        """Return a lower and a higher momentum at the recipe's effective rate."""
        neighbourhood = self.history.neighbourhood
        current = neighbourhood.current.momentum
        sides = ([each for each in neighbourhood.other_momenta if (each > current) == above] for above in (False, True))

        def distance(momentum: float) -> float:
            return abs(abs(math.log((1.0 - momentum) / (1.0 - current))) - math.log(MEMORY_FACTOR))

        nearest = [min(side, key=distance) for side in sides if side]
        return [neighbourhood.with_momentum_at_equal_effective_rate(each) for each in nearest]

    def _short_lr_trials(self) -> list[CheckTrial]:
        """Return the trials at the lowest rung that differ from the recipe in the learning rate alone."""
        momentum = self.history.neighbourhood.current.momentum
        trials = self.history.trials_of_length(self.rungs[0])
        return [trial for trial in trials if trial.hyperparameters.momentum == momentum]

    def _lr_is_far_off(self) -> bool:
        """Return whether another learning rate ends so much lower that momenta need not be tried yet."""
        current = self.history.neighbourhood.current
        recipe_loss = self.history.loss_of(current, steps=self.rungs[0], seed=self.history.seed)
        return recipe_loss is not None and is_far_above(recipe_loss, best_trial(self._short_lr_trials()).loss)

    def _next(self) -> Round | None:
        """Return the next round; ``None`` where the verdict is settled, or the budget has no room to settle it."""
        if self.verdict.in_doubt is not None:
            return self._comparison(self.verdict.in_doubt.hyperparameters)
        if self.verdict.advised is not None:
            return self._longer_comparison(self.verdict.advised.hyperparameters)
        if self.verdict.kind == "healthy":
            return self._affordable([self.history.neighbourhood.current], steps=self.history.full_steps)
        return None

    def _comparison(self, neighbour: LrAndMomentum) -> Round | None:
        """Return a round that compares a neighbour with the recipe, at the recipe's greatest length or a longer one."""
        longest = self.history.longest_recipe_trial.steps
        if self.history.loss_of(neighbour, steps=longest, seed=self.history.seed) is None:
            return self._catch_up(neighbour)
        return self._longer_comparison(neighbour, than=longest) or self._further_seed(neighbour, longest)

    def _catch_up(self, neighbour: LrAndMomentum) -> Round | None:
        """Return a round of a neighbour at the greatest length of the recipe's that the budget allows."""
        others = self._untried_candidates()[: self._room_at_lowest_rung()]
        for steps in sorted({trial.steps for trial in self.history.recipe_trials}, reverse=True):
            following = self._affordable([neighbour, *others], steps=steps) or self._affordable(
                [neighbour], steps=steps
            )
            if following is not None:
                return following
        return None

    def _longer_comparison(self, neighbour: LrAndMomentum, *, than: int | None = None) -> Round | None:
        """Return a round that compares a neighbour with the recipe in longer trials; ``None`` without room for one.

        It is at the next rung, with one exception: where the budget has room for a longer rung now, but not after this
        one, it is at that longer rung. The longer of two comparisons says more.

        Args:
            neighbour: What to compare with the recipe.
            than: Length that was compared already; that of their longest pairs if not given.
        """
        compared = max((pair[0].steps for pair in self.history.pairs(neighbour)), default=0) if than is None else than
        following = None
        for steps in (each for each in self.rungs if each > compared):
            longer = self._affordable([self.history.neighbourhood.current, neighbour], steps=steps)
            if longer is None or (following is not None and following.config_steps + longer.config_steps <= self.left):
                break
            following = longer
        return following

    def _further_seed(self, neighbour: LrAndMomentum, steps: int) -> Round | None:
        """Return a round that compares a neighbour with the recipe on a further seed; ``None`` where there is none."""
        in_full = steps == self.history.full_steps
        for number in range(1, self.budget if in_full else MAX_SEEDS_PER_RUNG):
            seed = self.history.seed + number
            both = (self.history.neighbourhood.current, neighbour)
            missing = [each for each in both if self.history.loss_of(each, steps=steps, seed=seed) is None]
            if missing:
                return self._affordable(missing, steps=steps, seed=seed)
        return None

    def _room_at_lowest_rung(self) -> int:
        """Return how many candidates may be tried at the lowest rung besides the one in doubt."""
        longest = self.history.longest_recipe_trial.steps
        if longest > self.rungs[0] or len(self.rungs) == 1:
            return 0
        return max(0, (self.left - TRIALS_RESERVED_FOR_NEXT_RUNG * self.rungs[1]) // longest - 1)

    def _untried_candidates(self) -> list[LrAndMomentum]:
        """Return the best candidate of each kind that was not tried and may be worth a change."""
        likely = [each for each in self.verdict.savings if each.probability > 1.0 - CONFIDENCE_TO_ADVISE]
        best = best_of_each_kind([each for each in likely if not self.history.trials_of(each.hyperparameters)])
        return [each.hyperparameters for each in best.values()]

    def _affordable(self, candidates: Sequence[LrAndMomentum], *, steps: int, seed: int | None = None) -> Round | None:
        """Return a round of the candidates that are new; ``None`` where none is, or the budget has no room for all."""
        seed = self.history.seed if seed is None else seed
        new = [each for each in dict.fromkeys(candidates) if self.history.loss_of(each, steps=steps, seed=seed) is None]
        following = Round(tuple(new), steps, seed)
        return following if new and following.config_steps <= self.left else None
