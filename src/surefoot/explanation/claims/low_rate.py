"""A low rate is stable but needs N times the steps."""

from __future__ import annotations

from surefoot.explanation.beside import beside, tenth
from surefoot.explanation.choice import chosen, held_out_best, middle
from surefoot.explanation.claim import Claim
from surefoot.explanation.course import climbs, speed_ratio
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Courses
from surefoot.explanation.lines import course_line, lr_name
from surefoot.explanation.survey import STEPS_A_DECADE, Kind, Survey

KINDS = (Kind(),)


def low_rate(survey: Survey) -> Claim:
    """Judge it: a tenth of the best rate needs more steps to what it reaches, and climbs back less on the way."""
    sweep = survey.sweep(Kind())
    best = held_out_best(sweep.ends)
    low = tenth(sweep)
    quick, slow = chosen(sweep.courses, best), chosen(sweep.courses, low.places)
    slower = Effect(
        Number.of(f"steps at {low.words} the best rate over steps at the best", speed_ratio(quick, slow), unit="x"),
        notable=1.5,
    )
    steady = Effect(
        Number.of(
            f"climbing back at the best rate over that at {low.words} it", climbs(quick) / climbs(slow), unit="x"
        ),
        notable=1.1,
    )
    shown = sorted({low.place, beside(sweep, -STEPS_A_DECADE // 2).place, middle(sweep.ends)})
    return Claim(
        title="A low learning rate is stable but needs N times the steps",
        effects=(slower, steady),
        sentence=(
            f"Training at {low.words} the best rate needs N = {slower.number} the steps to the loss that it reaches. "
            f"On its way the best rate climbs back {steady.number} as far as the low one."
        ),
        figure=Courses(
            "Momentum 0.9: the best learning rate, and lower ones",
            tuple(course_line(sweep, at, lr_name(sweep, at)) for at in shown),
        ),
    )
