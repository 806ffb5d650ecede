"""The state of a search: its settings, its trials so far, and what has been decided from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from surefoot.core.progress import Progress, SilentProgress, StopCondition, never_stop
from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import momentum_use
from surefoot.schedules.composition import scaled
from surefoot.search.acquisition import propose_points
from surefoot.search.best_recipe_by_length import TrialAnalysis, frontier, recommended_length
from surefoot.search.budgeted_trials import BudgetedRunner, RemainingBudget, StageSizes
from surefoot.search.criterion import Criterion
from surefoot.search.rate_bracketing import default_effective_rate, default_recipe
from surefoot.search.samplers.built_in_samplers import EvaluatedPoint, Sampler, SurrogateSampler
from surefoot.search.space.coordinates import Coordinates, UnitPoint
from surefoot.search.space.schedule_shapes import with_momentum
from surefoot.search.space.search_space import SearchSpace
from surefoot.search.stability_limit import SearchTrial, drop_unrelated_failures
from surefoot.studies.study_session import TrialRecorder
from surefoot.surrogate.surrogate import LossScale, Observation, compress_losses
from surefoot.trainers.trial import Trainer, Trial

# Distance between the seeds of two rounds of short trials, and from all of these to the seeds of the full trainings.
SEED_STRIDE, FULL_TRAINING_SEEDS = 1_000, 10_000_000
# Numbers of the random streams: of the first points, the analysis, and each round of points proposed by a stage.
FIRST_POINTS_STREAM, ANALYSIS_STREAM, LOWEST_RUNG_STREAM = 1, 7, 10
LONGER_RUNGS_STREAM, REFINEMENT_STREAM, FULL_LENGTH_STREAM = 100, 300, 500


@dataclass(slots=True)
class SearchState:
    """A search: what it was asked, the trials it has run, and the recipe and length they lead to.

    Attributes:
        trainer: Runs the trials.
        space: Search space: what may be tried.
        sampler: Chooses the points that are tried at the lowest rung.
        criterion: What makes one training better than another.
        seed: Seed of everything random.
        recorder: Holds all trials of the search, and those that its study had before.
        budget: What may still be spent.
        sizes: Number and length of the trials of each stage.
        trains_in_full: Whether the recommended recipe is trained at its full length; ``find`` does not.
        compare: The user's recipes to train in full as well.
        tolerance: Loss over the best, as a share of it, at which a setting is still good.
        progress: Receives the stages, the best so far and messages.
        stop: Returns whether to stop; asked before every step.
        runner: Runs trials within the budget.
        coordinates: Coordinates of the space around the best rates; ``None`` before these are bracketed.
        recipe: The recommended recipe; ``None`` before there is one.
        length: The recommended length of training, in steps.
        overfits_after: Steps after which training overfits; ``None`` where it does not.
        has_learned: Whether some rate was clearly better than the lowest one.
        search_config_steps: Config-steps of the short trials; 0 before they are done.
        rejected: Recipes that were recommended until their full training ended far above the expected loss.
        compared: Recipes that are trained in full, the recommended one first.
    """

    trainer: Trainer
    space: SearchSpace
    sampler: Sampler
    criterion: Criterion
    seed: int
    recorder: TrialRecorder
    budget: RemainingBudget
    sizes: StageSizes
    trains_in_full: bool
    compare: tuple[Recipe, ...] = ()
    tolerance: float = 0.05
    progress: Progress = field(default_factory=SilentProgress)
    stop: StopCondition = never_stop
    runner: BudgetedRunner = field(init=False)
    coordinates: Coordinates | None = field(default=None, init=False)
    recipe: Recipe | None = field(default=None, init=False)
    length: int = field(init=False)
    overfits_after: int | None = field(default=None, init=False)
    has_learned: bool = field(default=True, init=False)
    search_config_steps: int = field(default=0, init=False)
    rejected: set[Recipe] = field(default_factory=set, init=False)
    compared: tuple[Recipe, ...] = field(default=(), init=False)
    _round_seeds: Iterator[int] = field(init=False)
    _analysis: tuple[int, Coordinates | None, TrialAnalysis | None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._round_seeds = iter(range(self.seed, self.seed + SEED_STRIDE * 10_000, SEED_STRIDE))
        self.length = self.trainer.steps
        self.runner = BudgetedRunner(self.recorder, self.budget, self.criterion, self.progress)
        self.trainer.stop = lambda: self.stop() or self.budget.deadline_passed()

    # -- what the trials say ------------------------------------------------------------------------------------------

    def trials(self) -> list[SearchTrial]:
        """Return all trials so far, as the surrogate sees them."""
        coordinates = self.coordinates or self.default_coordinates()
        rows = [row for row in self.recorder.measurements if coordinates.covers(row.trial.recipe)]
        trials = [
            SearchTrial(
                row.trial.recipe,
                coordinates.point(row.trial.recipe),
                Observation(coordinates.features(row.trial.recipe), row.trial.steps, self.criterion.cost(row.outcome)),
                row.outcome.train_end,
            )
            for row in rows
        ]
        return drop_unrelated_failures(trials, [row.outcome.failure is not None for row in rows])

    def analysis(self) -> TrialAnalysis | None:
        """Return the analysis of all trials so far, ``None`` where none ended with a finite loss.

        It is kept until there are more trials: fitting the surrogate takes most of the time.
        """
        key = len(self.recorder.measurements), self.coordinates
        if self._analysis is None or self._analysis[:2] != key:
            self._analysis = (*key, self._new_analysis())
        return self._analysis[2]

    def _new_analysis(self) -> TrialAnalysis | None:
        trials = self.trials()
        if not any(math.isfinite(trial.observation.loss) for trial in trials):
            return None
        generator = self.generator(ANALYSIS_STREAM)
        return TrialAnalysis(trials, self.known_coordinates(), self.trainer.steps, self.tolerance, generator)

    def decide(self) -> None:
        """Set the recommended recipe and length from all trials so far."""
        analysis = self.analysis()
        if analysis is None:
            self.recipe = None
            return
        points = frontier(analysis, self.lengths())
        self.length, self.overfits_after = recommended_length(points, analysis)
        self.recipe = next(point.recipe for point in points if point.steps == self.length)

    def lengths(self) -> tuple[int, ...]:
        """Return the lengths of the frontier: those of the trials so far, and the full training."""
        return tuple(sorted({*(row.trial.steps for row in self.recorder.measurements), self.trainer.steps}))

    @property
    def interrupted_trials(self) -> tuple[int, int] | None:
        """(number, length in steps) of the trials that ran when the deadline passed; ``None`` where none did."""
        return self.runner.interrupted_trials if self.budget.deadline_passed() else None

    # -- trials to run ------------------------------------------------------------------------------------------------

    def first_trial(self) -> Trial:
        """Return the trial that the search runs first: its time predicts that of the others."""
        if self.space.lr is None:
            recipe = self.recipe_at_decade(self.space.optimizers[0], 0)
        else:
            recipe = self.default_coordinates().recipe(self.first_points()[0])
        return Trial(recipe, self.sizes.lowest, self.seed)

    def affords(self, config_steps: float) -> bool:
        """Return whether the budget has room for more short trials, with one full training kept in reserve.

        Where not even one full training is left, all of it may be spent on short trials.
        """
        full = self.trainer.steps
        reserve = full if self.trains_in_full and self.budget.config_steps_left() >= full else 0
        return self.budget.affords(config_steps + reserve)

    def affordable_trials(self, count: int, *, steps: int) -> int:
        """Return how many of some trials of a length the budget has room for."""
        return max((number for number in range(count + 1) if self.affords(number * steps)), default=0)

    def run_points(self, stage: str, points: Sequence[UnitPoint], *, steps: int) -> bool:
        """Train the recipes of some points on a new seed; return whether there was room for all of them."""
        coordinates = self.known_coordinates()
        recipes = [*dict.fromkeys(coordinates.recipe(point) for point in points)]
        if not recipes:
            return False
        return len(self.runner.run(stage, recipes, steps=steps, seed=self.next_round_seed())) == len(recipes)

    def first_points(self) -> list[UnitPoint]:
        """Return the sampler's first points: those tried before anything is known of the space."""
        axes = (self.coordinates or self.default_coordinates()).axes
        generator = self.generator(FIRST_POINTS_STREAM)
        return self.sampler.first(self.sizes.spread_trials, dimensions=len(axes), generator=generator)

    def sampled_points(self, count: int, *, number: int) -> list[UnitPoint]:
        """Return the sampler's points for one more round at the lowest rung, given the trials so far."""
        stream = LOWEST_RUNG_STREAM + number
        if isinstance(self.sampler, SurrogateSampler):
            return self.propose(count, steps=self.sizes.lowest, stream=stream)
        trials = self.trials()
        observed = [trial.observation for trial in trials]
        values = compress_losses(observed, LossScale.of([each.loss for each in observed]))
        tried = [EvaluatedPoint(trial.point, float(value)) for trial, value in zip(trials, values, strict=True)]
        box = ((0.0, 1.0),) * len(self.known_coordinates().axes)
        return self.sampler.more(count, tried, box=box, generator=self.generator(stream))

    def propose(self, count: int, *, steps: int, stream: int, include_high_rate: bool = False) -> list[UnitPoint]:
        """Return the points with the largest expected improvement at a length."""
        return propose_points(
            self.trials(),
            self.known_coordinates(),
            count=count,
            steps=steps,
            full_steps=self.trainer.steps,
            generator=self.generator(stream),
            include_high_rate=include_high_rate,
        )

    def recipe_at_decade(self, optimizer: str, decade: int) -> Recipe:
        """Return a recipe at a power of ten of the default rate, everything else in the middle of the space."""
        coordinates, default = self.default_coordinates(), default_recipe(optimizer)
        recipe = coordinates.recipe(coordinates.middle(optimizer))
        bounds, momentum = self.space.momentum, default.momentum.highest
        if momentum_use(optimizer).momentum is not None and bounds.low <= momentum <= bounds.high:
            recipe = with_momentum(recipe, momentum)
        rate = default_effective_rate(optimizer) * 10.0**decade
        return recipe.with_(lr=scaled(recipe.lr, rate / recipe.effective_rate))

    # -- coordinates and seeds ----------------------------------------------------------------------------------------

    def default_coordinates(self) -> Coordinates:
        """Return the coordinates around the default rates."""
        rates = {name: default_effective_rate(name) for name in self.space.optimizers}
        return Coordinates.around(self.space, rates, steps=self.trainer.steps)

    def known_coordinates(self) -> Coordinates:
        """Return the coordinates around the best rates; before these are known, those around the default rates."""
        if self.coordinates is None:
            self.coordinates = self.default_coordinates()
        return self.coordinates

    def next_round_seed(self) -> int:
        """Return a seed for one more round of short trials."""
        return next(self._round_seeds)

    def full_training_seed(self, number: int) -> int:
        """Return the seed of the full trainings with a number, counted from 0."""
        return self.seed + FULL_TRAINING_SEEDS + number

    def generator(self, stream: int) -> Generator:
        """Return the random generator of a stream; it depends on the search's seed alone."""
        return np.random.default_rng([self.seed, stream])
