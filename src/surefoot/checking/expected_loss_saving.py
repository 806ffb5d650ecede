"""What a change of learning rate or momentum is expected to save of the final loss, and how certain that is.

    saving = 1 - L(changed) / L(recipe)

at the full length of the training, where L is the expected loss, without seed noise. Functions L are drawn from the
surrogate of all trials, and the savings of each draw give a mean, a 90 % interval and a probability.

Four corrections are applied to the draws:

1. *Extrapolation.* The surrogate is too certain of what only short trials show: how the best learning rate moves with
   the length differs from task to task. The log losses get a further normal error that grows with the distance from the
   longest trial in which the two were compared to the full length.
2. *Pairs.* The surrogate sees single losses, but in a pair of one seed and length most of the noise cancels. The drawn
   differences d at the full length are conditioned on the mean difference of each neighbour's longest pairs, as an
   ensemble Kalman filter does; p are the drawn differences at the length of the pairs:

       d' = d + cov(d, p) (cov(p) + R)⁻¹ (observed + ε - p),   R = 2 σ² / pairs + (drift · ln(full steps / steps))²

3. *Compression.* The surrogate compresses losses far above the best of their length. Where the recipe's own is one,
   the part that was compressed away is added again, less an unknown share that grows with the same distance: longer
   trainings make up for much.
4. *One valley.* Where a change is worse than the recipe in a draw, a larger change of the same kind and direction is no
   better than that. Changes that ended lower than the recipe in their own trials are excepted: plateaus lie outside of
   valleys.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from surefoot.checking.neighbourhood import CHANGE_KINDS, ChangeKind, LrAndMomentum
from surefoot.checking.trial_history import CheckTrial, TrialHistory
from surefoot.core.statistics import NORMAL_QUANTILE_95
from surefoot.surrogate.gaussian_process import Array
from surefoot.surrogate.surrogate import Surrogate

# A change is worth making where it saves more than this share of the final loss. It is the 5 % that also bounds the
# good range of learning rates.
MIN_SAVING = 0.05
# Correction 1: standard deviation of the further error of a log loss, for each unit of ln(full steps / compared steps).
EXTRAPOLATION_STD = 0.03
# Correction 2: upper bound of the seed noise of one log loss in a pair, and standard deviation of the drift of the
# difference, for each unit of ln(full steps / steps).
MAX_PAIR_NOISE, PAIR_DRIFT_STD = 0.06, 0.12
# Correction 2: observed differences of log losses are clipped to this size; the draws are compressed beyond it too.
MAX_DIFFERENCE = 0.5
# Correction 3: largest share of the compressed part that the rest of the training makes up for, for each unit of
# ln(full steps / steps), and at most.
RECOVERED_PER_LOG, MAX_RECOVERED = 0.3, 0.9
# Number of functions drawn from the surrogate. Chosen: the 5 % quantile then rests on 26 draws.
NUM_DRAWS = 512
# Changes are compared by their expected saving less this many standard deviations. Chosen.
CAUTION_STDS = 0.5
# Quantiles that bound the 90 % interval.
LOW_QUANTILE, HIGH_QUANTILE = 0.05, 0.95
# On a scale without logarithms a saving is a share of the loss's size, which counts as this many units at least.
MIN_SIZE = 0.1


@dataclass(frozen=True, slots=True)
class ExpectedSaving:
    """What one change is expected to save.

    Attributes:
        change: Which hyperparameter changes.
        hyperparameters: Learning rate and momentum after the change.
        share: Expected share of the final loss that the change saves, at most 1; negative where it costs.
        low, high: Bounds of the 90 % interval of the share.
        probability: Probability that the share is more than 5 %.
    """

    change: ChangeKind
    hyperparameters: LrAndMomentum
    share: float
    low: float
    high: float
    probability: float

    @property
    def cautious_share(self) -> float:
        """The expected share less half a standard deviation: the score by which changes are compared."""
        standard_deviation = (self.high - self.low) / (2.0 * NORMAL_QUANTILE_95)
        return self.share - CAUTION_STDS * standard_deviation


def expected_savings(history: TrialHistory, surrogate: Surrogate) -> tuple[ExpectedSaving, ...]:
    """Return the expected savings of all changes within the range that was tried, best first.

    Changes to hyperparameters that diverged, or that are more aggressive than some that did, are left out.
    """
    changes = [*_candidates(history)]
    if not changes:
        return ()
    points = [history.neighbourhood.current, *(hyperparameters for _, hyperparameters in changes)]
    generator = np.random.default_rng([history.seed, len(history.trials), 1])
    drawn, below = _draw(points, history, surrogate, generator)
    extrapolation = np.array([_extrapolation_std(history, hyperparameters) for _, hyperparameters in changes])
    below = below + extrapolation * generator.standard_normal(below.shape)
    compressed = np.array([_lost_to_compression(history, surrogate, hyperparameters) for _, hyperparameters in changes])
    below = below + compressed * (1.0 - generator.uniform(0.0, _max_recovered(history), (NUM_DRAWS, 1)))
    shares = _limited_to_one_valley(_to_shares(below, drawn[:, :1], surrogate), changes, history)
    savings = [_summary(*change, shares[:, column]) for column, change in enumerate(changes)]
    savings.sort(key=lambda each: -each.cautious_share)
    if not history.longest_recipe_trial.diverged:
        return tuple(savings)
    # Whatever ends at all saves everything: the recipe has no final loss to compare with.
    return tuple(
        ExpectedSaving(each.change, each.hyperparameters, 1.0, max(each.low, 0.0), 1.0, 1.0) for each in savings
    )


def best_of_each_kind(savings: Sequence[ExpectedSaving]) -> dict[ChangeKind, ExpectedSaving]:
    """Return the best change of each kind that there is one of."""
    return {
        kind: max(of_kind, key=lambda each: each.cautious_share)
        for kind in CHANGE_KINDS
        if (of_kind := [each for each in savings if each.change == kind])
    }


def _candidates(history: TrialHistory) -> Iterator[tuple[ChangeKind, LrAndMomentum]]:
    """Yield the changes between the outermost hyperparameters that were tried, and that may be advised."""
    neighbourhood = history.neighbourhood
    tried = {trial.hyperparameters for trial in history.trials}
    rates = [each.lr for each in tried if each.momentum == neighbourhood.current.momentum]
    momenta = [each.momentum for each in tried]
    max_distance = history.max_training_distance
    for kind in CHANGE_KINDS:
        for candidate in neighbourhood.candidates[kind]:
            is_inside = (
                min(rates) <= candidate.lr <= max(rates)
                if kind == "lr"
                else min(momenta) <= candidate.momentum <= max(momenta)
            )
            if not is_inside or history.is_expected_to_diverge(candidate):
                continue
            distance = history.training_distance(candidate, steps=history.full_steps)
            if distance <= max_distance or history.was_compared_in_full(candidate):
                yield kind, candidate


def _extrapolation_std(history: TrialHistory, hyperparameters: LrAndMomentum) -> float:
    """Return the standard deviation of the further error of a neighbour's difference from the recipe (correction 1)."""
    pairs = history.pairs(hyperparameters)
    compared_steps = pairs[0][0].steps if pairs else min(trial.steps for trial in history.trials)
    return EXTRAPOLATION_STD * math.log(history.full_steps / compared_steps)


def _draw(
    points: Sequence[LrAndMomentum], history: TrialHistory, surrogate: Surrogate, generator: np.random.Generator
) -> tuple[Array, Array]:
    """Draw losses at the full length, and their differences, conditioned on pairs (correction 2).

    Args:
        points: The recipe's hyperparameters, then those of each change.
        history: The trials.
        surrogate: What to draw from.
        generator: Source of random numbers.

    Returns:
        Losses on the surrogate's scale ``[draws, points]``, and by how much each change lies below the recipe
        ``[draws, points - 1]``.
    """
    recipe, features = points[0], history.neighbourhood.features
    compared = {column: pairs for column, point in enumerate(points[1:]) if (pairs := _finished_pairs(history, point))}
    ends = [(point, pairs[0][0].steps) for column, pairs in compared.items() for point in (recipe, points[1 + column])]
    inputs = [(point, history.full_steps) for point in points] + ends
    draws = surrogate.draws(
        np.array([features(point) for point, _ in inputs]),
        [steps for _, steps in inputs],
        NUM_DRAWS,
        generator=generator,
    )
    drawn, at_ends = draws[:, : len(points)], draws[:, len(points) :]
    below: Array = drawn[:, :1] - drawn[:, 1:]
    if not compared:
        return drawn, below
    below_at_ends = at_ends[:, ::2] - at_ends[:, 1::2]
    observed, variances = np.array([_mean_pair_difference(each, history, surrogate) for each in compared.values()]).T
    centred = below_at_ends - below_at_ends.mean(axis=0)
    inner = centred.T @ centred / (NUM_DRAWS - 1) + np.diag(variances)
    cross = centred.T @ (below - below.mean(axis=0)) / (NUM_DRAWS - 1)
    perturbed = observed + np.sqrt(variances) * generator.standard_normal(below_at_ends.shape)
    return drawn, below + (perturbed - below_at_ends) @ np.linalg.solve(inner, cross)


def _finished_pairs(history: TrialHistory, hyperparameters: LrAndMomentum) -> list[tuple[CheckTrial, CheckTrial]]:
    """Return a neighbour's pairs in which neither trial diverged; none where its longest trial failed."""
    pairs = [pair for pair in history.pairs(hyperparameters) if not pair[0].diverged and not pair[1].diverged]
    return pairs if pairs and not history.failed_in_longest_trial(hyperparameters) else []


def _mean_pair_difference(
    pairs: Sequence[tuple[CheckTrial, CheckTrial]], history: TrialHistory, surrogate: Surrogate
) -> tuple[float, float]:
    """Return the mean difference of some pairs on the scale of the losses, and the variance of its error."""
    value, noise = surrogate.scale.value, min(surrogate.noise, MAX_PAIR_NOISE)
    mean = float(np.mean([value(recipe.loss) - value(neighbour.loss) for recipe, neighbour in pairs]))
    drift = PAIR_DRIFT_STD * math.log(history.full_steps / pairs[0][0].steps)
    return float(np.clip(mean, -MAX_DIFFERENCE, MAX_DIFFERENCE)), 2.0 * noise**2 / len(pairs) + drift**2


def _lost_to_compression(history: TrialHistory, surrogate: Surrogate, hyperparameters: LrAndMomentum) -> float:
    """Return by how much a neighbour's difference from the recipe was compressed in their longest pairs; 0 without."""
    pairs = history.pairs(hyperparameters)
    if not pairs:
        return 0.0
    features = history.neighbourhood.features
    recipe, neighbour = (
        _mean_compression(surrogate, features(each), pairs[0][0].steps)
        for each in (history.neighbourhood.current, hyperparameters)
    )
    return max(recipe - neighbour, 0.0)


def _mean_compression(surrogate: Surrogate, features: tuple[float, ...], steps: int) -> float:
    """Return how far the losses at a point and length lie above what the surrogate was fitted to; 0 without trials."""
    excesses = [
        surrogate.scale.value(each.loss) - value
        for each, value in zip(surrogate.observations, surrogate.values, strict=True)
        if each.features == features and each.steps == steps and math.isfinite(each.loss)
    ]
    return max(float(np.mean(excesses)), 0.0) if excesses else 0.0


def _max_recovered(history: TrialHistory) -> float:
    """Return the largest share of the compressed part that the rest of the training may make up for (correction 3)."""
    longest = history.longest_recipe_trial.steps
    return min(MAX_RECOVERED, RECOVERED_PER_LOG * math.log(history.full_steps / longest))


def _to_shares(below: Array, recipe: Array, surrogate: Surrogate) -> Array:
    """Return the shares of the loss that are saved ``[draws, changes]``.

    Args:
        below: By how much each change lies below the recipe, on the scale of the losses ``[draws, changes]``.
        recipe: The recipe's losses on that scale ``[draws, 1]``.
        surrogate: Whose scale it is.
    """
    if surrogate.scale.unit is None:
        shares: Array = -np.expm1(-below)
        return shares
    size = np.maximum(np.abs(recipe), MIN_SIZE)
    return np.asarray(np.clip(below / size, -1e6, 1.0))


def _limited_to_one_valley(
    shares: Array, changes: Sequence[tuple[ChangeKind, LrAndMomentum]], history: TrialHistory
) -> Array:
    """Return the shares ``[draws, changes]`` with one valley along every kind of change (correction 4)."""
    limited, current = shares.copy(), history.neighbourhood.current
    outward: list[tuple[ChangeKind, bool, float, int]] = []
    for column, (kind, to) in enumerate(changes):
        gap = math.log(to.lr / current.lr) if kind == "lr" else math.log((1 - current.momentum) / (1 - to.momentum))
        outward.append((kind, gap > 0, abs(gap), column))
    for (kind, side, _, nearer), (other_kind, other_side, _, further) in pairwise(sorted(outward)):
        if (kind, side) == (other_kind, other_side) and not _ended_lower(history, changes[further][1]):
            worse = limited[:, nearer] < 0
            limited[worse, further] = np.minimum(limited[worse, further], limited[worse, nearer])
    return limited


def _ended_lower(history: TrialHistory, hyperparameters: LrAndMomentum) -> bool:
    """Return whether a neighbour ended lower than the recipe in all of their longest pairs."""
    pairs = history.pairs(hyperparameters)
    return bool(pairs) and all(neighbour.loss < recipe.loss for recipe, neighbour in pairs)


def _summary(change: ChangeKind, hyperparameters: LrAndMomentum, shares: Array) -> ExpectedSaving:
    low, high = (float(np.quantile(shares, quantile)) for quantile in (LOW_QUANTILE, HIGH_QUANTILE))
    mean = float(np.clip(shares.mean(), low, high))
    return ExpectedSaving(change, hyperparameters, mean, low, high, float((shares > MIN_SAVING).mean()))
