"""Momentum steadies training where gradients are steep."""

from __future__ import annotations

import numpy as np

from surefoot.explanation.choice import chosen, held_out_best, middle
from surefoot.explanation.claim import Claim
from surefoot.explanation.course import climbs
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Courses
from surefoot.explanation.lines import course_line, rate_name
from surefoot.explanation.survey import STEPS_A_DECADE, Kind, Survey

PLAIN, USUAL = Kind(momentum=0.0), Kind()
KINDS = (PLAIN, USUAL)
# Gradients are steepest in this first share of a training, where the loss falls most.
STEEP = 0.25


def steadiness(survey: Survey) -> Claim:
    """Judge it in the first quarter, at the lr / (1 - momentum) that is best without momentum."""
    plain, usual = survey.sweep(PLAIN), survey.sweep(USUAL)
    first = max(2, round(STEEP * survey.steps))
    best = held_out_best(plain.ends)
    same = np.maximum(best - STEPS_A_DECADE, 0)
    without, with_momentum = chosen(plain.courses, best)[:, :first], chosen(usual.courses, same)[:, :first]
    effect = Effect(
        Number.of(
            "climbing back without momentum over that with 0.9", climbs(without) / climbs(with_momentum), unit="x"
        ),
        notable=1.2,
    )
    place = middle(plain.ends)
    at = max(0, place - STEPS_A_DECADE)
    return Claim(
        title="Momentum steadies training where gradients are steep",
        effects=(effect,),
        sentence=(
            f"In the first {first} steps, with steps as long on the whole (the same lr / (1 - momentum), the best "
            f"without momentum), the loss climbs back {effect.number} as far without momentum as with 0.9."
        ),
        figure=Courses(
            "The same lr / (1 - momentum), without momentum and with 0.9",
            (course_line(plain, place, rate_name(plain, place)), course_line(usual, at, rate_name(usual, at))),
        ),
    )
