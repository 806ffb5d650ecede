"""How long to train: where longer trainings end worse, the shorter one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from surefoot.search.answer import NORMAL_90
from surefoot.search.cliff import Trained
from surefoot.search.result import FrontierPoint
from surefoot.surrogate import Surrogate

# A loss counts as worse where it is above by more than this share, and than the noise.
SHARE = 0.05


def recommended_length(
    frontier: Sequence[FrontierPoint], trials: Sequence[Trained], surrogate: Surrogate
) -> tuple[int, int | None]:
    """Return how long to train, and after how many steps the loss rises again (``None`` where it does not).

    A training shorter than the full one is recommended where trials of more steps ended worse, by more than their
    noise, and overfitting is why: the best of them has a lower training loss, as far as that is known. A longer trial
    whose training loss is higher as well broke; no length is to blame for that.

    Args:
        frontier: The fewest steps first, the full training last.
        trials: All of the search.
        surrogate: Of the losses.
    """
    full = frontier[-1].steps
    held = [trial for trial in trials if math.isfinite(trial.observation.loss)]
    tried = [point for point in frontier if any(trial.observation.steps == point.steps for trial in held)]
    if len(tried) < 2:
        return full, None
    best = min(tried, key=lambda point: point.loss)
    longer = [point for point in tried if point.steps > best.steps]
    if not longer:
        return full, None
    rises = [surrogate.scale.value(point.loss) - surrogate.scale.value(best.loss) for point in longer]
    least = surrogate.scale.excess(SHARE, over=surrogate.scale.value(best.loss))
    worse = max(rises) > max(NORMAL_90 * surrogate.noise, least) and rises[-1] > 0
    return (best.steps, best.steps) if worse and _overfits(held, best.steps) else (full, None)


def _overfits(held: Sequence[Trained], steps: int) -> bool:
    """Tell whether trials of more steps fitted the training data better, as far as that is known."""
    own = _lowest([trial for trial in held if trial.observation.steps == steps])
    other = _lowest([trial for trial in held if trial.observation.steps > steps])
    return own.train_end is None or other.train_end is None or other.train_end < own.train_end


def _lowest(trials: Sequence[Trained]) -> Trained:
    return min(trials, key=lambda trial: trial.observation.loss)
