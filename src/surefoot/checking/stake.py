"""The stake of a change: which share of the final loss it is expected to save, and how sure that is.

    stake = 1 - L(changed) / L(own)

at the full length of the training, L without the noise of a seed. Functions L are drawn from the surrogate of all
trials. What only short trials show is less sure than the surrogate has it: how the best setting moves with the length
differs from task to task. Its logarithms therefore get a further normal error that grows with the distance from the
longest trial in which the two were compared to the full length.

The surrogate sees single losses. In a pair of one seed and length, initialisation and batches are the same, and what
is common to both cancels: the difference says more than the two. The draws of the differences d at the full length are
therefore conditioned on the mean difference of each setting's longest pairs, where p are the draws of these, at their
own length, as an ensemble Kalman filter does:

    d' = d + cov(d, p) (cov(p) + R)⁻¹ (observed + ε - p),   R = 2 σ² / pairs + (drift · ln(full steps / steps))²

The surrogate compresses losses far above the best of their length. Where the recipe's own is one, what was cut off is
added again, less an unknown share of it that grows with the same distance: longer trainings make up for much.

There is one valley: where, in a draw, a change is worse than the recipe, going further the same way is no better than
that. What ended lower than the recipe in its own trials is excepted: plateaus lie outside of valleys.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from surefoot.checking.evidence import CheckTrial, Evidence
from surefoot.checking.neighbourhood import CHANGES, Change, Setting
from surefoot.surrogate.gaussian_process import Array
from surefoot.surrogate.surrogate import Surrogate

# A change is worth making where it saves more than this share of the final loss.
WORTH = 0.05
# Standard deviation of the further error for each unit of ln(full steps / compared steps).
WIDER = 0.03
# Share of what was cut off that a training makes up for, at most, for each unit of ln(full steps / steps).
MADE_UP = 0.3
# Seed noise of one of a pair's log losses, at most; and how the difference drifts for each unit of that logarithm.
PAIR_NOISE, DRIFT = 0.06, 0.12
# Differences beyond this are compressed in the draws, and say no more.
LARGEST_DIFFERENCE = 0.5
DRAWS = 512
# A change in doubt counts for less by so many standard deviations.
CAUTION = 0.5
# Bounds of the interval that is given.
LOW, HIGH = 0.05, 0.95


@dataclass(frozen=True, slots=True)
class Stake:
    """What one change is expected to save.

    Attributes:
        change: What is changed.
        setting: To what.
        share: Expected share of the final loss that it saves, at most 1; below 0 where it costs.
        low, high: Bounds that hold it with 90 %.
        probability: That it is more than 5 %.
    """

    change: Change
    setting: Setting
    share: float
    low: float
    high: float
    probability: float

    @property
    def cautious(self) -> float:
        """The share less what is in doubt; by it changes are compared."""
        return self.share - CAUTION * (self.high - self.low) / 3.29


def stakes_of(evidence: Evidence, surrogate: Surrogate) -> tuple[Stake, ...]:
    """Return the stakes of all changes between the outermost settings that were tried, best first.

    Settings that diverged, or that lie beyond one that did, are no change to make and have no stake.
    """
    changes = [*_changes(evidence)]
    if not changes:
        return ()
    settings = [evidence.neighbourhood.own, *(setting for _, setting in changes)]
    generator = np.random.default_rng([evidence.seed, len(evidence.trials), 1])
    drawn, below = _drawn(settings, evidence, surrogate, generator)
    extra = np.array([_not_seen(evidence, setting) for _, setting in changes])
    below = below + extra * generator.standard_normal(below.shape)
    cut = np.array([_cut_off(evidence, surrogate, setting) for _, setting in changes])
    below = below + cut * (1.0 - generator.uniform(0.0, _made_up(evidence), (DRAWS, 1)))
    shares = _one_valley(_shares(below, drawn[:, :1], surrogate), changes, evidence)
    found = [_stake(change, setting, shares[:, number]) for number, (change, setting) in enumerate(changes)]
    if evidence.longest_own.diverged:  # nothing of it is left to compare with
        found = [Stake(each.change, each.setting, 1.0, max(each.low, 0.0), 1.0, 1.0) for each in _ordered(found)]
        return tuple(found)
    return tuple(_ordered(found))


def best_of_each(stakes: tuple[Stake, ...]) -> dict[Change, Stake]:
    """Return the best stake of each kind of change."""
    return {
        change: max(of_kind, key=lambda each: each.cautious)
        for change in CHANGES
        if (of_kind := [each for each in stakes if each.change == change])
    }


def _ordered(stakes: list[Stake]) -> list[Stake]:
    return sorted(stakes, key=lambda each: -each.cautious)


def _changes(evidence: Evidence) -> Iterator[tuple[Change, Setting]]:
    neighbourhood = evidence.neighbourhood
    tried = {trial.setting for trial in evidence.trials}
    rates = [each.lr for each in tried if each.momentum == neighbourhood.own.momentum]
    momenta = [each.momentum for each in tried]
    furthest = evidence.furthest
    for change in CHANGES:
        for setting in neighbourhood.lines[change]:
            inside = (
                min(rates) <= setting.lr <= max(rates)
                if change == "lr"
                else min(momenta) <= setting.momentum <= max(momenta)
            )
            if not inside or evidence.is_lost(setting):
                continue
            if evidence.progress(setting, evidence.full_steps) <= furthest or evidence.compared_in_full(setting):
                yield change, setting


def _not_seen(evidence: Evidence, setting: Setting) -> float:
    """Return the standard deviation of the further error of a setting's difference from the recipe."""
    pairs = evidence.pairs(setting)
    compared = pairs[0][0].steps if pairs else min(trial.steps for trial in evidence.trials)
    return WIDER * math.log(evidence.full_steps / compared)


def _drawn(
    settings: Sequence[Setting], evidence: Evidence, surrogate: Surrogate, generator: np.random.Generator
) -> tuple[Array, Array]:
    """Return draws at the full length ``[draws, settings]``, and by how much each lies below the recipe's, the first.

    The differences ``[draws, settings - 1]`` are conditioned on those of pairs; see above.
    """
    own, features = settings[0], evidence.neighbourhood.features
    compared = {row: pairs for row, setting in enumerate(settings[1:]) if (pairs := _telling(evidence, setting))}
    ends = [(setting, pairs[0][0].steps) for row, pairs in compared.items() for setting in (own, settings[1 + row])]
    points = [(setting, evidence.full_steps) for setting in settings] + ends
    everywhere = surrogate.draws(
        np.array([features(setting) for setting, _ in points]),
        [steps for _, steps in points],
        DRAWS,
        generator=generator,
    )
    drawn, at_ends = everywhere[:, : len(settings)], everywhere[:, len(settings) :]
    below: Array = drawn[:, :1] - drawn[:, 1:]
    if not compared:
        return drawn, below
    there = at_ends[:, ::2] - at_ends[:, 1::2]
    observed, variances = np.array([_observed(pairs, evidence, surrogate) for pairs in compared.values()]).T
    centred = there - there.mean(axis=0)
    inner = centred.T @ centred / (DRAWS - 1) + np.diag(variances)
    cross = centred.T @ (below - below.mean(axis=0)) / (DRAWS - 1)
    wanted = observed + np.sqrt(variances) * generator.standard_normal(there.shape)
    return drawn, below + (wanted - there) @ np.linalg.solve(inner, cross)


def _telling(evidence: Evidence, setting: Setting) -> list[tuple[CheckTrial, CheckTrial]]:
    """Return the pairs of a setting that came to their end; none where it failed."""
    pairs = [pair for pair in evidence.pairs(setting) if not pair[0].diverged and not pair[1].diverged]
    return pairs if pairs and not evidence.has_failed(setting) else []


def _observed(
    pairs: Sequence[tuple[CheckTrial, CheckTrial]], evidence: Evidence, surrogate: Surrogate
) -> tuple[float, float]:
    """Return the mean difference of some pairs on the scale of the losses, and the variance of its error."""
    value, noise = surrogate.scale.value, min(surrogate.noise, PAIR_NOISE)
    mean = float(np.mean([value(mine.loss) - value(other.loss) for mine, other in pairs]))
    drift = DRIFT * math.log(evidence.full_steps / pairs[0][0].steps)
    return float(np.clip(mean, -LARGEST_DIFFERENCE, LARGEST_DIFFERENCE)), 2.0 * noise**2 / len(pairs) + drift**2


def _one_valley(shares: Array, changes: Sequence[tuple[Change, Setting]], evidence: Evidence) -> Array:
    """Return the shares ``[draws, changes]`` with one valley along every line of changes, outward from the recipe."""
    bounded, own = shares.copy(), evidence.neighbourhood.own
    keys: list[tuple[Change, bool, float, int]] = []
    for number, (change, setting) in enumerate(changes):
        gap = math.log(setting.lr / own.lr) if change == "lr" else math.log((1 - own.momentum) / (1 - setting.momentum))
        keys.append((change, gap > 0, abs(gap), number))
    for (change, side, _, nearer), (other, same, _, further) in pairwise(sorted(keys)):
        if (change, side) == (other, same) and not _ended_lower(evidence, changes[further][1]):
            worse = bounded[:, nearer] < 0
            bounded[worse, further] = np.minimum(bounded[worse, further], bounded[worse, nearer])
    return bounded


def _ended_lower(evidence: Evidence, setting: Setting) -> bool:
    pairs = evidence.pairs(setting)
    return bool(pairs) and all(other.loss < mine.loss for mine, other in pairs)


def _cut_off(evidence: Evidence, surrogate: Surrogate, setting: Setting) -> float:
    """Return by how much a setting's difference from the recipe was compressed in their longest trials; 0 without."""
    pairs = evidence.pairs(setting)
    if not pairs:
        return 0.0
    features = evidence.neighbourhood.features
    own, other = (
        _beyond(surrogate, features(each), pairs[0][0].steps) for each in (evidence.neighbourhood.own, setting)
    )
    return max(own - other, 0.0)


def _beyond(surrogate: Surrogate, features: tuple[float, ...], steps: int) -> float:
    """Return how far a setting's loss at a length lies above what the surrogate was fitted to; 0 without trials."""
    found = [
        surrogate.scale.value(each.loss) - value
        for each, value in zip(surrogate.observations, surrogate.values, strict=True)
        if each.features == features and each.steps == steps and math.isfinite(each.loss)
    ]
    return max(float(np.mean(found)), 0.0) if found else 0.0


def _made_up(evidence: Evidence) -> float:
    """Return the largest share of what was cut off that the rest of the training may make up for."""
    return min(0.9, MADE_UP * math.log(evidence.full_steps / evidence.longest_own.steps))


def _shares(below: Array, own: Array, surrogate: Surrogate) -> Array:
    """Return the shares saved, of differences on the scale of the losses."""
    if surrogate.scale.unit is None:
        shares: Array = -np.expm1(-below)
        return shares
    # Without logarithms a share is of the loss's own size, which must not vanish.
    size = np.maximum(np.abs(own), 0.1)
    return np.asarray(np.clip(below / size, -1e6, 1.0))


def _stake(change: Change, setting: Setting, shares: Array) -> Stake:
    low, high = (float(np.quantile(shares, share)) for share in (LOW, HIGH))
    mean = float(np.clip(shares.mean(), low, high))
    return Stake(change, setting, mean, low, high, float((shares > WORTH).mean()))
