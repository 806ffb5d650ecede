"""Momentum needs fewer steps to the same loss.

How far learning rate and momentum are one number: lr / (1 - momentum).

Momentum cannot replace the learning rate.

Momentum steadies training where gradients are steep.

Momentum widens (full batch) or narrows (small batch) the stable range.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.core.formatting import numeral
from surefoot.explanation.claim import (
    Claim,
    Courses,
    Effect,
    Ends,
    Number,
    Plane,
    Ranges,
    course_line,
    end_line,
    rate_name,
)
from surefoot.explanation.curve import climbs, speed_ratio
from surefoot.explanation.experiment import (
    MOMENTA,
    RESOLUTION,
    STEPS_A_DECADE,
    USUAL_MOMENTUM,
    Batch,
    Kind,
    Limits,
    Survey,
)
from surefoot.explanation.selection import best_rates, chosen, held_out_best, held_out_losses, how_far, middle
from surefoot.explanation.stable_range import LIMIT_RESOLUTION

PLAIN, USUAL = Kind(momentum=0.0), Kind()
WITH_AND_WITHOUT = (PLAIN, USUAL)


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


ONE_NUMBER_SWEEPS = tuple(Kind(momentum=momentum) for momentum in MOMENTA)


def one_number(survey: Survey) -> Claim:
    """Judge it: what is best without momentum, kept as lr / (1 - momentum), is as good as the best with 0.9."""
    plain, usual = survey.sweep(PLAIN), survey.sweep(USUAL)
    kept = np.maximum(held_out_best(plain.ends) - STEPS_A_DECADE, 0)
    seeds = np.arange(survey.seeds)
    cost = usual.ends[kept, seeds] / usual.ends[held_out_best(usual.ends), seeds]
    effect = Effect(
        Number.of("loss with 0.9 at the rate kept from momentum 0, over the best with 0.9", cost, unit="x"),
        "at most",
        1.1,
    )
    bests = {
        sweep.kind.momentum: Number.of(
            f"best lr / (1 - momentum) at {sweep.kind.name}",
            best_rates(sweep.kind.effective(sweep.rates), sweep.ends),
            resolution=RESOLUTION,
        )
        for sweep in survey.plane()
    }
    shares = Number.of("share of all differences in log loss that it explains", _explained(survey))
    return Claim(
        title="Learning rate and momentum are one number, lr / (1 - momentum)",
        effects=(effect,),
        sentence=(
            f"It explains {shares.mean:.0%} of the differences in log loss over all settings. But the best lr / "
            f"(1 - momentum) is {numeral(bests[0.0].mean)} without momentum, {numeral(bests[0.9].mean)} with 0.9 and "
            f"{numeral(bests[MOMENTA[-1]].mean)} with {MOMENTA[-1]:g}; who moves from 0 to 0.9 and keeps it ends at "
            f"{effect.number} the best loss there."
        ),
        figure=Ends(
            "The same, over lr / (1 - momentum)",
            tuple(end_line(sweep, effective=True) for sweep in survey.plane()),
            x_title="learning rate / (1 - momentum)",
        ),
        numbers=(shares, *bests.values()),
    )


def _explained(survey: Survey) -> NDArray[np.float64]:
    """Return on each seed 1 - (variance within settings of one lr / (1 - momentum)) / (variance of all)."""
    sweeps = survey.plane()
    keys = np.concatenate([np.log10(sweep.kind.effective(sweep.rates)) * STEPS_A_DECADE for sweep in sweeps]).round()
    logs = np.log(np.concatenate([sweep.ends for sweep in sweeps]))
    within = np.zeros_like(logs)
    for key in np.unique(keys):
        group = logs[keys == key]
        within[keys == key] = group - group.mean(axis=0)
    total = ((logs - logs.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(np.maximum(1.0 - (within**2).sum(axis=0) / np.maximum(total, 1e-12), 1e-3))


REPLACEMENT_SWEEPS = tuple(Kind(momentum=momentum) for momentum in MOMENTA)


def replacement(survey: Survey) -> Claim:
    """Judge it: at a tenth of the best rate of all, and at ten times, even the best of all momenta ends worse."""
    plane = np.stack([sweep.ends for sweep in survey.plane()])  # [M, R, seeds]
    rates = survey.sweep(Kind()).rates
    momenta, count, seeds = plane.shape
    row, place = divmod(middle(plane.reshape(momenta * count, seeds)), count)
    best = held_out_losses(plane.reshape(momenta * count, seeds))
    low, high = max(0, place - STEPS_A_DECADE), min(count - 1, place + STEPS_A_DECADE)
    words = [how_far(rates, place, at) for at in (low, high)]
    effects = tuple(
        Effect(
            Number.of(
                f"loss at {name} the best rate, best momentum, over the best loss",
                held_out_losses(plane[:, at]) / best,
                unit="x",
            ),
            notable=1.1,
        )
        for name, at in zip(words, (low, high), strict=True)
    )
    means = np.exp(np.log(plane).mean(axis=-1))
    return Claim(
        title="Momentum cannot replace the learning rate",
        effects=effects,
        sentence=(
            f"The best of all is a learning rate of {numeral(float(rates[place]))} with momentum "
            f"{MOMENTA[row]:g}. Stuck at {words[0]} that "
            f"rate, the best of {momenta} momenta ends at {effects[0].number} its loss; stuck at {words[1]} it, at "
            f"{effects[1].number}."
        ),
        figure=Plane(
            "Loss over learning rate and momentum, as multiples of the lowest",
            rates,
            MOMENTA,
            means / means.min(),
            (
                (words[0].removesuffix(" of"), float(rates[low])),
                ("best", float(rates[place])),
                (words[1], float(rates[high])),
            ),
        ),
    )


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


NOTABLE = 1.2


def widens(survey: Survey) -> Claim:
    """Judge it for full batches, where a quadratic's limit grows by the factor 1 + momentum."""
    without, with_momentum = survey.limit("full", 0.0), survey.limit("full", USUAL_MOMENTUM)
    effect = Effect(
        Number.of(
            "largest stable rate with momentum 0.9 over that without, full batches",
            with_momentum.rates / without.rates,
            unit="x",
            resolution=LIMIT_RESOLUTION,
            readings=2,
        ),
        notable=NOTABLE,
    )
    return _claim(
        survey, "Momentum widens the stable range with full batches", effect, "full", "On a quadratic it would be 1.9x."
    )


def narrows(survey: Survey) -> Claim:
    """Judge it for small batches, whose noise momentum sums up."""
    without, with_momentum = survey.limit("small", 0.0), survey.limit("small", USUAL_MOMENTUM)
    effect = Effect(
        Number.of(
            "largest stable rate without momentum over that with 0.9, small batches",
            without.rates / with_momentum.rates,
            unit="x",
            resolution=LIMIT_RESOLUTION,
            readings=2,
        ),
        notable=NOTABLE,
    )
    reach = "Were lr / (1 - momentum) all that counts, it would be 10x."
    return _claim(survey, "Momentum narrows the stable range with small batches", effect, "small", reach)


def _claim(survey: Survey, title: str, effect: Effect, batch: Batch, theory: str) -> Claim:
    pair = [limits for limits in survey.limits if limits.batch == batch]
    numbers = tuple(Number.of(_name(limits), limits.rates, resolution=LIMIT_RESOLUTION) for limits in pair)
    broke = min(limits.reached for limits in pair)
    unbroken = "" if broke == survey.seeds else " On some seeds nothing broke up to the highest rate tried."
    return Claim(
        title=title,
        effects=(effect,),
        sentence=(
            f"With batches of {pair[0].samples}, training of {survey.limit_steps} steps is stable up to a "
            f"learning rate of {numeral(numbers[0].mean)} without momentum and {numeral(numbers[1].mean)} with 0.9: a "
            f"ratio of {effect.number}. {theory}{unbroken}"
        ),
        figure=Ranges(
            "Largest stable learning rates",
            tuple((_batch(each), f"{each.momentum:g}", each.rates) for each in survey.limits),
        ),
        numbers=numbers,
    )


def _name(limits: Limits) -> str:
    return f"largest stable rate, momentum {limits.momentum:g}, {_batch(limits)}"


def _batch(limits: Limits) -> str:
    return f"{limits.batch} batches of {limits.samples}"
