"""A low rate is stable but needs N times the steps."""

from __future__ import annotations

import numpy as np

from surefoot.explanation.choice import chosen, held_out_best, middle
from surefoot.explanation.claim import Claim
from surefoot.explanation.course import climbs, speed_ratio
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Courses
from surefoot.explanation.lines import course_line, rate_name
from surefoot.explanation.survey import STEPS_A_DECADE, Kind, Survey

KINDS = (Kind(),)


def low_rate(survey: Survey) -> Claim:
    """Judge it: a tenth of the best rate needs more steps to what it reaches, and climbs back less on the way."""
    sweep = survey.sweep(Kind())
    best = held_out_best(sweep.ends)
    low = np.maximum(best - STEPS_A_DECADE, 0)
    quick, slow = chosen(sweep.courses, best), chosen(sweep.courses, low)
    slower = Effect(
        Number.of("steps at a tenth of the best rate over steps at the best", speed_ratio(quick, slow), unit="x"),
        notable=1.5,
    )
    steady = Effect(
        Number.of("climbing back at the best rate over that at a tenth of it", climbs(quick) / climbs(slow), unit="x"),
        notable=1.1,
    )
    place = middle(sweep.ends)
    lower = [max(0, place - below) for below in (STEPS_A_DECADE, STEPS_A_DECADE // 2)]
    return Claim(
        title="A low learning rate is stable but needs N times the steps",
        effects=(slower, steady),
        sentence=(
            f"A tenth of the best rate needs N = {slower.number} the steps to the loss that it reaches. "
            f"On its way the best rate climbs back {steady.number} as far as the low one."
        ),
        figure=Courses(
            "Momentum 0.9: the best learning rate, and lower ones",
            tuple(course_line(sweep, at, rate_name(sweep, at)) for at in sorted({*lower, place})),
        ),
    )
