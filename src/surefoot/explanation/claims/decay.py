"""Step decay, exponential and cosine against a constant learning rate."""

from __future__ import annotations

from surefoot.explanation.choice import best_rates, held_out_losses
from surefoot.explanation.claim import Claim
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Ends
from surefoot.explanation.lines import end_line
from surefoot.explanation.survey import RESOLUTION, Decay, Kind, Survey
from surefoot.numerals import numeral

CONSTANT = Kind()
TITLES: dict[Decay, str] = {"step": "Step decay", "exponential": "Exponential decay", "cosine": "Cosine annealing"}


def decay(survey: Survey, shape: Decay) -> Claim:
    """Judge that it ends lower than a constant rate, each at its best peak rate."""
    constant, other = survey.sweep(CONSTANT), survey.sweep(Kind(decay=shape))
    effect = Effect(
        Number.of(
            f"loss at a constant rate over that with {TITLES[shape].lower()}",
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
        for name, sweep in (("constant", constant), (TITLES[shape].lower(), other))
    ]
    return Claim(
        title=f"{TITLES[shape]} ends lower than a constant learning rate",
        effects=(effect,),
        sentence=(
            f"Each at its best peak rate ({numeral(peaks[0].mean)} constant, {numeral(peaks[1].mean)} decayed), a "
            f"constant rate ends at {effect.number} the training loss of {TITLES[shape].lower()}; the validation "
            f"loss is {valid}."
        ),
        figure=Ends(
            f"A constant rate and {TITLES[shape].lower()}, by peak learning rate (momentum 0.9)",
            (end_line(constant, name="constant"), end_line(other)),
            x_title="peak learning rate",
        ),
        numbers=(valid, *peaks),
    )
