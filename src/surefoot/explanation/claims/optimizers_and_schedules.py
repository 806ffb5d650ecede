"""Claims about adaptive optimizers and decaying learning rates, each compared with SGD at a constant rate."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.core.formatting import format_number
from surefoot.explanation.best_and_good_rates import (
    best_on_other_seeds,
    best_overall,
    best_rates,
    good_rate_ranges,
    selected_losses,
    take_per_seed,
)
from surefoot.explanation.claim_result import (
    NOTABLE_LOSS_RATIO,
    NOTABLE_RATIO,
    ClaimResult,
    Effect,
    Estimate,
    FinalLosses,
    LossCurves,
    curve_line,
    final_loss_line,
    variant_and_lr,
)
from surefoot.explanation.experiment_results import (
    ADAM,
    RATE_SPACING,
    RMSPROP,
    SGD_WITH_MOMENTUM,
    DecayName,
    Experiment,
    Sweep,
    Variant,
    speed_ratio,
    total_rise,
)

Array: TypeAlias = NDArray[np.float64]

OPTIMIZER_TITLES = {ADAM: "Adam", RMSPROP: "RMSprop"}
DECAY_TITLES: dict[DecayName, str] = {
    "step": "Step decay",
    "exponential": "Exponential decay",
    "cosine": "Cosine annealing",
}
# A good range ends at the grid's edge if it comes this close to it, as a ratio of rates: rounding.
EDGE_TOLERANCE = 1.001


def tuning(experiment: Experiment, variant: Variant) -> ClaimResult:
    """Assess that an adaptive optimizer has a wider range of good rates than SGD with momentum 0.9."""
    title = OPTIMIZER_TITLES[variant]
    sweeps = experiment.sweep(SGD_WITH_MOMENTUM), experiment.sweep(variant)
    ranges = [good_rate_ranges(sweep.rates, sweep.final_losses) for sweep in sweeps]
    widths = [high / low for low, high in ranges]
    wider = Effect(
        Estimate.of(
            f"width of {title}'s good range over SGD's", widths[1] / widths[0], unit="x", resolution=RATE_SPACING
        ),
        threshold=RATE_SPACING,
    )
    sgd_width, width = (
        Estimate.of(f"highest over lowest good rate of {name}", each, unit="x")
        for name, each in zip(("SGD, momentum 0.9", title), widths, strict=True)
    )
    mean_ranges = [np.exp(np.log(each).mean(axis=-1)).tolist() for each in ranges]
    low, high = mean_ranges[1]
    cut_off = " It may be wider: it reaches the edge of the rates tried." if _is_cut_off(sweeps[1], ranges[1]) else ""
    return ClaimResult(
        title=f"{title} needs less tuning than SGD",
        effects=(wider,),
        sentence=(
            "The rates with which training learns at least 90 % as much as with the best span a factor of "
            f"{format_number(width.mean)} for {title} ({format_number(low)} to {format_number(high)}) and of "
            f"{format_number(sgd_width.mean)} for SGD with momentum 0.9: its range is {wider.estimate} as "
            f"wide.{cut_off}"
        ),
        figure=FinalLosses(
            f"Final loss of SGD and {title}, by learning rate",
            tuple(map(final_loss_line, sweeps)),
            good_ranges=tuple(
                (sweep.variant.name, low, high) for sweep, (low, high) in zip(sweeps, mean_ranges, strict=True)
            ),
        ),
        estimates=(sgd_width, width),
    )


def speed(experiment: Experiment, variant: Variant) -> ClaimResult:
    """Assess that an adaptive optimizer is faster than SGD and its loss rises less, each with its best rate."""
    title = OPTIMIZER_TITLES[variant]
    sweeps = experiment.sweep(SGD_WITH_MOMENTUM), experiment.sweep(variant)
    sgd_curves, curves = (take_per_seed(sweep.loss_curves, best_on_other_seeds(sweep.final_losses)) for sweep in sweeps)
    faster = Effect(
        Estimate.of(f"steps of SGD over steps of {title} to the same loss", speed_ratio(curves, sgd_curves), unit="x"),
        threshold=NOTABLE_RATIO,
    )
    steadier = Effect(
        Estimate.of(
            f"total rise of the loss with SGD over that with {title}",
            total_rise(sgd_curves) / total_rise(curves),
            unit="x",
        ),
        threshold=NOTABLE_RATIO,
    )
    bests = [best_overall(sweep.final_losses) for sweep in sweeps]
    return ClaimResult(
        title=f"{title} converges faster and more steadily than SGD",
        effects=(faster, steadier),
        sentence=(
            f"Each with its best rate, SGD with momentum 0.9 needs {faster.estimate} the steps of {title} to the same "
            f"loss, and its loss rises {steadier.estimate} as much on its way, all rises added up."
        ),
        figure=LossCurves(
            f"SGD with momentum 0.9 and {title}, each with its best learning rate",
            tuple(
                curve_line(sweep, best, variant_and_lr(sweep, best)) for sweep, best in zip(sweeps, bests, strict=True)
            ),
        ),
    )


def decay(experiment: Experiment, name: DecayName) -> ClaimResult:
    """Assess that a decaying rate ends lower than a constant one, each with its best peak rate."""
    title = DECAY_TITLES[name]
    constant, decayed = experiment.sweep(SGD_WITH_MOMENTUM), experiment.sweep(Variant(decay=name))
    lower = Effect(
        Estimate.of(
            f"loss with a constant rate over that with {title.lower()}",
            selected_losses(constant.final_losses) / selected_losses(decayed.final_losses),
            unit="x",
        ),
        threshold=NOTABLE_LOSS_RATIO,
    )
    valid = Estimate.of(
        "the same for the validation loss",
        selected_losses(constant.final_valid_losses) / selected_losses(decayed.final_valid_losses),
        unit="x",
    )
    constant_peak, decayed_peak = (
        Estimate.of(f"best peak rate, {label}", best_rates(sweep.rates, sweep.final_losses), resolution=RATE_SPACING)
        for label, sweep in (("constant", constant), (title.lower(), decayed))
    )
    return ClaimResult(
        title=f"{title} ends lower than a constant learning rate",
        effects=(lower,),
        sentence=(
            f"Each with its best peak rate ({format_number(constant_peak.mean)} constant, "
            f"{format_number(decayed_peak.mean)} decayed), a constant rate ends at {lower.estimate} the training loss "
            f"of {title.lower()}; the validation loss is {valid}."
        ),
        figure=FinalLosses(
            f"A constant rate and {title.lower()}, by peak learning rate (momentum 0.9)",
            (final_loss_line(constant, name="constant"), final_loss_line(decayed)),
            x_title="peak learning rate",
        ),
        estimates=(valid, constant_peak, decayed_peak),
    )


def _is_cut_off(sweep: Sweep, good_range: Array) -> bool:
    """Return whether the range of good rates reaches the lowest or highest rate that was tried, on any seed."""
    low, high = good_range
    at_lowest = low <= sweep.rates[0] * EDGE_TOLERANCE
    at_highest = high >= sweep.rates[-1] / EDGE_TOLERANCE
    return bool(at_lowest.any() or at_highest.any())
