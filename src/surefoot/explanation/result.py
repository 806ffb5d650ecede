"""The result of ``surefoot.explain``, with the table that compares learning rate and momentum."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.core.formatting import format_duration, format_number
from surefoot.core.result_summary import Summarised, Summary
from surefoot.core.value_types import Json
from surefoot.explanation.best_and_good_rates import (
    best_on_other_seeds,
    best_overall,
    best_rates,
    good_rate_ranges,
    selected_losses,
    take_per_seed,
    ten_times_best_rate,
    tenth_of_best_rate,
)
from surefoot.explanation.claim_result import ClaimResult, Estimate
from surefoot.explanation.experiment_results import (
    PLAIN_SGD,
    RATE_SPACING,
    SGD_AT_ALL_MOMENTA,
    SGD_WITH_MOMENTUM,
    Experiment,
    Sweep,
    Variant,
    speed_ratio,
)
from surefoot.fleet.plan import Plan
from surefoot.loss_slices.result import LossSlice
from surefoot.recipe.recipe import Recipe

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """A row of the table "learning rate | momentum".

    Attributes:
        respect: In which respect the two are compared.
        lr: What is true of the learning rate.
        momentum: What is true of momentum.
    """

    respect: str
    lr: str
    momentum: str

    def to_json(self) -> dict[str, Json]:
        """Return the row as JSON."""
        return {"respect": self.respect, "lr": self.lr, "momentum": self.momentum}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExplainResult(Summarised):
    """Result of :func:`surefoot.explain`.

    Attributes:
        task: Name of the task or surface.
        recipe: The recipe that ended lowest, on average over all seeds, of all that were trained for the claims. It was
            chosen among few learning rates and momenta: :func:`surefoot.tune` looks for the best.
        claims: The claims, with verdicts, numbers and figures.
        comparison: The table "learning rate | momentum"; empty if its trainings were not needed.
        steps: Number of steps of every training.
        full_steps: Number of steps of the task's own training.
        seeds: Number of seeds.
        config_steps, seconds: Cost of all trainings; a larger batch counts by its number of samples.
        plan: How the fleets ran; ``None`` on a surface, which needs no fleet.
        left_out: Name of each claim that cannot be tested on the surface, with the reason.
        loss_slice: The training loss on a plane of weight space, with trajectories; ``None`` unless all claims were
            tested on a network.
    """

    task: str
    recipe: Recipe
    claims: tuple[ClaimResult, ...]
    comparison: tuple[ComparisonRow, ...]
    steps: int
    full_steps: int
    seeds: int
    config_steps: int
    seconds: float
    plan: Plan | None
    left_out: tuple[tuple[str, str], ...] = ()
    loss_slice: LossSlice | None = None

    def summary(self) -> Summary:
        """Return the verdict of each claim, and the cost."""
        cost = f"{self.config_steps:,} config-steps, {format_duration(self.seconds)}"
        return Summary.of(
            f"explanation of {self.task}, {self.seeds} seeds of {self.steps:,} steps",
            [
                *((claim.title, claim.verdict) for claim in self.claims),
                ("lowest loss with", str(self.recipe)),
                ("cost", cost),
            ],
        )

    def to_json(self, commands: Mapping[str, str] | None = None) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints.

        Args:
            commands: The command that repeats each claim, by the claim's name.
        """
        commands = commands or {}
        return {
            "schema": 2,
            "task": self.task,
            "recipe": str(self.recipe),
            "claims": [{**claim.to_json(), "command": commands.get(claim.name)} for claim in self.claims],
            "comparison": [row.to_json() for row in self.comparison],
            "steps": self.steps,
            "full_steps": self.full_steps,
            "seeds": self.seeds,
            "config_steps": self.config_steps,
            "seconds": self.seconds,
            "plan": None if self.plan is None else self.plan.to_json(),
            "left_out": dict(self.left_out),
            "loss_slice": None if self.loss_slice is None else self.loss_slice.to_json(),
        }


def lowest_recipe(experiment: Experiment) -> Recipe:
    """Return the recipe whose final training loss is lowest, on average over all seeds."""
    sweeps = (*experiment.sweeps, experiment.default)
    best = [(sweep, best_overall(sweep.final_losses)) for sweep in sweeps]
    sweep, index = min(best, key=lambda each: _geometric_mean(each[0].final_losses[each[1]]))
    return sweep.variant.recipe(float(sweep.rates[index]))


def can_compare_lr_and_momentum(variants: Collection[Variant]) -> bool:
    """Return whether an experiment with these variants is enough for the table "learning rate | momentum"."""
    return set(SGD_AT_ALL_MOMENTA) <= set(variants)


def compare_lr_and_momentum(experiment: Experiment) -> tuple[ComparisonRow, ...]:
    """Return the table "learning rate | momentum".

    Args:
        experiment: Has SGD's sweeps at all momenta.
    """
    momentum_sweeps = experiment.momentum_sweeps()
    sweep = experiment.sweep(SGD_WITH_MOMENTUM)
    return (
        _purpose(sweep),
        _effect(sweep, experiment.sweep(PLAIN_SGD)),
        _impact(sweep, momentum_sweeps),
        _adjustment(sweep, momentum_sweeps),
    )


def _purpose(sweep: Sweep) -> ComparisonRow:
    low, high = good_rate_ranges(sweep.rates, sweep.final_losses)
    best = _best_rate(sweep)
    return ComparisonRow(
        "Purpose",
        f"How far one step goes. With momentum 0.9, {format_number(best.mean)} ({best.bounds}) ends lowest; from "
        f"{format_number(_geometric_mean(low))} to {format_number(_geometric_mean(high))} training learns at least "
        "90 % as much.",
        "How long a gradient is remembered: 1 / (1 - momentum) steps, 10 with 0.9 and 100 with 0.99.",
    )


def _effect(sweep: Sweep, plain: Sweep) -> ComparisonRow:
    best = take_per_seed(sweep.loss_curves, best_on_other_seeds(sweep.final_losses))
    low_rate = tenth_of_best_rate(sweep)
    low = take_per_seed(sweep.loss_curves, low_rate.indices)
    best_plain = take_per_seed(plain.loss_curves, best_on_other_seeds(plain.final_losses))
    slowdown_low = Estimate.of("", speed_ratio(best, low), unit="x")
    slowdown_plain = Estimate.of("", speed_ratio(best, best_plain), unit="x")
    return ComparisonRow(
        "Effect on training",
        f"Training with {low_rate.ratio} the best rate needs {slowdown_low} the steps to the loss that it reaches.",
        f"Training without it needs {slowdown_plain} the steps of momentum 0.9 to the same loss, each with its best "
        "rate.",
    )


def _impact(sweep: Sweep, momentum_sweeps: list[Sweep]) -> ComparisonRow:
    lowest = selected_losses(sweep.final_losses)
    below, above = tenth_of_best_rate(sweep), ten_times_best_rate(sweep)
    low, high = (
        Estimate.of("", take_per_seed(sweep.final_losses, each.indices) / lowest, unit="x") for each in (below, above)
    )
    losses = {each.variant.momentum: selected_losses(each.final_losses) for each in momentum_sweeps}
    means = {momentum: _geometric_mean(each) for momentum, each in losses.items()}
    best, worst = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    spread = Estimate.of("", losses[worst] / losses[best], unit="x")
    return ComparisonRow(
        "Impact",
        f"With {below.ratio} the best rate training ends at {low} the lowest loss, with {above.ratio} it at {high} "
        "(momentum 0.9).",
        f"Of {len(momentum_sweeps)} momenta, each with its best rate, {best:g} ends lowest, and {worst:g} at {spread} "
        "its loss.",
    )


def _adjustment(sweep: Sweep, momentum_sweeps: list[Sweep]) -> ComparisonRow:
    low, high = good_rate_ranges(sweep.rates, sweep.final_losses)
    width = Estimate.of("", high / low, unit="x")
    rates = ", ".join(
        f"{format_number(_best_rate(each).mean, digits=2)} with {each.variant.momentum:g}" for each in momentum_sweeps
    )
    factor = max(2, round(width.mean**0.5))
    return ComparisonRow(
        "Adjustment",
        f"Its good range spans {width} with momentum 0.9: try rates by factors of {factor} until one falls into "
        "it, then by factors of 2.",
        f"Change the learning rate with it; best were {rates}.",
    )


def _best_rate(sweep: Sweep) -> Estimate:
    return Estimate.of("", best_rates(sweep.rates, sweep.final_losses), resolution=RATE_SPACING)


def _geometric_mean(values: Array) -> float:
    return float(np.exp(np.log(values).mean()))
