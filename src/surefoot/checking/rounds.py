"""What a check may cost: its budget in full trainings.

Which trials a check runs, round by round: the neighbours in short trials, then longer ones of what is in doubt.

1. At the lowest rung: the recipe and learning rates outward from it, by factors of 8, until the best lies between two
   that are worse, on both sides where all end alike; then a factor of 2 from the best, and momenta on both sides. At
   most half of the budget.
2. As long as the verdict is in doubt: the recipe and the change that could turn it, side by side at the next rung, then
   in full, then on further seeds; at once at the longest rung that can be paid for, where there is no money for both.
   Where a change fails in a longer trial, the next one takes its place.
3. Where a change is to be made, it and the recipe side by side in longer trials, as long as the budget has room; where
   the recipe is healthy, its training in full.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from surefoot.checking.evidence import CheckTrial, Evidence, best_of, is_far_above
from surefoot.checking.judgement import SURE, Judgement, judge
from surefoot.checking.neighbourhood import Setting
from surefoot.checking.stake import best_of_each
from surefoot.core.budget import Budget
from surefoot.core.errors import BudgetError
from surefoot.fleet.plan import Plan, trainings_of
from surefoot.surrogate.rungs import lowest_rung, rungs

# The default budget: two trainings at 220 steps, about half a training at 4000.
AUTO_STEPS, AUTO_TRAININGS = 220, 2.0
LEAST_AUTO, MOST_AUTO = 0.25, 4.0
# Fewer trials at the lowest rung tell nothing.
FEWEST_TRIALS = 5
# No step is faster, in seconds.
LEAST_PACE = 1e-9


def auto_trainings(steps: int) -> float:
    """Return the default budget for a length, in trainings: 2 √(220 / steps), between 0.25 and 4, or what is least.

    Example:
        >>> [round(auto_trainings(steps), 2) for steps in (8, 60, 220, 4000, 100_000)]
        [5.0, 3.83, 2.0, 0.47, 0.25]
    """
    return max(_least(steps), min(MOST_AUTO, max(LEAST_AUTO, AUTO_TRAININGS * math.sqrt(AUTO_STEPS / steps))))


def _least(steps: int) -> float:
    """Return what the fewest trials cost, in full trainings."""
    return FEWEST_TRIALS * lowest_rung(steps) / steps


def resolved(budget: Budget, *, steps: int, plan: Plan | None, pace: float | None = None) -> float:
    """Return a budget in full trainings; ``auto`` is :func:`auto_trainings`.

    Args:
        budget: As it was given.
        steps: Length of a full training.
        plan: How a fleet runs the trials; ``None`` where none does.
        pace: Seconds of a step, where no plan knows it.

    Raises:
        BudgetError: If it buys less than 5 of the shortest trials.
    """
    if budget.is_auto:
        return auto_trainings(steps)
    if plan is not None:
        return enough(trainings_of(budget, steps=steps, plan=plan), budget, steps=steps)
    timed = None if pace is None or budget.seconds is None else budget.seconds / (max(pace, LEAST_PACE) * steps)
    return enough(timed or budget.trainings, budget, steps=steps)


def enough(trainings: float | None, budget: Budget, *, steps: int) -> float:
    """Return a budget in trainings if it buys a few trials.

    Raises:
        BudgetError: If it does not.
    """
    least = _least(steps)
    if trainings is None or trainings < least:
        raise BudgetError(
            f"a check needs {FEWEST_TRIALS} short trials: at least {math.ceil(100 * least) / 100:g}x; given {budget}.",
            hint="leave it out, or give auto.",
        )
    return trainings


# Octaves from one learning rate tried to the next one outward, and the most of them on either side.
STRIDE, FURTHEST = 3, 15
# The momenta tried have a memory that differs by about this factor.
MEMORY_FACTOR = 5.0
# The trials at the lowest rung cost at most this share of the budget.
FIRST_SHARE = 0.5
# Further settings are tried there as long as the budget has room for so many trials at the next rung.
COMPARED = 3
# So many seeds are tried at a rung before there is nothing more to be had at it; in full, as many as the budget buys.
SEEDS_AT_RUNG = 3


@dataclass(frozen=True, slots=True)
class Round:
    """Trials that are run together: some settings at one length and seed.

    Attributes:
        settings: What is trained.
        steps: Length.
        seed: Seed.
    """

    settings: tuple[Setting, ...]
    steps: int
    seed: int

    @property
    def config_steps(self) -> int:
        """What it costs."""
        return self.steps * len(self.settings)


@dataclass(slots=True)
class Rounds:
    """Decides which trials are run next.

    Attributes:
        evidence: The trials so far; whoever runs a round adds its trials there before asking for the next one.
        budget: Ceiling, in config-steps.
        judgement: The last one.
    """

    evidence: Evidence
    budget: int
    judgement: Judgement = field(default_factory=lambda: Judgement("unknown", 0.0))

    @property
    def rungs(self) -> tuple[int, ...]:
        """The lengths of the trials."""
        return rungs(self.evidence.full_steps)

    @property
    def _first_room(self) -> int:
        """What the lowest rung may cost."""
        return math.floor(FIRST_SHARE * self.budget)

    @property
    def spent(self) -> int:
        """Config-steps of the trials so far."""
        return self.evidence.config_steps

    def __iter__(self) -> Iterator[Round]:
        """Yield the rounds."""
        yield from self._first()
        self.judgement = judge(self.evidence)
        while (following := self._next()) is not None:
            yield following
            self.judgement = judge(self.evidence)
        if self.judgement.verdict == "unknown":
            settled = judge(self.evidence, tried_only=True)
            self.judgement = settled if settled.chosen is not None else self.judgement

    def _first(self) -> Iterator[Round]:
        """Yield the rounds at the lowest rung."""
        neighbourhood = self.evidence.neighbourhood
        yield from self._short([neighbourhood.rate(octave) for octave in (0, -STRIDE, STRIDE)], room=self.budget)
        while outward := [*self._short(self._outward(), room=self.budget)]:
            yield from outward
        if self.evidence.nothing_differs() or not self.evidence.anything_learns:
            return
        yield from self._short(self._finer(), room=self._first_room)
        if not self._rate_is_far_off():
            yield from self._short(self._first_momenta(), room=self._first_room)

    def _outward(self) -> list[Setting]:
        """Return the next learning rates outward, where the best one is the last on its side, or all ended alike."""
        neighbourhood = self.evidence.neighbourhood
        line = sorted(self._line(), key=lambda trial: trial.setting.lr)
        best, alike = best_of(line), self.evidence.nothing_differs()
        ends = []
        if best == line[-1]:
            ends.append(round(neighbourhood.octave(line[-1].setting)) + STRIDE)
        if best == line[0] or alike:
            ends.append(round(neighbourhood.octave(line[0].setting)) - STRIDE)
        return [neighbourhood.rate(octave) for octave in ends if abs(octave) <= FURTHEST]

    def _line(self) -> list[CheckTrial]:
        """Return the trials at the lowest rung that differ from the recipe in the learning rate alone."""
        own = self.evidence.neighbourhood.own
        return [trial for trial in self.evidence.at(self.rungs[0]) if trial.setting.momentum == own.momentum]

    def _rate_is_far_off(self) -> bool:
        """Tell whether another learning rate ends so much lower that the momentum need not be asked about."""
        own = self.evidence.loss(self.evidence.neighbourhood.own, self.rungs[0], self.evidence.seed)
        return own is not None and is_far_above(own, best_of(self._line()).loss)

    def _first_momenta(self) -> list[Setting]:
        """Return a lower and a higher momentum at the same effective rate."""
        neighbourhood = self.evidence.neighbourhood
        own = neighbourhood.own.momentum
        sides = ([each for each in neighbourhood.other_momenta if (each > own) == above] for above in (False, True))

        def distance(momentum: float) -> float:
            return abs(abs(math.log((1.0 - momentum) / (1.0 - own))) - math.log(MEMORY_FACTOR))

        return [neighbourhood.same_effective_rate(min(side, key=distance)) for side in sides if side]

    def _finer(self) -> list[Setting]:
        """Return the learning rates a factor of 2 from the best one."""
        neighbourhood = self.evidence.neighbourhood
        octave = round(neighbourhood.octave(best_of(self._line()).setting))
        return [neighbourhood.rate(octave + step) for step in (-1, 1)]

    def _short(self, settings: Sequence[Setting], *, room: int) -> Iterator[Round]:
        """Yield a round at the lowest rung of those that are new, as many as there is room for in config-steps."""
        steps, seed = self.rungs[0], self.evidence.seed
        new = [each for each in dict.fromkeys(settings) if self.evidence.loss(each, steps, seed) is None]
        count = max(0, (room - self.spent) // steps)
        if new[:count]:
            yield Round(tuple(new[:count]), steps, seed)

    def _next(self) -> Round | None:
        """Return the next round; ``None`` where the verdict is settled, or the budget allows nothing that could."""
        judgement, own = self.judgement, self.evidence.neighbourhood.own
        if judgement.doubtful is not None:
            return self._side_by_side(judgement.doubtful.setting)
        if judgement.chosen is not None:
            return self._confirming(judgement.chosen.setting)
        if judgement.verdict == "healthy":
            return self._affordable([own], self.evidence.full_steps)
        return None

    def _confirming(self, setting: Setting) -> Round | None:
        """Return a longer round with the change beside the recipe; ``None`` where the budget has no room for one."""
        reached = max((pair[0].steps for pair in self.evidence.pairs(setting)), default=0)
        return self._further(self.evidence.neighbourhood.own, setting, reached)

    def _side_by_side(self, setting: Setting) -> Round | None:
        """Return a round that compares the recipe with a setting: as far as the recipe was trained, or further."""
        own, seed = self.evidence.neighbourhood.own, self.evidence.seed
        reached = max(trial.steps for trial in self.evidence.own)
        if self.evidence.loss(setting, reached, seed) is None:
            others = self._untried_doubts()[: self._room_for_more(reached)]
            for steps in sorted({trial.steps for trial in self.evidence.own}, reverse=True):
                following = self._affordable([setting, *others], steps) or self._affordable([setting], steps)
                if following is not None:
                    return following
            return None
        if (further := self._further(own, setting, reached)) is not None:
            return further
        last = reached == self.evidence.full_steps
        for number in range(1, self.budget if last else SEEDS_AT_RUNG):
            missing = [each for each in (own, setting) if self.evidence.loss(each, reached, seed + number) is None]
            if missing:
                return self._affordable(missing, reached, seed=seed + number)
        return None

    def _further(self, own: Setting, setting: Setting, reached: int) -> Round | None:
        """Return a longer round that compares the recipe with a setting; ``None`` where the budget has no room.

        It is at the next rung, but for this: where one further up could not be paid for after it and can be paid for
        now, at that one. The longer of two comparisons tells more.
        """
        left, following = self.budget - self.spent, None
        for steps in (each for each in self.rungs if each > reached):
            longer = self._affordable([own, setting], steps)
            if longer is None or (following is not None and following.config_steps + longer.config_steps <= left):
                break
            following = longer
        return following

    def _room_for_more(self, reached: int) -> int:
        """Return how many more settings may be tried at the lowest rung."""
        if reached > self.rungs[0] or len(self.rungs) == 1:
            return 0
        return max(0, (self.budget - self.spent - COMPARED * self.rungs[1]) // reached - 1)

    def _untried_doubts(self) -> list[Setting]:
        """Return settings that may be better and were not tried, the likeliest of every kind of change."""
        likely = [each for each in self.judgement.stakes if each.probability > 1.0 - SURE]
        best = best_of_each(tuple(each for each in likely if not self.evidence.of(each.setting)))
        return [each.setting for each in best.values()]

    def _affordable(self, settings: Sequence[Setting], steps: int, *, seed: int | None = None) -> Round | None:
        """Return a round of those that are new, ``None`` where there are none or the budget has no room for all."""
        wanted = self.evidence.seed if seed is None else seed
        new = tuple(each for each in dict.fromkeys(settings) if self.evidence.loss(each, steps, wanted) is None)
        following = Round(new, steps, wanted)
        return following if new and following.config_steps <= self.budget - self.spent else None
