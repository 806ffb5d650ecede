"""The cliff: learning rates that break the training, whatever else the losses say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.recipe.recipe import Recipe
from surefoot.search.space.coordinates import Point
from surefoot.surrogate.surrogate import LossScale, Observation

Array = NDArray[np.float64]
# A rate this near below one that broke is not recommended, in logarithms of the effective rate; a rate breaks later
# with more momentum, about as the root of its memory.
MARGIN, LEAN = math.log(1.3), 0.5
# And this much further below, where only what broke is known.
UNKNOWN = math.log(1.6)
# How far the cliff drops for each unit of the logarithm of the length: in eight times as many steps, to about 0.6.
DROP = 0.25
# What broke at a momentum says nothing of one whose memory differs by more than this factor.
SAME_MEMORY = math.log(4.0)
# A trial broke where it ended so far above the best of its length, on the scale of the losses.
BROKEN = 0.4
# And by so many times the error of a trial: of a dozen noisy trials the best is lucky by two of them. But what ended so
# far above broke, however large the error is: where losses fall by decades it is large everywhere.
ERRORS, SURELY_BROKEN = 4.0, 1.0


@dataclass(frozen=True, slots=True)
class Trained:
    """A trial of the search: its recipe, its place in the cube, and what came of it.

    Attributes:
        recipe: The recipe.
        point: In the unit cube, or beyond it.
        observation: Features, length and loss.
        train_end: Training loss at its end; ``None`` where that is not known.
    """

    recipe: Recipe
    point: Point
    observation: Observation
    train_end: float | None = None


@dataclass(frozen=True, slots=True)
class Cliff:
    """Where trials broke, on a line from low to high rates on which momentum is accounted for.

    Attributes:
        optimizers: Of every trial.
        features: Of every trial ``[n, D]``.
        broke: Whether it did ``[n]``.
        longer: Logarithm of how many times longer the trainings are that it is to speak for ``[n]``.
        doubt: How much lower the cliff may yet lie ``[n]``.
    """

    optimizers: tuple[str, ...]
    features: Array
    broke: NDArray[np.bool_]
    longer: Array
    doubt: Array

    @classmethod
    def of(cls, trials: Sequence[Trained], scale: LossScale, *, steps: int, error: float = 0.0) -> Cliff:
        """Return what some trials show of trainings of a length: what broke in fewer steps breaks at lower rates there.

        A trial broke where it diverged, ended far above the best of its length at a higher rate than that, or ended far
        above a shorter one that went less far, in the training loss too. Far is more than chance explains.

        Args:
            trials: Those of the search.
            scale: Of their losses.
            steps: Length that it is to speak for.
            error: Standard deviation of a trial from what the others say of it, on the scale.
        """
        far = min(max(BROKEN, ERRORS * error), SURELY_BROKEN)
        features = np.array([trial.observation.features for trial in trials])
        places = _places(features)
        best: dict[int, int] = {}
        for number, trial in enumerate(trials):
            rival = best.setdefault(trial.observation.steps, number)
            if trial.observation.loss < trials[rival].observation.loss:
                best[trial.observation.steps] = number
        broke = np.zeros(len(trials), dtype=bool)
        for number, trial in enumerate(trials):
            rival = best[trial.observation.steps]
            broke[number] = not math.isfinite(trial.observation.loss) or (
                scale.value(trial.observation.loss) - scale.value(trials[rival].observation.loss) > far
                and places[number] > places[rival] + MARGIN
            )
        broke |= _undone(trials, scale, far)
        longer = np.array([max(0.0, math.log(steps / trial.observation.steps)) for trial in trials])
        features[:, 0] -= np.where(broke, DROP * longer, 0.0)
        # Where nothing held in trainings of the length itself, nobody knows how far below the cliff lies.
        none_held = not (~broke & (longer == 0.0)).any()
        doubt = np.where(broke & (longer == 0.0) & none_held, UNKNOWN, 0.0)
        return cls(tuple(trial.recipe.optimizer for trial in trials), features, broke, longer, doubt)

    def distances(self, optimizer: str, features: Array) -> tuple[Array, Array]:
        """Return how far trials of like momentum that held, and that broke, lie above a setting on the line."""
        alike = self._alike(features[None], [optimizer])[0]
        gaps = _places(self.features) - _places(features[None])[0]
        return gaps[alike & ~self.broke], gaps[alike & self.broke]

    def breaks(self, features: Array, optimizers: Sequence[str], *, margin: float = MARGIN) -> NDArray[np.bool_]:
        """Tell which of some settings ``[m, D]`` lie above, or nearer below than a margin, one that broke: ``[m]``."""
        gaps = _places(self.features)[None] - _places(features)[:, None]
        near = gaps < margin + self.doubt[None]
        return np.asarray((self._alike(features, optimizers) & self.broke[None] & near).any(axis=1))

    def held(self, features: Array, optimizers: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which settings ``[m, D]`` lie below one of like momentum that held, as far as shorter trials show it."""
        gaps = (_places(self.features) - DROP * self.longer)[None] - _places(features)[:, None]
        return np.asarray((self._alike(features, optimizers) & ~self.broke[None] & (gaps >= 0)).any(axis=1))

    def edge(self, optimizer: str, features: Array) -> float | None:
        """Return how far above a setting the largest usable rate lies, ``None`` where nothing broke."""
        held, broken = self.distances(optimizer, features)
        if not len(broken):
            return None
        lowest = float(broken.min())
        below = held[held < lowest]
        # Half way between what held and what broke, on the safe side; but a setting that is safe itself is usable.
        halfway = (float(below.max()) + lowest) / 2 if len(below) else lowest - math.log(2.0)
        return min(lowest - MARGIN, max(halfway, 0.0))

    def _alike(self, features: Array, optimizers: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which trials are of the optimizer and of like momentum as each of some settings: ``[m, n]``."""
        same = np.array(self.optimizers)[None] == np.array(optimizers)[:, None]
        alike: NDArray[np.bool_] = same & (np.abs(self.features[None, :, 1] - features[:, None, 1]) <= SAME_MEMORY)
        return alike


def without_accidents(trials: Sequence[Trained], failed: Sequence[bool]) -> list[Trained]:
    """Return trials without those that failed, other than by divergence, at no higher a rate than one that ended.

    A program that raises where its loss becomes NaN fails for its rate; one that raises now and then, or whose time was
    over, does not.

    Args:
        trials: Those of the search.
        failed: Whether an exception, a timeout or a killed process is why one has no loss.
    """
    if not any(failed):
        return [*trials]
    highest: dict[str, float] = {}
    places = _places(np.array([trial.observation.features for trial in trials])).tolist()
    for trial, place in zip(trials, places, strict=True):
        if math.isfinite(trial.observation.loss):
            optimizer = trial.recipe.optimizer
            highest[optimizer] = max(place, highest.get(optimizer, place))
    return [
        trial
        for trial, place, lost in zip(trials, places, failed, strict=True)
        if not lost or place > highest.get(trial.recipe.optimizer, -math.inf)
    ]


def _undone(trials: Sequence[Trained], scale: LossScale, far: float) -> NDArray[np.bool_]:
    """Tell which trials ended far above a shorter one that went less far, and not for overfitting: ``[n]``.

    How far a training goes is its effective rate times its steps.
    """
    optimizers = np.array([trial.recipe.optimizer for trial in trials])
    steps = np.array([trial.observation.steps for trial in trials])
    gone = np.array([trial.observation.features[0] for trial in trials]) + np.log(steps)
    values = np.array([scale.value(trial.observation.loss) for trial in trials])
    # Where the training loss is not known, no comparison with it holds.
    trains = np.array([math.nan if trial.train_end is None else trial.train_end for trial in trials])
    comparable = (steps[None] < steps[:, None]) & (optimizers[None] == optimizers[:, None])
    above = (values[:, None] > values[None] + far) & (trains[:, None] > trains[None])
    return np.asarray((comparable & above & (gone[:, None] >= gone[None])).any(axis=1))


def _places(features: Array) -> Array:
    """Return where settings ``[n, D]`` lie on the line: the log of the effective rate, less the lean of the cliff."""
    places: Array = features[:, 0] - LEAN * features[:, 1]
    return places
