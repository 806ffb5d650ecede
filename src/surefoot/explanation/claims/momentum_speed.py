"""Momentum needs fewer steps to the same loss."""

from __future__ import annotations

from surefoot.explanation.choice import chosen, held_out_best, middle
from surefoot.explanation.claim import Claim
from surefoot.explanation.course import speed_ratio
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Courses
from surefoot.explanation.lines import course_line, rate_name
from surefoot.explanation.survey import STEPS_A_DECADE, Kind, Survey
from surefoot.numerals import numeral

PLAIN, USUAL = Kind(momentum=0.0), Kind()
KINDS = (PLAIN, USUAL)


def momentum_speed(survey: Survey) -> Claim:
    """Judge it, each at its own best rate; at one and the same rate momentum 0.9 simply takes ten times the step."""
    plain, usual = survey.sweep(PLAIN), survey.sweep(USUAL)
    own = speed_ratio(
        chosen(usual.courses, held_out_best(usual.ends)), chosen(plain.courses, held_out_best(plain.ends))
    )
    fair = Effect(
        Number.of("steps without momentum over steps with 0.9, each at its best rate", own, unit="x"), notable=1.2
    )
    place, at = middle(plain.ends), middle(usual.ends)
    low = max(0, at - STEPS_A_DECADE)
    same = Number.of(
        f"the same at one rate for both, {numeral(float(usual.rates[low]))}",
        speed_ratio(usual.courses[low], plain.courses[low]),
        unit="x",
    )
    return Claim(
        title="Momentum needs fewer steps to the same loss",
        effects=(fair,),
        sentence=(
            f"Each at its best rate, training without momentum needs {fair.number} the steps of momentum 0.9. At one "
            f"rate for both, {numeral(float(usual.rates[low]))}, it is {same}: there momentum takes ten times the step."
        ),
        figure=Courses(
            "Each at its best learning rate",
            (course_line(plain, place, rate_name(plain, place)), course_line(usual, at, rate_name(usual, at))),
        ),
        numbers=(same,),
    )
