"""The default, a learning rate of 0.01 with momentum 0.9, against the best."""

from __future__ import annotations

import numpy as np

from surefoot.explanation.choice import chosen, held_out_best, middle
from surefoot.explanation.claim import Claim
from surefoot.explanation.course import speed_ratio
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Courses
from surefoot.explanation.lines import course_line
from surefoot.explanation.survey import MOMENTA, Kind, Survey
from surefoot.numerals import numeral

KINDS = tuple(Kind(momentum=momentum) for momentum in MOMENTA)


def default_rate(survey: Survey) -> Claim:
    """Judge that it is as good as the best of all constant settings by validation loss, to a tenth."""
    sweeps = survey.plane()
    valid = np.concatenate([sweep.valid_ends for sweep in sweeps])
    courses = np.concatenate([sweep.courses for sweep in sweeps])
    best = held_out_best(valid)
    effect = Effect(
        Number.of(
            "validation loss of 0.01 with 0.9 over the best",
            survey.default.valid_ends[0] / chosen(valid, best),
            unit="x",
        ),
        "at most",
        1.1,
    )
    slower = Number.of(
        "its steps over those of the best to the same training loss",
        speed_ratio(chosen(courses, best), survey.default.courses[0]),
        unit="x",
    )
    row, place = divmod(middle(valid), len(sweeps[0].rates))
    lr = float(sweeps[row].rates[place])
    return Claim(
        title="The default, learning rate 0.01 with momentum 0.9, is as good as the best",
        effects=(effect,),
        sentence=(
            f"It ends at {effect.number} the validation loss of the best constant setting (learning rate "
            f"{numeral(lr)} with momentum {MOMENTA[row]:g}), and needs {slower} the steps to the same training loss."
        ),
        figure=Courses(
            "The default and the best constant setting",
            (
                course_line(survey.default, 0, "the default, 0.01 with 0.9"),
                course_line(sweeps[row], place, f"{numeral(lr)} with {MOMENTA[row]:g}"),
            ),
        ),
        numbers=(slower,),
    )
