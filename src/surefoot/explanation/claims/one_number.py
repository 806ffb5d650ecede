"""How far learning rate and momentum are one number: lr / (1 - momentum)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.explanation.choice import best_rates, held_out_best
from surefoot.explanation.claim import Claim
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Ends
from surefoot.explanation.lines import end_line
from surefoot.explanation.survey import MOMENTA, RESOLUTION, STEPS_A_DECADE, Kind, Survey
from surefoot.numerals import numeral

KINDS = tuple(Kind(momentum=momentum) for momentum in MOMENTA)
PLAIN, USUAL = Kind(momentum=0.0), Kind()


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
