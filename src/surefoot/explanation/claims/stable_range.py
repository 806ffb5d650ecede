"""Momentum widens (full batch) or narrows (small batch) the stable range."""

from __future__ import annotations

from surefoot.explanation.claim import Claim
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Ranges
from surefoot.explanation.stable import RESOLUTION
from surefoot.explanation.survey import USUAL, Batch, Limits, Survey
from surefoot.numerals import numeral

NOTABLE = 1.2


def widens(survey: Survey) -> Claim:
    """Judge it for full batches, where a quadratic's limit grows by the factor 1 + momentum."""
    without, with_momentum = survey.limit("full", 0.0), survey.limit("full", USUAL)
    effect = Effect(
        Number.of(
            "largest stable rate with momentum 0.9 over that without, full batches",
            with_momentum.rates / without.rates,
            unit="x",
            resolution=RESOLUTION,
            readings=2,
        ),
        notable=NOTABLE,
    )
    return _claim(
        survey, "Momentum widens the stable range with full batches", effect, "full", "On a quadratic it would be 1.9x."
    )


def narrows(survey: Survey) -> Claim:
    """Judge it for small batches, whose noise momentum sums up."""
    without, with_momentum = survey.limit("small", 0.0), survey.limit("small", USUAL)
    effect = Effect(
        Number.of(
            "largest stable rate without momentum over that with 0.9, small batches",
            without.rates / with_momentum.rates,
            unit="x",
            resolution=RESOLUTION,
            readings=2,
        ),
        notable=NOTABLE,
    )
    reach = "Were lr / (1 - momentum) all that counts, it would be 10x."
    return _claim(survey, "Momentum narrows the stable range with small batches", effect, "small", reach)


def _claim(survey: Survey, title: str, effect: Effect, batch: Batch, theory: str) -> Claim:
    pair = [limits for limits in survey.limits if limits.batch == batch]
    numbers = tuple(Number.of(_name(limits), limits.rates, resolution=RESOLUTION) for limits in pair)
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
