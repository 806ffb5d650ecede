"""How long to train: where longer trainings end worse, the shorter one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from surefoot.search.answer import NORMAL_90, Reader
from surefoot.search.cliff import Trained
from surefoot.search.result import FrontierPoint

# A loss counts as worse where it is above by more than this share, and than the noise.
SHARE = 0.05


def recommended_length(frontier: Sequence[FrontierPoint], reader: Reader) -> tuple[int, int | None]:
    """Return how long to train, and after how many steps the loss rises again (``None`` where it does not).

    A training shorter than the full one is recommended where trials of more steps ended worse, by more than the trials
    differ from what they say of each other, and overfitting is why: the best of them has a lower training loss, as far
    as that is known. A longer trial whose training loss is higher as well broke; no length is to blame for that. What
    is compared is what all trials make expect, not the lowest of them: of many noisy short trials one is lucky. Where
    the frontier shows its lowest loss at another length than that, the trials do not tell.

    Args:
        frontier: The fewest steps first, the full training last.
        reader: Of the search's trials.
    """
    full = frontier[-1].steps
    held = [trial for trial in reader.trials if math.isfinite(trial.observation.loss)]
    tried = [point for point in frontier if any(trial.observation.steps == point.steps for trial in held)]
    if len(tried) < 2:
        return full, None
    values = [reader.expected(point.recipe, point.steps) for point in tried]
    lowest = min(values)
    number = values.index(lowest)
    steps, longer = tried[number].steps, values[number + 1 :]
    if not longer or tried[number].loss > min(point.loss for point in tried):
        return full, None
    least = reader.surrogate.scale.excess(SHARE, over=lowest)
    # Two trainings differ by the root of 2 times as much as one does from what is expected of it.
    worse = max(longer) - lowest > max(NORMAL_90 * math.sqrt(2.0) * reader.surrogate.error, least)
    return (steps, steps) if worse and _overfits(held, steps) else (full, None)


def _overfits(held: Sequence[Trained], steps: int) -> bool:
    """Tell whether trials of more steps fitted the training data better, as far as that is known."""
    own = _lowest([trial for trial in held if trial.observation.steps == steps])
    other = _lowest([trial for trial in held if trial.observation.steps > steps])
    return own.train_end is None or other.train_end is None or other.train_end < own.train_end


def _lowest(trials: Sequence[Trained]) -> Trained:
    return min(trials, key=lambda trial: trial.observation.loss)
