"""Claims about the learning rate: too low, too high, the best, the default, and over- and underfitting."""

from __future__ import annotations

import numpy as np

from surefoot.core.formatting import format_number
from surefoot.explanation.best_and_good_rates import (
    best_on_other_seeds,
    best_overall,
    best_rates,
    good_rate_ranges,
    neighbour_rate,
    take_per_seed,
    ten_times_best_rate,
    tenth_of_best_rate,
)
from surefoot.explanation.claim_result import (
    NOTABLE_LOSS_RATIO,
    ClaimResult,
    Effect,
    Estimate,
    FinalLosses,
    LossCurves,
    curve_line,
    final_loss_line,
    lr_label,
)
from surefoot.explanation.experiment_results import (
    MOMENTA,
    RATE_SPACING,
    RATES_PER_DECADE,
    SGD_WITH_MOMENTUM,
    Experiment,
    losses_at_end,
    speed_ratio,
    total_rise,
)

# A low rate is notably slower if it needs this number of times the steps. Settled on digits and wine.
NOTABLE_SLOWDOWN = 1.5
# A learning rate is fast if it leads after this share of the training. Chosen.
EARLY_SHARE = 0.1
# A high learning rate is this number of quarter decades above the best: 3.2 times.
HIGH_RATE_GRID_STEPS = 2


def low_rate(experiment: Experiment) -> ClaimResult:
    """Assess that a tenth of the best rate needs more steps, and that its loss rises less on the way."""
    sweep = experiment.sweep(SGD_WITH_MOMENTUM)
    low = tenth_of_best_rate(sweep)
    best_curves = take_per_seed(sweep.loss_curves, best_on_other_seeds(sweep.final_losses))
    low_curves = take_per_seed(sweep.loss_curves, low.indices)
    slower = Effect(
        Estimate.of(
            f"steps with {low.ratio} the best rate over steps with the best",
            speed_ratio(best_curves, low_curves),
            unit="x",
        ),
        threshold=NOTABLE_SLOWDOWN,
    )
    steadier = Effect(
        Estimate.of(
            f"total rise of the loss with the best rate over that with {low.ratio} it",
            total_rise(best_curves) / total_rise(low_curves),
            unit="x",
        ),
        threshold=NOTABLE_LOSS_RATIO,
    )
    between = neighbour_rate(sweep, -RATES_PER_DECADE // 2)
    shown = sorted({low.index, between.index, best_overall(sweep.final_losses)})
    return ClaimResult(
        title="A low learning rate is stable but needs N times the steps",
        effects=(slower, steadier),
        sentence=(
            f"Training with {low.ratio} the best rate needs N = {slower.estimate} the steps to the loss that it "
            f"reaches. With the best rate the loss rises {steadier.estimate} as much on its way, all rises added up."
        ),
        figure=LossCurves(
            "Momentum 0.9: the best learning rate, and lower ones",
            tuple(curve_line(sweep, index, lr_label(sweep, index)) for index in shown),
        ),
    )


def middle_rate(experiment: Experiment) -> ClaimResult:
    """Assess that both a tenth of the best rate and ten times the best end at a higher loss."""
    sweep = experiment.sweep(SGD_WITH_MOMENTUM)
    best_losses = take_per_seed(sweep.final_losses, best_on_other_seeds(sweep.final_losses))
    below, above = tenth_of_best_rate(sweep), ten_times_best_rate(sweep)
    effects = [
        Effect(
            Estimate.of(
                f"loss with {rate.ratio} the best rate over the best loss",
                take_per_seed(sweep.final_losses, rate.indices) / best_losses,
                unit="x",
            ),
            threshold=NOTABLE_LOSS_RATIO,
        )
        for rate in (below, above)
    ]
    momentum_sweeps = experiment.momentum_sweeps()
    bests = [
        Estimate.of(
            f"best rate with {each.variant.name}", best_rates(each.rates, each.final_losses), resolution=RATE_SPACING
        )
        for each in momentum_sweeps
    ]
    best = bests[MOMENTA.index(sweep.variant.momentum)]
    lowest, highest = (
        Estimate.of(f"{end} good rate", rates)
        for end, rates in zip(("lowest", "highest"), good_rate_ranges(sweep.rates, sweep.final_losses), strict=True)
    )
    return ClaimResult(
        title="A middle learning rate is best",
        effects=tuple(effects),
        sentence=(
            f"With momentum 0.9 the best is {format_number(best.mean)} ({best.bounds}); from "
            f"{format_number(lowest.mean)} to {format_number(highest.mean)} training learns at least 90 % as much. "
            f"With {below.ratio} the best rate the loss ends at {effects[0].estimate} the lowest, with {above.ratio} "
            f"it at {effects[1].estimate}."
        ),
        figure=FinalLosses("Loss at the end, by learning rate", tuple(map(final_loss_line, momentum_sweeps))),
        estimates=(*bests, lowest, highest),
    )


def high_rate(experiment: Experiment) -> ClaimResult:
    """Assess that the rate that leads early is above the best one at the end, and that a high rate ends worse."""
    sweep = experiment.sweep(SGD_WITH_MOMENTUM)
    early_step = max(1, round(EARLY_SHARE * experiment.steps))
    early_losses = losses_at_end(sweep.loss_curves[..., :early_step])
    best_losses = take_per_seed(sweep.final_losses, best_on_other_seeds(sweep.final_losses))
    above, high, highest = (
        neighbour_rate(sweep, 1),
        neighbour_rate(sweep, HIGH_RATE_GRID_STEPS),
        ten_times_best_rate(sweep),
    )
    faster = Effect(
        Estimate.of(
            f"best rate after {early_step} steps over the best at the end",
            best_rates(sweep.rates, early_losses) / best_rates(sweep.rates, sweep.final_losses),
            unit="x",
            resolution=RATE_SPACING,
        ),
        threshold=RATE_SPACING,
    )
    worse = Effect(
        Estimate.of(
            f"loss with {high.ratio} the best rate over the best loss",
            take_per_seed(sweep.final_losses, high.indices) / best_losses,
            unit="x",
        ),
        threshold=NOTABLE_LOSS_RATIO,
    )
    failed = int((sweep.final_losses[[high.index, highest.index]] >= 1.0).sum())
    shown = sorted({best_overall(sweep.final_losses), above.index, high.index, highest.index})
    return ClaimResult(
        title="A high learning rate converges fast, then overshoots, oscillates or diverges",
        effects=(faster, worse),
        sentence=(
            f"After {early_step} of {experiment.steps} steps the best rate is {faster.estimate} the rate that is "
            f"best at the end. With {high.ratio} it the loss ends at {worse.estimate} the best; of the trainings "
            f"with {high.ratio} and with {highest.ratio} it, {failed} of {2 * experiment.seeds} end no lower than "
            "they began."
        ),
        figure=LossCurves(
            "Momentum 0.9: the best learning rate, and higher ones",
            tuple(curve_line(sweep, index, lr_label(sweep, index)) for index in shown),
        ),
    )


def default_rate(experiment: Experiment) -> ClaimResult:
    """Assess that 0.01 with momentum 0.9 is as good as the best constant setting: by validation loss, to a tenth."""
    sweeps = experiment.momentum_sweeps()
    valid_losses = np.concatenate([sweep.final_valid_losses for sweep in sweeps])
    loss_curves = np.concatenate([sweep.loss_curves for sweep in sweeps])
    best = best_on_other_seeds(valid_losses)
    as_good = Effect(
        Estimate.of(
            "validation loss of 0.01 with 0.9 over the best",
            experiment.default.final_valid_losses[0] / take_per_seed(valid_losses, best),
            unit="x",
        ),
        "at most",
        NOTABLE_LOSS_RATIO,
    )
    slower = Estimate.of(
        "its steps over those of the best to the same training loss",
        speed_ratio(take_per_seed(loss_curves, best), experiment.default.loss_curves[0]),
        unit="x",
    )
    row, column = divmod(best_overall(valid_losses), len(sweeps[0].rates))
    best_lr, best_momentum = format_number(float(sweeps[row].rates[column])), f"{MOMENTA[row]:g}"
    return ClaimResult(
        title="The default, learning rate 0.01 with momentum 0.9, is as good as the best",
        effects=(as_good,),
        sentence=(
            f"It ends at {as_good.estimate} the validation loss of the best constant setting (learning rate {best_lr} "
            f"with momentum {best_momentum}), and needs {slower} the steps to the same training loss."
        ),
        figure=LossCurves(
            "The default and the best constant setting",
            (
                curve_line(experiment.default, 0, "the default, 0.01 with 0.9"),
                curve_line(sweeps[row], column, f"{best_lr} with {best_momentum}"),
            ),
        ),
        estimates=(slower,),
    )


def fitting(experiment: Experiment) -> ClaimResult:
    """Assess that a tenth of the best rate underfits, and that the best rate overfits more in proportion."""
    sweep = experiment.sweep(SGD_WITH_MOMENTUM)
    low = tenth_of_best_rate(sweep)
    both = best_on_other_seeds(sweep.final_losses), low.indices
    best_train, low_train = (take_per_seed(sweep.final_losses, indices) for indices in both)
    best_valid, low_valid = (take_per_seed(sweep.final_valid_losses, indices) for indices in both)
    underfits = Effect(
        Estimate.of(
            f"training loss with {low.ratio} the best rate over that with the best", low_train / best_train, unit="x"
        ),
        threshold=NOTABLE_LOSS_RATIO,
    )
    overfits = Effect(
        Estimate.of(
            f"validation over training loss with the best rate, over the same with {low.ratio} it",
            (best_valid / best_train) / (low_valid / low_train),
            unit="x",
        ),
        threshold=NOTABLE_LOSS_RATIO,
    )
    best_gap = Estimate.of("validation over training loss with the best rate", best_valid / best_train, unit="x")
    low_gap = Estimate.of(f"validation over training loss with {low.ratio} it", low_valid / low_train, unit="x")
    return ClaimResult(
        title="Tuning the learning rate changes over- and underfitting",
        effects=(underfits, overfits),
        sentence=(
            f"With {low.ratio} the best rate the training loss ends {underfits.estimate} as high: underfitting. There "
            f"the validation loss is {low_gap} the training loss, with the best rate {best_gap}: in proportion "
            f"{overfits.estimate} the overfitting."
        ),
        figure=FinalLosses(
            "Training and validation loss at the end, by learning rate (momentum 0.9)",
            (
                final_loss_line(sweep, name="training loss"),
                final_loss_line(sweep, name="validation loss", valid=True),
            ),
        ),
        estimates=(best_gap, low_gap),
    )
