"""A low rate is stable but needs N times the steps.

A middle rate is best, and where it lies.

A high rate converges fast, then overshoots, oscillates or diverges.

The default, a learning rate of 0.01 with momentum 0.9, against the best.

Tuning changes over- and underfitting.
"""

from __future__ import annotations

import numpy as np

from surefoot.core.formatting import numeral
from surefoot.explanation.claim import Claim, Courses, Effect, Ends, Number, course_line, end_line, lr_name
from surefoot.explanation.curve import climbs, end_losses, speed_ratio
from surefoot.explanation.experiment import MOMENTA, RESOLUTION, STEPS_A_DECADE, Kind, Survey
from surefoot.explanation.selection import (
    beside,
    best_rates,
    chosen,
    good_ranges,
    held_out_best,
    middle,
    tenfold,
    tenth,
)

LOW_RATE_SWEEPS = (Kind(),)


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


MIDDLE_RATE_SWEEPS = tuple(Kind(momentum=momentum) for momentum in MOMENTA)


def middle_rate(survey: Survey) -> Claim:
    """Judge it: a tenth of the best rate ends worse, and so does ten times the best."""
    sweep = survey.sweep(Kind())
    best = held_out_best(sweep.ends)
    below, above = tenth(sweep), tenfold(sweep)
    sides = []
    for side in (below, above):
        worse = chosen(sweep.ends, side.places) / chosen(sweep.ends, best)
        sides.append(
            Effect(Number.of(f"loss at {side.words} the best rate over the best loss", worse, unit="x"), notable=1.1)
        )
    bests = [
        Number.of(f"best rate at {each.kind.name}", best_rates(each.rates, each.ends), resolution=RESOLUTION)
        for each in survey.plane()
    ]
    usual = bests[MOMENTA.index(sweep.kind.momentum)]
    low, high = good_ranges(sweep.rates, sweep.ends)
    ends = [Number.of(f"{side} good rate", rates) for side, rates in (("lowest", low), ("highest", high))]
    return Claim(
        title="A middle learning rate is best",
        effects=tuple(sides),
        sentence=(
            f"With momentum 0.9 it lies at {numeral(usual.mean)} ({usual.bounds}); from {numeral(ends[0].mean)} to "
            f"{numeral(ends[1].mean)} training learns at least 90 % as much. At {below.words} it, the loss "
            f"ends at {sides[0].number} the lowest, at {above.words} it at {sides[1].number}."
        ),
        figure=Ends("Where training ends, by learning rate", tuple(map(end_line, survey.plane()))),
        numbers=(*bests, *ends),
    )


HIGH_RATE_SWEEPS = (Kind(),)
# Fast is what leads after this share of the training.
EARLY = 0.1
# Quarter decades above the best rate: 3.2 times.
HIGH = 2


def high_rate(survey: Survey) -> Claim:
    """Judge it: the rate that leads early is above the one that is best in the end, and a high rate ends worse."""
    sweep = survey.sweep(Kind())
    step = max(1, round(EARLY * survey.steps))
    early = end_losses(sweep.courses[..., :step])
    lead = best_rates(sweep.rates, early) / best_rates(sweep.rates, sweep.ends)
    best = held_out_best(sweep.ends)
    above, high, far = beside(sweep, 1), beside(sweep, HIGH), tenfold(sweep)
    worse = chosen(sweep.ends, high.places) / chosen(sweep.ends, best)
    shown = sorted({middle(sweep.ends), above.place, high.place, far.place})
    fast = Effect(
        Number.of(f"best rate after {step} steps over the best in the end", lead, unit="x", resolution=RESOLUTION),
        notable=RESOLUTION,
    )
    end = Effect(Number.of(f"loss at {high.words} the best rate over the best loss", worse, unit="x"), notable=1.1)
    lost = int((sweep.ends[[high.place, far.place]] >= 1.0).sum())
    return Claim(
        title="A high learning rate converges fast, then overshoots, oscillates or diverges",
        effects=(fast, end),
        sentence=(
            f"After {step} of {survey.steps} steps the best rate is {fast.number} the rate that is best in the end. "
            f"At {high.words} that rate the loss ends at {end.number} the best; of the trainings at {high.words} and "
            f"at {far.words} it, {lost} of {2 * survey.seeds} end no lower than they began."
        ),
        figure=Courses(
            "Momentum 0.9: the best learning rate, and higher ones",
            tuple(course_line(sweep, at, lr_name(sweep, at)) for at in shown),
        ),
    )


DEFAULT_RATE_SWEEPS = tuple(Kind(momentum=momentum) for momentum in MOMENTA)


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


FITTING_SWEEPS = (Kind(),)


def fitting(survey: Survey) -> Claim:
    """Judge it: a tenth of the best rate fits the training data worse, and the best overfits more in proportion."""
    sweep = survey.sweep(Kind())
    best = held_out_best(sweep.ends)
    low = tenth(sweep)
    train = [chosen(sweep.ends, places) for places in (best, low.places)]
    valid = [chosen(sweep.valid_ends, places) for places in (best, low.places)]
    under = Effect(
        Number.of(f"training loss at {low.words} the best rate over that at the best", train[1] / train[0], unit="x"),
        notable=1.1,
    )
    over = Effect(
        Number.of(
            f"validation over training loss at the best rate, over the same at {low.words} it",
            (valid[0] / train[0]) / (valid[1] / train[1]),
            unit="x",
        ),
        notable=1.1,
    )
    gaps = [
        Number.of(f"validation over training loss at {name}", valid[at] / train[at], unit="x")
        for at, name in enumerate(("the best rate", f"{low.words} it"))
    ]
    return Claim(
        title="Tuning the learning rate changes over- and underfitting",
        effects=(under, over),
        sentence=(
            f"At {low.words} the best rate the training loss ends {under.number} as high: underfitting. There the "
            f"validation loss is {gaps[1]} the training loss, at the best rate {gaps[0]}: in proportion {over.number} "
            "the overfitting."
        ),
        figure=Ends(
            "Training and validation loss at the end, by learning rate (momentum 0.9)",
            (end_line(sweep, name="training loss"), end_line(sweep, name="validation loss", valid=True)),
        ),
        numbers=tuple(gaps),
    )
