"""What was measured -> which knob is wrong, by how much, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from surefoot.diagnosis.finding import Verdict
from surefoot.diagnosis.improvement import Improvement, first_to_make
from surefoot.diagnosis.inquiry import FULL, SLIGHT, Inquiry
from surefoot.diagnosis.settings import Setting

# A change is worth making where it lowers the final loss by this share, ...
WORTH = 0.05
# ... and by so many times the noise of a single training.
NOISES = 1.27
# So many standard deviations of its difference must lie between it and the recipe.
SURE = 1.5
# A difference in doubt by more than this factor of the loss, as a logarithm, is no evidence either way.
VAGUE = 0.3


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a recipe's setting is right.

    Attributes:
        verdict: ``healthy``, ``diverged``, or which knob is wrong and which way.
        confidence: Probability of it.
        improvements: What every kind of change can do; empty where everything diverged.
        chosen: The one to make; ``None`` where nothing should change, or nothing helps.
        noise: Standard deviation of a single training's log loss, ``None`` where everything diverged.
    """

    verdict: Verdict
    confidence: float
    improvements: tuple[Improvement, ...] = ()
    chosen: Improvement | None = None
    noise: float | None = None


def judge(inquiry: Inquiry, *, start: float) -> Judgement:
    """Return whether a recipe's learning rate and momentum are right.

    A setting is at fault where the best single change lowers the final loss by more than 5 %, and more than luck would:
    the learning rate, if that alone recovers most of it, for it is the first knob; else the momentum.

    Args:
        inquiry: When all its orders are done.
        start: Validation loss before the first step.
    """
    plane = inquiry.plane
    losses = [row.loss for row in inquiry.judged if row.setting == plane.own and row.share == FULL]
    diverged = not losses[0] <= start
    if not inquiry.anything_learns:
        return Judgement("diverged", 1.0)
    expected = inquiry.expected()
    found = inquiry.improvements(expected)
    best = max(found, key=lambda each: each.distance)
    # Whatever is at fault after a divergence: it is the first fault.
    if diverged:
        return Judgement("diverged", 1.0, found, _way_out(inquiry, first_to_make(found)), expected.noise)
    worth = max(-math.log1p(-WORTH), NOISES * expected.noise)
    if worth < best.distance <= SURE * best.doubt and best.doubt > VAGUE:
        return Judgement("unknown", _probability(best.distance / best.doubt), found, None, expected.noise)
    if best.distance <= max(worth, SURE * best.doubt):
        return Judgement("healthy", _probability((worth - best.distance) / best.doubt), found, None, expected.noise)
    chosen = first_to_make(found)
    return Judgement(
        verdict_of(chosen, plane.own), _probability(best.distance / best.doubt), found, chosen, expected.noise
    )


def verdict_of(improvement: Improvement, own: Setting) -> Verdict:
    """Return what is wrong where a change helps: what is better raised is too low."""
    if improvement.change == "lr":
        return "lr_too_low" if improvement.setting.lr > own.lr else "lr_too_high"
    return "momentum_too_low" if improvement.setting.momentum > own.momentum else "momentum_too_high"


def _way_out(inquiry: Inquiry, change: Improvement) -> Improvement | None:
    """Return a change that is to be made after a divergence, ``None`` if it hardly helps or diverged as well."""
    tried = inquiry.loss_of(change.setting, FULL)
    return change if change.gain > SLIGHT and (tried is None or math.isfinite(tried)) else None


def _probability(deviations: float) -> float:
    return NormalDist().cdf(deviations)
