"""Adam and RMSprop need less tuning than SGD, and converge faster and more steadily.

Step decay, exponential and cosine against a constant learning rate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.core.formatting import numeral
from surefoot.explanation.claim import Claim, Courses, Effect, Ends, Number, course_line, end_line, rate_name
from surefoot.explanation.curve import climbs, speed_ratio
from surefoot.explanation.experiment import RESOLUTION, Decay, Kind, Survey, Sweep
from surefoot.explanation.selection import best_rates, chosen, good_ranges, held_out_best, held_out_losses, middle

SGD, ADAM, RMSPROP = Kind(), Kind("adam", 0.9), Kind("rmsprop", 0.0)
TITLES = {ADAM: "Adam", RMSPROP: "RMSprop"}


def tuning(survey: Survey, kind: Kind) -> Claim:
    """Judge that an adaptive optimizer needs less tuning: its good rates span a wider factor than SGD's at 0.9."""
    sweeps = survey.sweep(SGD), survey.sweep(kind)
    ranges = [good_ranges(sweep.rates, sweep.ends) for sweep in sweeps]
    widths = [high / low for low, high in ranges]
    effect = Effect(
        Number.of(
            f"width of {TITLES[kind]}'s good range over SGD's", widths[1] / widths[0], unit="x", resolution=RESOLUTION
        ),
        notable=RESOLUTION,
    )
    numbers = tuple(
        Number.of(f"highest over lowest good rate of {name}", width, unit="x")
        for name, width in zip(("SGD, momentum 0.9", TITLES[kind]), widths, strict=True)
    )
    cut = " It may be wider: it runs out of the rates tried." if _runs_out(sweeps[1], ranges[1]) else ""
    good = tuple(
        (sweep.kind.name, *np.exp(np.log(each).mean(axis=-1)).tolist())
        for sweep, each in zip(sweeps, ranges, strict=True)
    )
    return Claim(
        title=f"{TITLES[kind]} needs less tuning than SGD",
        effects=(effect,),
        sentence=(
            f"The rates at which training learns at least 90 % as much as at the best span a factor of "
            f"{numeral(numbers[1].mean)} for {TITLES[kind]} ({numeral(good[1][1])} to {numeral(good[1][2])}) and of "
            f"{numeral(numbers[0].mean)} for SGD with momentum 0.9: its range is {effect.number} as wide.{cut}"
        ),
        figure=Ends(f"Where SGD and {TITLES[kind]} end, by learning rate", tuple(map(end_line, sweeps)), good=good),
        numbers=numbers,
    )


def speed(survey: Survey, kind: Kind) -> Claim:
    """Judge that it converges faster and more steadily, each at its best rate."""
    sgd, other = survey.sweep(SGD), survey.sweep(kind)
    courses = [chosen(sweep.courses, held_out_best(sweep.ends)) for sweep in (sgd, other)]
    effects = (
        Effect(
            Number.of(
                f"steps of SGD over steps of {TITLES[kind]} to the same loss",
                speed_ratio(courses[1], courses[0]),
                unit="x",
            ),
            notable=1.2,
        ),
        Effect(
            Number.of(
                f"climbing back with SGD over that with {TITLES[kind]}",
                climbs(courses[0]) / climbs(courses[1]),
                unit="x",
            ),
            notable=1.2,
        ),
    )
    return Claim(
        title=f"{TITLES[kind]} converges faster and more steadily than SGD",
        effects=effects,
        sentence=(
            f"Each at its best rate, SGD with momentum 0.9 needs {effects[0].number} the steps of {TITLES[kind]} "
            f"to the same loss, and on its way climbs back {effects[1].number} as far."
        ),
        figure=Courses(
            f"SGD with momentum 0.9 and {TITLES[kind]}, each at its best learning rate",
            tuple(
                course_line(sweep, at, rate_name(sweep, at)) for sweep in (sgd, other) for at in [middle(sweep.ends)]
            ),
        ),
    )


def _runs_out(sweep: Sweep, good: NDArray[np.float64]) -> bool:
    """Tell whether the good rates reach the end of those tried, on any seed."""
    return bool((good[0] <= sweep.rates[0] * 1.001).any() or (good[1] >= sweep.rates[-1] / 1.001).any())


CONSTANT = Kind()
DECAY_TITLES: dict[Decay, str] = {
    "step": "Step decay",
    "exponential": "Exponential decay",
    "cosine": "Cosine annealing",
}


def decay(survey: Survey, shape: Decay) -> Claim:
    """Judge that it ends lower than a constant rate, each at its best peak rate."""
    constant, other = survey.sweep(CONSTANT), survey.sweep(Kind(decay=shape))
    effect = Effect(
        Number.of(
            f"loss at a constant rate over that with {DECAY_TITLES[shape].lower()}",
            held_out_losses(constant.ends) / held_out_losses(other.ends),
            unit="x",
        ),
        notable=1.1,
    )
    valid = Number.of(
        "the same for the validation loss",
        held_out_losses(constant.valid_ends) / held_out_losses(other.valid_ends),
        unit="x",
    )
    peaks = [
        Number.of(f"best peak rate, {name}", best_rates(sweep.rates, sweep.ends), resolution=RESOLUTION)
        for name, sweep in (("constant", constant), (DECAY_TITLES[shape].lower(), other))
    ]
    return Claim(
        title=f"{DECAY_TITLES[shape]} ends lower than a constant learning rate",
        effects=(effect,),
        sentence=(
            f"Each at its best peak rate ({numeral(peaks[0].mean)} constant, {numeral(peaks[1].mean)} decayed), a "
            f"constant rate ends at {effect.number} the training loss of {DECAY_TITLES[shape].lower()}; the validation "
            f"loss is {valid}."
        ),
        figure=Ends(
            f"A constant rate and {DECAY_TITLES[shape].lower()}, by peak learning rate (momentum 0.9)",
            (end_line(constant, name="constant"), end_line(other)),
            x_title="peak learning rate",
        ),
        numbers=(valid, *peaks),
    )
