"""The table "learning rate | momentum": what the textbook compares them by, in this network's own numbers.

What an explanation found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from surefoot.core.formatting import numeral
from surefoot.core.values import Json
from surefoot.explanation.claim import Claim, Number
from surefoot.explanation.curve import speed_ratio
from surefoot.explanation.experiment import MOMENTA, RESOLUTION, USUAL_MOMENTUM, Kind, Survey, Sweep
from surefoot.explanation.selection import (
    best_rates,
    chosen,
    good_ranges,
    held_out_best,
    held_out_losses,
    tenfold,
    tenth,
)
from surefoot.fleet.plan import Plan
from surefoot.loss_slices.result import LossSlice


@dataclass(frozen=True, slots=True)
class Contrast:
    """A row of the table: one respect in which the two are compared."""

    respect: str
    lr: str
    momentum: str

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {"respect": self.respect, "lr": self.lr, "momentum": self.momentum}


def contrasts(survey: Survey) -> tuple[Contrast, ...]:
    """Return the table.

    Args:
        survey: With SGD's sweeps at every momentum.
    """
    sweeps = survey.plane()
    usual = survey.sweep(Kind())
    return (_purpose(usual), _effect(survey, usual), _impact(sweeps, usual), _adjustment(sweeps, usual))


def _purpose(usual: Sweep) -> Contrast:
    low, high = good_ranges(usual.rates, usual.ends)
    best = _best(usual)
    return Contrast(
        "Purpose",
        f"How far one step goes. With momentum 0.9, {numeral(best.mean)} ({best.bounds}) ends lowest; from "
        f"{numeral(_middle(low))} to {numeral(_middle(high))} training learns at least 90 % as much.",
        "How long a gradient is remembered: 1 / (1 - momentum) steps, 10 with 0.9 and 100 with 0.99.",
    )


def _effect(survey: Survey, usual: Sweep) -> Contrast:
    plain = survey.sweep(Kind(momentum=0.0))
    best = held_out_best(usual.ends)
    own = chosen(usual.courses, best)
    slow = chosen(usual.courses, tenth(usual).places)
    slower = Number.of("", speed_ratio(own, slow), unit="x")
    quicker = Number.of("", speed_ratio(own, chosen(plain.courses, held_out_best(plain.ends))), unit="x")
    return Contrast(
        "Effect on training",
        f"Training at {tenth(usual).words} the best rate needs {slower} the steps to the loss that it reaches.",
        f"Without it training needs {quicker} the steps of momentum 0.9 to the same loss, each at its best rate.",
    )


def _impact(sweeps: list[Sweep], usual: Sweep) -> Contrast:
    best = held_out_best(usual.ends)
    lowest = chosen(usual.ends, best)
    below, above = tenth(usual), tenfold(usual)
    low, high = (Number.of("", chosen(usual.ends, side.places) / lowest, unit="x") for side in (below, above))
    losses = {sweep.kind.momentum: held_out_losses(sweep.ends) for sweep in sweeps}
    means = {momentum: _middle(each) for momentum, each in losses.items()}
    top, bottom = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    spread = Number.of("", losses[bottom] / losses[top], unit="x")
    return Contrast(
        "Impact",
        f"At {below.words} the best rate training ends at {low} the lowest loss, at {above.words} it at {high} "
        "(momentum 0.9).",
        f"Of {len(sweeps)} momenta, each at its best rate, {top:g} ends lowest, and {bottom:g} at {spread} its loss.",
    )


def _adjustment(sweeps: list[Sweep], usual: Sweep) -> Contrast:
    low, high = good_ranges(usual.rates, usual.ends)
    width = Number.of("", high / low, unit="x")
    rates = ", ".join(f"{numeral(_best(sweep).mean, digits=2)} with {sweep.kind.momentum:g}" for sweep in sweeps)
    steps = max(2, round(width.mean**0.5))
    return Contrast(
        "Adjustment",
        f"Its good range spans {width} with momentum 0.9: try rates by factors of {steps} until one falls into "
        "it, then by factors of 2.",
        f"Change the learning rate with it; best were {rates}.",
    )


def _best(sweep: Sweep) -> Number:
    return Number.of("", best_rates(sweep.rates, sweep.ends), resolution=RESOLUTION)


def _middle(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(np.exp(np.log(values).mean()))


def contrastable(kinds: tuple[Kind, ...]) -> bool:
    """Whether a survey of these kinds is enough for the table."""
    return {Kind(momentum=momentum) for momentum in (*MOMENTA, USUAL_MOMENTUM)} <= set(kinds)


@dataclass(frozen=True, slots=True, eq=False)
class ExplainResult:
    """What :func:`explain` found.

    Attributes:
        task: The task's name.
        claims: The textbook's claims, judged.
        contrasts: The table "learning rate | momentum"; empty where its trainings were not asked for.
        steps: Length of every training.
        full_steps: Length of the task's own.
        seeds: How many each was repeated with.
        config_steps, seconds: What it cost; full batches are counted by their samples.
        plan: How it was run; ``None`` on a landscape, which needs no fleet.
        left_out: Claims that cannot be asked there, each with the reason.
        loss_slice: The loss on a plane of the weights with trainings past it; of a network, if all claims were asked.
    """

    task: str
    claims: tuple[Claim, ...]
    contrasts: tuple[Contrast, ...]
    steps: int
    full_steps: int
    seeds: int
    config_steps: int
    seconds: float
    plan: Plan | None
    left_out: tuple[tuple[str, str], ...] = ()
    loss_slice: LossSlice | None = None

    def to_json(self, commands: Mapping[str, str] | None = None) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints.

        Args:
            commands: What repeats each claim, by its name.
        """
        known = commands or {}
        return {
            "schema": 1,
            "task": self.task,
            "claims": [{**claim.to_json(), "command": known.get(claim.name)} for claim in self.claims],
            "contrasts": [row.to_json() for row in self.contrasts],
            "steps": self.steps,
            "full_steps": self.full_steps,
            "seeds": self.seeds,
            "config_steps": self.config_steps,
            "seconds": self.seconds,
            "plan": None if self.plan is None else self.plan.to_json(),
            "left_out": dict(self.left_out),
            "loss_slice": None if self.loss_slice is None else self.loss_slice.to_json(),
        }
