"""The best that a change of one knob can do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from surefoot.diagnosis.foresight import Expected
from surefoot.diagnosis.settings import CHANGES, Change, Plane, Setting

# The learning rate is the first knob: it is at fault where changing it alone recovers this share of the best gain, ...
RECOVERED = 0.7
# ... and this share of the way down, in logarithms, as far as that is told apart.
WAY_DOWN = 0.5
# By so many standard deviations what is foreseen counts less than what was tried.
CAUTION = 0.5
# A loss so far above what is foreseen for it is beyond the clip.
BEYOND = 0.3


@dataclass(frozen=True, slots=True)
class Improvement:
    """The best that one kind of change can do.

    Attributes:
        change: What is changed.
        setting: To what.
        gain: Share of the final loss that it saves, 1 - (loss + lift) / (own loss + lift); negative where everything is
            worse.
        loss: Expected final validation loss.
        distance: Logarithm of the ratio of the recipe's own final loss to it, as far as bad ones are told apart.
        doubt: Standard deviation of the distance.
    """

    change: Change
    setting: Setting
    gain: float
    loss: float
    distance: float
    doubt: float


def improvements_of(
    plane: Plane, expected: Expected, own_loss: float, *, lost: Callable[[Setting], bool] = lambda _: False
) -> tuple[Improvement, ...]:
    """Return the best that every kind of change can do, in the order in which knobs are to be turned.

    Args:
        plane: The recipe and its changes.
        expected: What full trainings are likely to end at.
        own_loss: What the recipe's own ended at.
        lost: Tells of a setting whether it is known to diverge: nobody is advised that while there is another.
    """
    left = {change: [each for each in plane.lines[change] if not lost(each)] for change in CHANGES}
    lines = left if any(left.values()) else plane.lines
    return tuple(_best(change, lines[change], plane, expected, own_loss) for change in CHANGES if lines[change])


def first_to_make(found: tuple[Improvement, ...]) -> Improvement:
    """Return the first knob that recovers most of what the best one does."""
    best = max(found, key=lambda each: each.distance)
    return next(
        each
        for each in found
        if each is best or (each.gain >= RECOVERED * best.gain and each.distance >= WAY_DOWN * best.distance)
    )


def _best(change: Change, line: list[Setting], plane: Plane, expected: Expected, own_loss: float) -> Improvement:
    found = [(*expected.at(setting), setting) for setting in line]
    mean, doubt, setting = min(found, key=lambda row: row[0] + CAUTION * row[1])
    own = expected.at(plane.own)[0]
    # Beyond the clip the recipe's own loss counts as it was measured.
    beyond = math.log(own_loss + expected.lift) > own + BEYOND
    gain = -math.expm1(mean - (math.log(own_loss + expected.lift) if beyond else own))
    return Improvement(change, setting, gain, expected.loss(mean), own - mean, max(doubt, 1e-6))
