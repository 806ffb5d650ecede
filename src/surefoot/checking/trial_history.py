"""The trials of a check so far, and what can be concluded from them about full trainings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from surefoot.checking.neighbourhood import LrAndMomentum, Neighbourhood
from surefoot.surrogate.surrogate import LossScale, Observation, Surrogate, realised_momentum_share
from surefoot.trainers.trial import Outcome

# Losses that differ by less than this share of their size count as equal. Chosen: the user sees three digits.
EQUAL_WITHIN = 0.01
# A loss this far above another, in natural logarithms (49 %), is more than seed noise. Chosen: the surrogate, too,
# counts a loss in full up to 0.4 above the best.
MIN_LOG_RATIO_FAR_ABOVE = 0.4
# The training data counts as memorised where the training loss is this share of the validation loss. Chosen.
MEMORISED_RATIO = 0.25
# A ratio of training to validation loss above this is noise and says nothing about memorisation. Chosen.
MAX_TELLING_RATIO = 0.7
# A change may train this many times as far as the distance after which the data is memorised. Chosen.
MAX_DISTANCE_PAST_MEMORISED = 2.0
# Once this many neighbours have finished longer trials, the shortest trials are left out of the surrogate: what a few
# steps make of a learning rate says least about a full training. Chosen.
MIN_COMPARED_IN_LONGER_TRIALS = 5


@dataclass(frozen=True, slots=True)
class CheckTrial:
    """One trial of a check and its result.

    Attributes:
        hyperparameters: Learning rate and momentum of the trial.
        steps: Length of the training, in optimizer steps.
        seed: Seed of initialisation and data order.
        loss: Validation loss at the end; ``inf`` where the trial diverged or failed.
        diverged_at: Step of the first loss that was NaN or inf; ``None`` where there was none.
        ended_above_initial_loss: Whether the validation loss ended above the loss before training, and the training
            loss did so too where it is known.
        train_to_valid_ratio: Training loss over validation loss at the end; ``None`` where it is not known.
    """

    hyperparameters: LrAndMomentum
    steps: int
    seed: int
    loss: float
    diverged_at: int | None = None
    ended_above_initial_loss: bool = False
    train_to_valid_ratio: float | None = None

    @property
    def diverged(self) -> bool:
        """Whether the trial has no finite loss at its end."""
        return not math.isfinite(self.loss)


@dataclass(slots=True)
class TrialHistory:
    """All trials of a check so far.

    Attributes:
        neighbourhood: The recipe and its neighbours.
        full_steps: Length of a full training, in optimizer steps.
        seed: The first seed; the others follow it.
        trials: The trials in the order in which they were run.
        untrained: A trial too short and too slow to learn anything: its loss is the loss before training.
    """

    neighbourhood: Neighbourhood
    full_steps: int
    seed: int = 0
    trials: list[CheckTrial] = field(default_factory=list)
    untrained: CheckTrial | None = None

    def trials_of(self, hyperparameters: LrAndMomentum) -> list[CheckTrial]:
        """Return all trials of a learning rate and momentum."""
        return [trial for trial in self.trials if trial.hyperparameters == hyperparameters]

    def trials_of_length(self, steps: int, *, seed: int | None = None) -> list[CheckTrial]:
        """Return the trials of a length, on the first seed unless another one is named."""
        wanted = self.seed if seed is None else seed
        return [trial for trial in self.trials if (trial.steps, trial.seed) == (steps, wanted)]

    def loss_of(self, hyperparameters: LrAndMomentum, *, steps: int, seed: int) -> float | None:
        """Return the loss of a trial; ``None`` where it was not run."""
        trials = self.trials_of(hyperparameters)
        return next((each.loss for each in trials if (each.steps, each.seed) == (steps, seed)), None)

    @property
    def recipe_trials(self) -> list[CheckTrial]:
        """The trials of the recipe itself."""
        return self.trials_of(self.neighbourhood.current)

    @property
    def longest_recipe_trial(self) -> CheckTrial:
        """The recipe's longest trial; on the first seed where there are several."""
        return max(self.recipe_trials, key=lambda trial: (trial.steps, -trial.seed))

    @property
    def any_trial_finished(self) -> bool:
        """Whether any trial has a finite loss at its end."""
        return any(not trial.diverged for trial in self.trials)

    @property
    def config_steps(self) -> int:
        """Cost of all trials."""
        return sum(trial.steps for trial in self.trials) + (0 if self.untrained is None else self.untrained.steps)

    def pairs(self, hyperparameters: LrAndMomentum) -> list[tuple[CheckTrial, CheckTrial]]:
        """Return pairs of trials (recipe, neighbour) of the same seed, at the greatest length that both have in common.

        In a pair initialisation and batches are the same, and so most of the seed noise cancels in the difference.
        """
        pairs = [
            (recipe, neighbour)
            for recipe in self.recipe_trials
            for neighbour in self.trials_of(hyperparameters)
            if (recipe.steps, recipe.seed) == (neighbour.steps, neighbour.seed)
        ]
        longest = max((recipe.steps for recipe, _ in pairs), default=0)
        return [pair for pair in pairs if pair[0].steps == longest]

    def was_compared_in_full(self, hyperparameters: LrAndMomentum) -> bool:
        """Return whether a neighbour and the recipe were both trained in full, on the same seed."""
        return any(recipe.steps == self.full_steps for recipe, _ in self.pairs(hyperparameters))

    def is_expected_to_diverge(self, hyperparameters: LrAndMomentum) -> bool:
        """Return whether a neighbour diverged, or a milder one did in a trial at least as long as its longest.

        Milder is a lower rate at the same momentum, or at another momentum half the rate and half the effective rate.
        """
        finished = [trial.steps for trial in self.trials_of(hyperparameters) if not trial.diverged]
        longest = max(finished, default=0)
        return any(
            trial.diverged
            and trial.steps >= longest
            and (
                trial.hyperparameters == hyperparameters or self._is_milder(trial.hyperparameters, than=hyperparameters)
            )
            for trial in self.trials
        )

    def failed_in_longest_trial(self, hyperparameters: LrAndMomentum) -> bool:
        """Return whether a neighbour diverged in its longest trial, or ended far above the recipe there."""
        if hyperparameters == self.neighbourhood.current:
            return False
        trials = self.trials_of(hyperparameters)
        longest = max(trial.steps for trial in trials)
        if any(trial.diverged for trial in trials if trial.steps == longest):
            return True
        pairs = [pair for pair in self.pairs(hyperparameters) if pair[0].steps == longest]
        # A neighbour with no shorter trial has nothing that its longest one could contradict.
        has_shorter = len(trials) > len(pairs) > 0
        return has_shorter and all(is_far_above(neighbour.loss, recipe.loss) for recipe, neighbour in pairs)

    def training_distance(self, hyperparameters: LrAndMomentum, *, steps: int) -> float:
        """Return how far a training goes: its effective learning rate, as far as it is reached, times its steps."""
        rate, memory = (math.exp(each) for each in self.neighbourhood.features(hyperparameters))
        return rate * float(realised_momentum_share(np.array(memory), np.array(steps))) * steps

    @property
    def max_training_distance(self) -> float:
        """How far a change may train: as far as the recipe, or twice as far as where the data is memorised.

        A training that goes as far as a short trial that memorised its data memorises it too, and going further makes
        it no better. So it says nothing of full trainings that such a short trial ended lower than the recipe's.
        """
        memorised = min(map(self._distance_to_memorisation, self.trials), default=math.inf)
        recipe = self.training_distance(self.neighbourhood.current, steps=self.full_steps)
        return max(recipe, MAX_DISTANCE_PAST_MEMORISED * memorised)

    def all_losses_nearly_equal(self) -> bool:
        """Return whether, at each length, all trials that did not diverge ended at nearly the same loss."""
        return all(
            _all_nearly_equal([trial.loss for trial in self.trials if trial.steps == steps and not trial.diverged])
            for steps in {trial.steps for trial in self.trials}
        )

    def observations(self) -> list[Observation]:
        """Return the trials as input of the surrogate.

        The offset that all trials of a seed share is subtracted. A neighbour that failed in a longer trial counts as
        failed in its shorter ones too: their losses say nothing of a full training, and others must not be measured by
        them.
        """
        trials = self._trials_for_surrogate()
        scale = LossScale.of([trial.loss for trial in trials])
        offsets = {key: self._seed_offset(*key, scale) for key in {(trial.steps, trial.seed) for trial in trials}}
        tried = {trial.hyperparameters for trial in trials}
        failed = {each for each in tried if self.failed_in_longest_trial(each)}
        observations = []
        for trial in trials:
            loss = math.inf if trial.hyperparameters in failed else trial.loss
            if math.isfinite(loss):
                loss = scale.loss(scale.value(loss) - offsets[trial.steps, trial.seed])
            features = self.neighbourhood.features(trial.hyperparameters)
            observations.append(Observation(features, trial.steps, loss))
        return observations

    def surrogate(self) -> Surrogate | None:
        """Return the surrogate fitted to all trials; ``None`` where every trial diverged."""
        generator = np.random.default_rng([self.seed, len(self.trials)])
        return Surrogate.fit(self.observations(), full_steps=self.full_steps, generator=generator)

    def _trials_for_surrogate(self) -> list[CheckTrial]:
        shortest = min(trial.steps for trial in self.trials)
        finished = {t.hyperparameters for t in self.trials if t.steps > shortest and not t.diverged}
        if len(finished) < MIN_COMPARED_IN_LONGER_TRIALS:
            return self.trials
        return [trial for trial in self.trials if trial.steps > shortest]

    def _seed_offset(self, steps: int, seed: int, scale: LossScale) -> float:
        """Return by how much, on the scale, a seed's losses lie above the first seed's: the median over neighbours."""
        first, other = (
            {t.hyperparameters: t.loss for t in self.trials_of_length(steps, seed=each) if not t.diverged}
            for each in (self.seed, seed)
        )
        gaps = [scale.value(other[each]) - scale.value(first[each]) for each in first.keys() & other.keys()]
        return float(np.median(gaps)) if gaps else 0.0

    def _distance_to_memorisation(self, trial: CheckTrial) -> float:
        """Return the training distance after which the data is memorised, extrapolated from one trial.

        The ratio of training to validation loss is taken to fall exponentially with the distance.
        """
        ratio = trial.train_to_valid_ratio
        if ratio is None or ratio > MAX_TELLING_RATIO:
            return math.inf
        times_as_far = math.log(MEMORISED_RATIO) / math.log(max(ratio, 1e-9))
        return max(1.0, times_as_far) * self.training_distance(trial.hyperparameters, steps=trial.steps)

    def _is_milder(self, first: LrAndMomentum, *, than: LrAndMomentum) -> bool:
        if first.momentum == than.momentum:
            return first.lr <= than.lr
        (log_rate, _), (other_log_rate, _) = (self.neighbourhood.features(each) for each in (first, than))
        return 2 * first.lr <= than.lr and log_rate + math.log(2.0) <= other_log_rate


def best_trial(trials: Sequence[CheckTrial]) -> CheckTrial:
    """Return the trial to continue from: the one with the lowest loss.

    Where all losses tie it is the one with the highest learning rate, which may yet learn in a longer trial. Where all
    diverged or ended above the loss before training, it is the one with the lowest learning rate.
    """
    finished = [trial for trial in trials if not trial.diverged]
    if finished and _all_nearly_equal([trial.loss for trial in finished]):
        return max(finished, key=lambda trial: trial.hyperparameters.lr)
    learnt = [trial for trial in finished if not trial.ended_above_initial_loss]
    if not learnt:
        return min(trials, key=lambda trial: trial.hyperparameters.lr)
    return min(learnt, key=lambda trial: trial.loss)


def ended_above_initial_loss(outcome: Outcome, *, before: Outcome) -> bool:
    """Return whether a trial ended above the loss before training; in the training loss too, where both are known.

    Args:
        outcome: The trial.
        before: A trial that is too short and too slow to learn anything.

    Example:
        >>> before = Outcome(2.3)
        >>> [ended_above_initial_loss(Outcome(loss), before=before) for loss in (2.8, 0.3)]
        [True, False]
    """
    if not outcome.ok or not before.ok or nearly_equal(outcome.loss, before.loss):
        return False
    ends = outcome.train_end, before.train_end
    training_loss_fell = ends[0] is not None and ends[1] is not None and ends[0] < ends[1]
    return outcome.loss > before.loss and not training_loss_fell


def train_to_valid_ratio(outcome: Outcome) -> float | None:
    """Return training loss over validation loss at the end of a trial; ``None`` where either is unknown or negative.

    Example:
        >>> from surefoot.trainers.trial import Curve
        >>> train_to_valid_ratio(Outcome(0.5, train=Curve((10,), (0.05,)))), train_to_valid_ratio(Outcome(0.6))
        (0.1, None)
    """
    train = outcome.train_end
    return train / outcome.loss if train is not None and train >= 0.0 and outcome.ok and outcome.loss > 0.0 else None


def is_far_above(loss: float, other: float) -> bool:
    """Return whether a loss lies above another by more than seed noise explains; an infinite one always does.

    Example:
        >>> is_far_above(1.6, 1.0), is_far_above(1.2, 1.0), is_far_above(math.inf, 1.0)
        (True, False, True)
    """
    if not math.isfinite(loss) or not math.isfinite(other):
        return math.isfinite(other)
    return loss > other + math.expm1(MIN_LOG_RATIO_FAR_ABOVE) * abs(other)


def nearly_equal(loss: float, other: float) -> bool:
    """Return whether two losses differ by no more than 1 %."""
    return _all_nearly_equal([loss, other])


def _all_nearly_equal(losses: Sequence[float]) -> bool:
    return not losses or max(losses) - min(losses) <= EQUAL_WITHIN * max(abs(loss) for loss in losses)
