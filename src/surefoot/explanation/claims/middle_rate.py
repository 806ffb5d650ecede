"""A middle rate is best, and where it lies."""

from __future__ import annotations

from surefoot.explanation.beside import tenfold, tenth
from surefoot.explanation.choice import best_rates, chosen, good_ranges, held_out_best
from surefoot.explanation.claim import Claim
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Ends
from surefoot.explanation.lines import end_line
from surefoot.explanation.survey import MOMENTA, RESOLUTION, Kind, Survey
from surefoot.numerals import numeral

KINDS = tuple(Kind(momentum=momentum) for momentum in MOMENTA)


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
