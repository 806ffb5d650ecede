"""Claims about momentum: its speed, what it does to stability, and how it trades off with the learning rate."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.core.formatting import format_number
from surefoot.explanation.best_and_good_rates import (
    best_on_other_seeds,
    best_overall,
    best_rates,
    ratio_in_words,
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
    LossHeatmap,
    StableRates,
    curve_line,
    final_loss_line,
    variant_and_lr,
)
from surefoot.explanation.experiment_results import (
    DEFAULT_MOMENTUM,
    MOMENTA,
    PLAIN_SGD,
    RATE_SPACING,
    RATES_PER_DECADE,
    SGD_WITH_MOMENTUM,
    BatchKind,
    Experiment,
    StableRateLimit,
    Sweep,
    speed_ratio,
    total_rise,
)
from surefoot.explanation.range_test_and_stability import STABLE_RATE_SPACING

Array: TypeAlias = NDArray[np.float64]

# Gradients are steep in this first share of a training, where the loss falls most. Chosen.
STEEP_SHARE = 0.25


def speed(experiment: Experiment) -> ClaimResult:
    """Assess that momentum needs fewer steps, each with its best rate.

    With one rate for both, momentum 0.9 takes ten times the step.
    """
    plain, with_momentum = experiment.sweep(PLAIN_SGD), experiment.sweep(SGD_WITH_MOMENTUM)
    faster = Effect(
        Estimate.of(
            "steps without momentum over steps with 0.9, each with its best rate",
            speed_ratio(_best_curves(with_momentum), _best_curves(plain)),
            unit="x",
        ),
        threshold=NOTABLE_RATIO,
    )
    plain_best, momentum_best = best_overall(plain.final_losses), best_overall(with_momentum.final_losses)
    low = max(0, momentum_best - RATES_PER_DECADE)
    low_rate = format_number(float(with_momentum.rates[low]))
    same_rate = Estimate.of(
        f"the same with one rate for both, {low_rate}",
        speed_ratio(with_momentum.loss_curves[low], plain.loss_curves[low]),
        unit="x",
    )
    return ClaimResult(
        title="Momentum needs fewer steps to the same loss",
        effects=(faster,),
        sentence=(
            f"Each with its best rate, training without momentum needs {faster.estimate} the steps of momentum 0.9. "
            f"With one rate for both, {low_rate}, it is {same_rate}: there momentum takes ten times the step."
        ),
        figure=LossCurves(
            "Each with its best learning rate",
            (
                curve_line(plain, plain_best, variant_and_lr(plain, plain_best)),
                curve_line(with_momentum, momentum_best, variant_and_lr(with_momentum, momentum_best)),
            ),
        ),
        estimates=(same_rate,),
    )


def one_number(experiment: Experiment) -> ClaimResult:
    """Assess that lr / (1 - momentum) decides alone: the best without momentum is as good as the best with 0.9."""
    plain, with_momentum = experiment.sweep(PLAIN_SGD), experiment.sweep(SGD_WITH_MOMENTUM)
    equivalent = np.maximum(best_on_other_seeds(plain.final_losses) - RATES_PER_DECADE, 0)
    as_good = Effect(
        Estimate.of(
            "loss with 0.9 at the rate kept from momentum 0, over the best with 0.9",
            take_per_seed(with_momentum.final_losses, equivalent) / selected_losses(with_momentum.final_losses),
            unit="x",
        ),
        "at most",
        NOTABLE_LOSS_RATIO,
    )
    sweeps = experiment.momentum_sweeps()
    bests = {
        sweep.variant.momentum: Estimate.of(
            f"best lr / (1 - momentum) with {sweep.variant.name}",
            best_rates(sweep.variant.effective(sweep.rates), sweep.final_losses),
            resolution=RATE_SPACING,
        )
        for sweep in sweeps
    }
    explained = Estimate.of("share of the variance of log losses that it explains", _explained_variance(sweeps))
    highest = MOMENTA[-1]
    return ClaimResult(
        title="Learning rate and momentum are one number, lr / (1 - momentum)",
        effects=(as_good,),
        sentence=(
            f"It explains {explained.mean:.0%} of the variance of log losses over all settings. But the best lr / "
            f"(1 - momentum) is {format_number(bests[0.0].mean)} without momentum, {format_number(bests[0.9].mean)} "
            f"with 0.9 and {format_number(bests[highest].mean)} with {highest:g}; changing momentum from 0 to 0.9 and "
            f"keeping it ends at {as_good.estimate} the best loss there."
        ),
        figure=FinalLosses(
            "The same, over lr / (1 - momentum)",
            tuple(final_loss_line(sweep, effective=True) for sweep in sweeps),
            x_title="learning rate / (1 - momentum)",
        ),
        estimates=(explained, *bests.values()),
    )


def replacement(experiment: Experiment) -> ClaimResult:
    """Assess that with a tenth of the best rate, and with ten times it, even the best of all momenta ends worse."""
    sweeps = experiment.momentum_sweeps()
    rates = sweeps[0].rates
    losses = np.stack([sweep.final_losses for sweep in sweeps])  # [M, R, seeds]
    momenta, rate_count, seeds = losses.shape
    settings = losses.reshape(momenta * rate_count, seeds)
    row, best = divmod(best_overall(settings), rate_count)
    low, high = max(0, best - RATES_PER_DECADE), min(rate_count - 1, best + RATES_PER_DECADE)
    low_ratio, high_ratio = (ratio_in_words(rates, index, reference=best) for index in (low, high))
    effects = tuple(
        Effect(
            Estimate.of(
                f"loss with {ratio} the best rate, best momentum, over the best loss",
                selected_losses(losses[:, index]) / selected_losses(settings),
                unit="x",
            ),
            threshold=NOTABLE_LOSS_RATIO,
        )
        for ratio, index in ((low_ratio, low), (high_ratio, high))
    )
    means = np.exp(np.log(losses).mean(axis=-1))
    return ClaimResult(
        title="Momentum cannot replace the learning rate",
        effects=effects,
        sentence=(
            f"The best of all is a learning rate of {format_number(float(rates[best]))} with momentum "
            f"{MOMENTA[row]:g}. With {low_ratio} that rate, the best of {momenta} momenta ends at "
            f"{effects[0].estimate} its loss; with {high_ratio} it, at {effects[1].estimate}."
        ),
        figure=LossHeatmap(
            "Loss over learning rate and momentum, as multiples of the lowest",
            rates,
            MOMENTA,
            means / means.min(),
            (
                (low_ratio.removesuffix(" of"), float(rates[low])),
                ("best", float(rates[best])),
                (high_ratio, float(rates[high])),
            ),
        ),
    )


def steadies(experiment: Experiment) -> ClaimResult:
    """Assess that the loss rises less with momentum: in the first quarter, with equal lr / (1 - momentum).

    The rate is the best one without momentum.
    """
    plain, with_momentum = experiment.sweep(PLAIN_SGD), experiment.sweep(SGD_WITH_MOMENTUM)
    first_steps = max(2, round(STEEP_SHARE * experiment.steps))
    best = best_on_other_seeds(plain.final_losses)
    equivalent = np.maximum(best - RATES_PER_DECADE, 0)
    plain_rise = total_rise(take_per_seed(plain.loss_curves, best)[:, :first_steps])
    momentum_rise = total_rise(take_per_seed(with_momentum.loss_curves, equivalent)[:, :first_steps])
    steadier = Effect(
        Estimate.of("total rise of the loss without momentum over that with 0.9", plain_rise / momentum_rise, unit="x"),
        threshold=NOTABLE_RATIO,
    )
    plain_index = best_overall(plain.final_losses)
    momentum_index = max(0, plain_index - RATES_PER_DECADE)
    return ClaimResult(
        title="Momentum steadies training where gradients are steep",
        effects=(steadier,),
        sentence=(
            f"In the first {first_steps} steps, with the same lr / (1 - momentum), the best without momentum, the loss "
            f"rises {steadier.estimate} as much without momentum as with 0.9, all rises added up."
        ),
        figure=LossCurves(
            "The same lr / (1 - momentum), without momentum and with 0.9",
            (
                curve_line(plain, plain_index, variant_and_lr(plain, plain_index)),
                curve_line(with_momentum, momentum_index, variant_and_lr(with_momentum, momentum_index)),
            ),
        ),
    )


def widens(experiment: Experiment) -> ClaimResult:
    """Assess that momentum raises the largest stable rate with full batches.

    On a quadratic it grows by the factor 1 + momentum.
    """
    plain, with_momentum = _stable_rates(experiment, "full")
    effect = _stability_effect("with momentum 0.9 over that without, full batches", with_momentum / plain)
    return _stability_result(
        experiment,
        title="Momentum widens the stable range with full batches",
        effect=effect,
        batch="full",
        theory="On a quadratic it would be 1.9x.",
    )


def narrows(experiment: Experiment) -> ClaimResult:
    """Assess that momentum lowers the largest stable rate with small batches, as it sums their noise."""
    plain, with_momentum = _stable_rates(experiment, "small")
    effect = _stability_effect("without momentum over that with 0.9, small batches", plain / with_momentum)
    return _stability_result(
        experiment,
        title="Momentum narrows the stable range with small batches",
        effect=effect,
        batch="small",
        theory="If lr / (1 - momentum) alone decided, it would be 10x.",
    )


def _best_curves(sweep: Sweep) -> Array:
    """Return the loss curve on each seed of the rate that is best on other seeds, shape ``[seeds, steps]``."""
    return take_per_seed(sweep.loss_curves, best_on_other_seeds(sweep.final_losses))


def _explained_variance(sweeps: list[Sweep]) -> Array:
    """Return the share of the variance of log losses that lr / (1 - momentum) explains, on each seed.

    1 - (variance within settings of equal lr / (1 - momentum)) / (variance of all settings)
    """
    grid_steps = [np.log10(sweep.variant.effective(sweep.rates)) * RATES_PER_DECADE for sweep in sweeps]
    groups = np.concatenate(grid_steps).round()
    logs = np.log(np.concatenate([sweep.final_losses for sweep in sweeps]))
    residuals = np.zeros_like(logs)
    for group in np.unique(groups):
        members = logs[groups == group]
        residuals[groups == group] = members - members.mean(axis=0)
    total = ((logs - logs.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(np.maximum(1.0 - (residuals**2).sum(axis=0) / np.maximum(total, 1e-12), 1e-3))


def _stable_rates(experiment: Experiment, batch: BatchKind) -> tuple[Array, Array]:
    """Return the largest stable rates on each seed, without and with momentum."""
    return experiment.stability_limit(batch, 0.0).rates, experiment.stability_limit(batch, DEFAULT_MOMENTUM).rates


def _stability_effect(ratio_name: str, ratios: Array) -> Effect:
    estimate = Estimate.of(
        f"largest stable rate {ratio_name}", ratios, unit="x", resolution=STABLE_RATE_SPACING, readings=2
    )
    return Effect(estimate, threshold=NOTABLE_RATIO)


def _stability_result(
    experiment: Experiment, *, title: str, effect: Effect, batch: BatchKind, theory: str
) -> ClaimResult:
    limits = [limit for limit in experiment.stability_limits if limit.batch == batch]
    plain, with_momentum = (
        Estimate.of(
            f"largest stable rate, momentum {limit.momentum:g}, {_batch_label(limit)}",
            limit.rates,
            resolution=STABLE_RATE_SPACING,
        )
        for limit in limits
    )
    all_unstable = min(limit.unstable_seeds for limit in limits) == experiment.seeds
    note = "" if all_unstable else " On some seeds even the highest rate that was tried is stable."
    return ClaimResult(
        title=title,
        effects=(effect,),
        sentence=(
            f"With batches of {limits[0].samples}, training of {experiment.stability_steps} steps is stable up to a "
            f"learning rate of {format_number(plain.mean)} without momentum and {format_number(with_momentum.mean)} "
            f"with 0.9: a ratio of {effect.estimate}. {theory}{note}"
        ),
        figure=StableRates(
            "Largest stable learning rates",
            tuple((_batch_label(each), f"{each.momentum:g}", each.rates) for each in experiment.stability_limits),
        ),
        estimates=(plain, with_momentum),
    )


def _batch_label(limit: StableRateLimit) -> str:
    return f"{limit.batch} batches of {limit.samples}"
