"""The engine of find and tune: short trials, a surrogate over them, and the optimum followed up the rungs.

1. Range: trials at the lowest rung, at factors of ten of each optimizer's usual rate, until the best has a worse one on
   both sides.
2. Map: trials spread over the space around it, then where the surrogate expects most improvement.
3. Climb: a few trials at each longer rung. Where longer trainings end worse, the shorter one is recommended.
4. Full: the recommended recipe at the recommended length; then, in the order of what it teaches, what it is compared
   with, and more seeds.

Every stage asks the trainer for trials and nothing else. What is asked for depends on the seed, the budget and the
outcomes so far, so that a search that was interrupted goes the same way again, through what is recorded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from surefoot.core.progress import Interrupted, Progress, Silent, Stop, never
from surefoot.recipe.names import family_of
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import scaled
from surefoot.search.answer import Reader
from surefoot.search.budget_allocation import (
    A_ROUND,
    CLIMB,
    FULL,
    MAP,
    AllFailedError,
    Allowance,
    BudgetedTrials,
    Stages,
)
from surefoot.search.cliff import BROKEN, Trained, without_accidents
from surefoot.search.proposal import propose
from surefoot.search.rate_range import best_decade, is_flat, learns, next_decades, usual_rate, usual_recipe
from surefoot.search.request import Aim
from surefoot.search.samplers.basic import Sampler, SurrogateSampler, Tried
from surefoot.search.space.coordinates import Coordinates, Point
from surefoot.search.space.schedule_shapes import with_momentum
from surefoot.search.space.search_space import SearchSpace
from surefoot.search.training_length import recommended_length
from surefoot.studies.ledger import Ledger
from surefoot.surrogate.rungs import is_short
from surefoot.surrogate.surrogate import LossScale, Observation, compressed
from surefoot.trainers.trial import Outcome, Trainer, Trial

# Seeds of the search's stages lie so far apart, and those of the full trainings so far beyond.
SEED_STRIDE, FRESH_SEEDS = 1_000, 10_000_000
MOST_SEEDS = 5
# So often the recommended recipe is looked for again, after its training disappointed or asked for another length.
ATTEMPTS = 3
# Rounds of trials at the longest rung of the climb, and trials of a round.
MOST_REFINEMENTS, REFINE_TRIALS = 4, 2
# From so many trainings left on, the optimum is looked for with full trainings as well.
POLISH, POLISH_TRIALS = 9.0, 2


@dataclass(slots=True)
class Engine:
    """One search; :meth:`run` goes through its stages, and the ledger has what they measured.

    Attributes:
        trainer: Runs the trials.
        space: What may be tried.
        sampler: Which points of it are tried at the lowest rung.
        aim: What is made as good as possible.
        seed: Of everything random.
        ledger: What was trained.
        allowance: What may be spent.
        stages: How many trials each stage has.
        trains_in_full: Whether the answer is trained at its full length; ``find`` does not.
        compare: Recipes to be trained beside the answer.
        tolerance: Loss over the best, as a share, that is still good.
        progress: Receives what happens.
        stop: Asked often; where it says yes, the search ends with what it has.
    """

    trainer: Trainer
    space: SearchSpace
    sampler: Sampler
    aim: Aim
    seed: int
    ledger: Ledger
    allowance: Allowance
    stages: Stages
    trains_in_full: bool
    compare: tuple[Recipe, ...] = ()
    tolerance: float = 0.05
    progress: Progress = field(default_factory=Silent)
    stop: Stop = never
    coordinates: Coordinates | None = None
    recipe: Recipe | None = None
    length: int = 0
    overfits_after: int | None = None
    learned: bool = True
    search_config_steps: int = 0
    rejected: set[Recipe] = field(default_factory=set, init=False)
    compared: tuple[Recipe, ...] = field(default=(), init=False)
    _seeds: Iterator[int] = field(init=False)
    _trials: BudgetedTrials = field(init=False)
    _reader: tuple[int, Coordinates | None, Reader | None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._seeds = iter(range(self.seed, self.seed + SEED_STRIDE * 10_000, SEED_STRIDE))
        self.length = self.trainer.steps
        self._trials = BudgetedTrials(self.ledger, self.allowance, self.aim, self.progress)
        self.trainer.stop = lambda: self.stop() or self.allowance.over()

    def run(self) -> None:
        """Go through all stages for which the budget has room.

        Raises:
            Interrupted: If asked to stop; what was measured until then is in the ledger.
        """
        try:
            for stage in (self._find_range, self._map, self._climb, self._refine, self._polish):
                stage()
            self.search_config_steps = self.ledger.config_steps
            self.decide()
            if self.trains_in_full:
                self._train_in_full()
        except AllFailedError:  # the result says so
            self.search_config_steps = self.search_config_steps or self.ledger.config_steps
        except Interrupted:
            if not self.search_config_steps:  # what was learned since the last climb is in the answer too
                self.search_config_steps = self.ledger.config_steps
                self.decide()
            if self.stop() or not self.allowance.over():
                raise

    @property
    def cut_by_time(self) -> tuple[int, int] | None:
        """(trials, their length) that were running when the time was over; ``None`` where none were."""
        return self._trials.broken_off if self.allowance.over() else None

    def trained(self) -> list[Trained]:
        """Return all trials so far as the surrogate sees them."""
        where = self.coordinates or self._first_coordinates()
        rows = [row for row in self.ledger.measurements if where.covers(row.trial.recipe)]
        trials = [
            Trained(
                row.trial.recipe,
                where.point(row.trial.recipe),
                Observation(where.features(row.trial.recipe), row.trial.steps, self.aim.cost(row.outcome)),
                row.outcome.train_end,
            )
            for row in rows
        ]
        return without_accidents(trials, [row.outcome.failure is not None for row in rows])

    def reader(self) -> Reader | None:
        """Return what reads answers off the trials, ``None`` where none ended with a finite loss.

        It is the same one until there are more trials: fitting the surrogate is most of what it costs.
        """
        key = len(self.ledger.measurements), self.coordinates
        if self._reader is None or self._reader[:2] != key:
            self._reader = (*key, self._read())
        return self._reader[2]

    def _read(self) -> Reader | None:
        trials = self.trained()
        if not any(math.isfinite(trial.observation.loss) for trial in trials):
            return None
        return Reader(trials, self._where, self.trainer.steps, self.tolerance, self._generator(7))

    def decide(self) -> None:
        """Settle the recommended recipe and length by what is known."""
        reader = self.reader()
        if reader is None:
            self.recipe = None
            return
        frontier = reader.frontier(self.lengths())
        self.length, self.overfits_after = recommended_length(frontier, reader)
        self.recipe = next(point.recipe for point in frontier if point.steps == self.length)

    def lengths(self) -> tuple[int, ...]:
        """Return the lengths of the frontier: those of trials, and the full training."""
        return tuple(sorted({*(row.trial.steps for row in self.ledger.measurements), self.trainer.steps}))

    def first_trial(self) -> Trial:
        """Return a trial that the search will ask for first: what it takes says what others will."""
        if self.space.lr is None:
            recipe = self._at_decade(self.space.optimizers[0], 0)
        else:
            where = self._first_coordinates()
            (point, *_) = self.sampler.first(
                self.stages.spread, dimensions=len(where.axes), generator=self._generator(1)
            )
            recipe = where.recipe(point)
        return Trial(recipe, self.stages.lowest, self.seed)

    # -- stages -----------------------------------------------------------------------------------------------------

    def _find_range(self) -> None:
        """Find the rates that bound the search; go to a longer rung where nothing learns at this one."""
        if self.space.lr is not None:
            self.coordinates = self._first_coordinates()
            return
        costs: dict[str, dict[int, float]] = {}
        while True:
            costs = {name: self._bracket(name, costs.get(name, {})) for name in self.space.optimizers}
            self.learned = any(map(learns, costs.values()))
            longer = self.stages.raised()
            if longer is None or not any(map(is_flat, costs.values())):
                break
            if not self._affords((longer.bracketing + longer.spread) * longer.lowest):
                break
            self.progress.tell(f"{self.stages.lowest} steps tell too little; trying {longer.lowest}.")
            self.stages = longer
        # Where nothing learned, what is usual says more than trials that end alike.
        bests = {name: usual_rate(name) * 10.0 ** best_decade(found) for name, found in costs.items() if learns(found)}
        rates = {name: bests.get(name, usual_rate(name)) for name in self.space.optimizers}
        self.coordinates = Coordinates.around(self.space, rates, steps=self.trainer.steps)

    def _bracket(self, optimizer: str, before: Mapping[int, float]) -> dict[int, float]:
        """Return what rates at factors of ten cost, until the best is bracketed.

        Args:
            optimizer: Whose rates.
            before: What they cost at a lower rung: what diverged there is not tried again, nor what was far off.
        """
        costs = {decade: cost for decade, cost in before.items() if not math.isfinite(cost)}
        again = tuple(sorted(set(before) - set(costs), key=lambda decade: before[decade])[:2])
        seed = next(self._seeds)
        while wanted := again or next_decades(costs):
            if before and not again and not self._affords(len(wanted) * self.stages.lowest):
                break
            again = ()
            recipes = [self._at_decade(optimizer, decade) for decade in wanted]
            outcomes = self._trials.run(f"{MAP}/range", recipes, self.stages.lowest, seed=seed)
            if not outcomes:
                break
            costs |= {decade: self.aim.cost(outcome) for decade, outcome in zip(wanted, outcomes, strict=False)}
        return costs

    def _map(self) -> None:
        """Try points spread over the space, then where most improvement is expected."""
        where = self._where
        axes = len(where.axes)
        first = self.sampler.first(self.stages.spread, dimensions=axes, generator=self._generator(1))
        if self.stages.lowest > self.stages.rungs[0]:  # the rung was raised: what is left may be little
            first = first[: max(few for few in range(len(first) + 1) if self._affords(few * self.stages.lowest))]
        self._try(f"{MAP}/spread", first, self.stages.lowest)
        for number in range(self.stages.rounds):
            if not self._affords(A_ROUND * self.stages.lowest):
                return
            points = self._more(A_ROUND, self.stages.lowest, number)
            if not self._try(f"{MAP}/improve", points, self.stages.lowest):
                return

    def _climb(self) -> None:
        """Follow the optimum up the rungs, until longer trainings end worse or the budget is spent."""
        for number, (steps, count) in enumerate(self.stages.climb):
            room = max((few for few in range(count + 1) if self._affords(few * steps)), default=0)
            points = self._propose(room, steps, 100 + number, bold=room > 1) if room else []
            if not self._try(f"{CLIMB}/{steps}", points, steps):
                return
            self.decide()
            if self.overfits_after is not None:
                return

    def _refine(self) -> None:
        """Look for the optimum with more trials at the longest rung that was climbed, where there is room for them.

        Beyond the trainings in full that come first (of a long training the answer and what it is compared with, of a
        short one these, the default and the runner-up on two seeds), half of what is left goes there, the other half to
        more seeds.
        """
        if self.overfits_after is not None or not self.stages.climb or not math.isfinite(self.allowance.left()):
            return
        steps = self.stages.climb[-1][0]
        left = self.allowance.left()
        trainings = 2 * (3 + len(self.compare)) if is_short(self.trainer.steps) else 1 + len(self.compare)
        room = 0.5 * (left - trainings * self.trainer.steps) if self.trains_in_full else left
        for number in range(min(MOST_REFINEMENTS, int(room // (REFINE_TRIALS * steps)))):
            if not self._try(f"{CLIMB}/{steps}", self._propose(REFINE_TRIALS, steps, 300 + number, bold=True), steps):
                return

    def _polish(self) -> None:
        """Look for the optimum with full trainings as well, where the budget has room for many."""
        if not self.trains_in_full:
            return
        if not math.isfinite(self.allowance.left()):  # nothing was trained, so that nobody knows what it takes
            return
        rounds = int((self.allowance.left() / self.trainer.steps - POLISH) // POLISH_TRIALS)
        self.decide()
        for number in range(min(2, rounds)):
            points = self._propose(POLISH_TRIALS, self.length, 500 + number)
            if not self._try(f"{CLIMB}/{self.length}", points, self.length):
                return

    def _train_in_full(self) -> None:
        """Train the answer at its length, then what it is compared with, then more seeds."""
        for _ in range(ATTEMPTS):
            if self.recipe is None or not self.allowance.affords(self.length):
                return
            if self.ledger.asked(self._trial(self.recipe, 0)):
                break
            if hasattr(self.trainer, "final_steps"):
                self.trainer.final_steps = self.length
            expected = self.reader()
            outcomes = self._trials.run(FULL, [self.recipe], self.length, seed=self._fresh(0))
            if not outcomes:
                return
            recipe, length = self.recipe, self.length
            if outcomes[0].failure is not None:  # for another reason than its recipe
                break
            disappoints = expected is not None and self._disappoints(outcomes[0], expected)
            self.decide()  # with what has been learned: that it breaks, or that a shorter training ends lower
            if not disappoints and self.length == length:
                self.recipe = recipe
                break
            if disappoints and self.recipe != recipe:
                self.rejected.add(recipe)
        self.compared = contestants = tuple(self._contestants())
        if hasattr(self.trainer, "final_steps"):
            self.trainer.final_steps = self.length
        waiting = [recipe for recipe in contestants if not self.ledger.asked(self._trial(recipe, 0))]
        if len(self._trials.run(FULL, waiting, self.length, seed=self._fresh(0))) < len(waiting):
            return
        for number in range(1, MOST_SEEDS):
            if not self._trials.run(FULL, contestants, self.length, seed=self._fresh(number), whole=True):
                return

    def _disappoints(self, outcome: Outcome, expected: Reader) -> bool:
        """Tell whether the recipe's full training broke, or ended so far above what was expected as one that broke."""
        if self.recipe is None or not outcome.ok:
            return True
        mean, deviation = expected.value(self.recipe, self.length)
        return expected.surrogate.scale.value(self.aim.cost(outcome)) > mean + max(BROKEN, 2.0 * deviation)

    def _contestants(self) -> list[Recipe]:
        """Return the recommended recipe, what the user asked to compare, the default, and the runner-up."""
        if self.recipe is None:
            return []
        default = usual_recipe(self.recipe.optimizer)
        reader = self.reader()
        runner_up = None if reader is None else reader.runner_up(self.recipe, self.length)
        others = [*self.compare, default, *([runner_up] if runner_up is not None else [])]
        return [*dict.fromkeys([self.recipe, *others])]

    # -- trials -----------------------------------------------------------------------------------------------------

    def _affords(self, config_steps: int) -> bool:
        """Tell whether the search has room for more: a training in full is worth more, where there is room for one."""
        full = self.trainer.steps
        reserve = full if self.trains_in_full and self.allowance.left() >= full else 0
        return self.allowance.affords(config_steps + reserve)

    def _try(self, stage: str, points: Sequence[Point], steps: int) -> bool:
        """Train the recipes of some points on a seed of their own; tell whether all could be."""
        recipes = [*dict.fromkeys(self._where.recipe(point) for point in points)]
        return bool(recipes) and len(self._trials.run(stage, recipes, steps, seed=next(self._seeds))) == len(recipes)

    def _more(self, count: int, steps: int, number: int) -> list[Point]:
        """Return more points of the map."""
        if isinstance(self.sampler, SurrogateSampler):
            return self._propose(count, steps, 10 + number)
        trials = self.trained()
        observed = [trial.observation for trial in trials]
        values = compressed(observed, LossScale.of([each.loss for each in observed]))
        tried = [Tried(trial.point, float(value)) for trial, value in zip(trials, values, strict=True)]
        box = ((0.0, 1.0),) * len(self._where.axes)
        return self.sampler.more(count, tried, box=box, generator=self._generator(10 + number))

    def _propose(self, count: int, steps: int, number: int, *, bold: bool = False) -> list[Point]:
        full, generator = self.trainer.steps, self._generator(number)
        return propose(count, self.trained(), self._where, steps=steps, full_steps=full, generator=generator, bold=bold)

    def _at_decade(self, optimizer: str, decade: int) -> Recipe:
        """Return a recipe of the space at a factor of ten of the usual rate, everything else in the middle."""
        where = self._first_coordinates()
        usual = usual_recipe(optimizer)
        middle = where.recipe(where.middle(optimizer))
        family = family_of(optimizer)
        bounds, momentum = self.space.momentum, usual.momentum.highest
        if family.momentum is not None and bounds.low <= momentum <= bounds.high:
            middle = with_momentum(middle, momentum)
        rate = usual_rate(optimizer) * 10.0**decade
        return middle.with_(lr=scaled(middle.lr, rate / middle.effective_rate))

    def _first_coordinates(self) -> Coordinates:
        rates = {name: usual_rate(name) for name in self.space.optimizers}
        return Coordinates.around(self.space, rates, steps=self.trainer.steps)

    @property
    def _where(self) -> Coordinates:
        if self.coordinates is None:
            self.coordinates = self._first_coordinates()
        return self.coordinates

    def _fresh(self, number: int) -> int:
        return self.seed + FRESH_SEEDS + number

    def _trial(self, recipe: Recipe, number: int) -> Trial:
        return Trial(recipe, self.length, self._fresh(number))

    def _generator(self, number: int) -> Generator:
        return np.random.default_rng([self.seed, number])
