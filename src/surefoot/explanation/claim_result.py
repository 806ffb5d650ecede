"""The result of testing a claim: effects with intervals, the verdict that follows from them, and data for a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.core.formatting import format_number
from surefoot.core.statistics import interval_half_width
from surefoot.core.value_types import Json
from surefoot.explanation.experiment_results import Sweep
from surefoot.surfaces.surface import Surface

Array: TypeAlias = NDArray[np.float64]
ClaimVerdict: TypeAlias = Literal["holds", "does not hold here", "too close to call"]
Bound: TypeAlias = Literal["at least", "at most"]

HOLDS: ClaimVerdict = "holds"
FAILS: ClaimVerdict = "does not hold here"
TOO_CLOSE: ClaimVerdict = "too close to call"
# Ratios that a measured effect must reach for its claim to hold: of losses; of step counts, total rises of the loss,
# stable rates, paths and counts. Settled on digits and wine, before the benchmark of claims on other tasks.
NOTABLE_LOSS_RATIO = 1.1
NOTABLE_RATIO = 1.2
# A line of a figure has at most this many points.
MAX_LINE_POINTS = 110


@dataclass(frozen=True, slots=True)
class Estimate:
    """A positive number, estimated from several seeds, with its 90 % interval in logarithms.

    Attributes:
        name: What is estimated.
        mean: Geometric mean over seeds.
        low, high: 90 % interval of the mean.
        unit: ``x`` for a ratio, the name of a unit, or an empty string.

    Example:
        >>> str(Estimate("ratio of step counts", 3.0, 2.5, 3.61, "x"))
        '3x (2.5 to 3.61)'
    """

    name: str
    mean: float
    low: float
    high: float
    unit: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        values: Sequence[float] | NDArray[np.float64],
        *,
        unit: str = "",
        resolution: float = 1.0,
        readings: int = 1,
    ) -> Estimate:
        """Return the estimate from the values of several seeds.

        Args:
            name: What is estimated.
            values: A value above 0 for each seed.
            unit: ``x`` for a ratio, the name of a unit, or an empty string.
            resolution: Ratio of neighbouring points of the grid that values were read from; half of it widens the
                interval.
            readings: Number of grid readings in each value, 2 for a ratio of two; their errors add up by the square
                root of that number.
        """
        logs = np.log(np.asarray(values, dtype=np.float64))
        reading_error = 0.5 * math.sqrt(readings) * math.log(resolution)
        mean, half = float(logs.mean()), math.hypot(interval_half_width(logs), reading_error)
        return cls(name, math.exp(mean), _exp(mean - half), _exp(mean + half), unit)

    @property
    def bounds(self) -> str:
        """The 90 % interval in words."""
        if not math.isfinite(self.high):
            return "interval not known"
        return f"{format_number(self.low)} to {format_number(self.high)}"

    def __str__(self) -> str:
        unit = "x" if self.unit == "x" else f" {self.unit}" if self.unit else ""
        return f"{format_number(self.mean)}{unit} ({self.bounds})"

    def to_json(self) -> dict[str, Json]:
        """Return the estimate as JSON; bounds that are not known are null."""
        low, high = (None, None) if math.isinf(self.high) else (self.low, self.high)
        return {"name": self.name, "mean": self.mean, "low": low, "high": high, "unit": self.unit}


@dataclass(frozen=True, slots=True)
class Effect:
    """A ratio that a claim predicts to be at least, or at most, of some size.

    Attributes:
        estimate: The ratio as it was measured.
        bound: Whether the claim predicts at least or at most the threshold.
        threshold: The predicted size, at least 1.
    """

    estimate: Estimate
    bound: Bound = "at least"
    threshold: float = 1.0

    @property
    def verdict(self) -> ClaimVerdict:
        """Verdict of this effect alone.

        "At least" holds if the mean reaches the threshold and the interval lies above 1; it fails if the interval lies
        below the threshold. "At most" is the opposite.

        Example:
            >>> Effect(Estimate("steps", 3.0, 2.5, 3.6), threshold=1.2).verdict
            'holds'
            >>> Effect(Estimate("steps", 1.05, 0.9, 1.15), threshold=1.2).verdict
            'does not hold here'
            >>> Effect(Estimate("steps", 1.3, 0.9, 1.7), threshold=1.2).verdict
            'too close to call'
        """
        large = self.estimate.low > 1.0 and self.estimate.mean >= self.threshold
        small = self.estimate.high < self.threshold
        if self.bound == "at least":
            return HOLDS if large else FAILS if small else TOO_CLOSE
        return HOLDS if small else FAILS if large else TOO_CLOSE

    def to_json(self) -> dict[str, Json]:
        """Return the effect as JSON."""
        predicted = f"{self.bound} {self.threshold:g}"
        return {**self.estimate.to_json(), "predicted": predicted, "verdict": self.verdict}


def assess_effects(effects: Sequence[Effect]) -> ClaimVerdict:
    """Return the verdict on a claim with several effects: it holds if all do, and fails if one does.

    Example:
        >>> clear, unclear = Effect(Estimate("", 2.0, 1.5, 2.5)), Effect(Estimate("", 1.1, 0.9, 1.4))
        >>> assess_effects([clear, clear]), assess_effects([clear, unclear])
        ('holds', 'too close to call')
    """
    verdicts = {effect.verdict for effect in effects}
    return FAILS if FAILS in verdicts else TOO_CLOSE if TOO_CLOSE in verdicts else HOLDS


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line of a figure, with a value of each seed at each point.

    Attributes:
        name: Label in the legend.
        x: Positions of the points on the x axis, shape ``[X]``.
        y: Values, shape ``[seeds, X]``.
    """

    name: str
    x: Array
    y: Array


@dataclass(frozen=True, slots=True, eq=False)
class LossCurves:
    """Figure of relative training losses over steps.

    Attributes:
        title: Title of the figure.
        lines: One line for each training.
    """

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FinalLosses:
    """Figure of final losses over learning rates.

    Attributes:
        title: Title of the figure.
        lines: One line for each variant.
        x_title: Title of the x axis.
        good_ranges: Name of a line, with its lowest and highest good learning rate.
    """

    title: str
    lines: tuple[Line, ...]
    x_title: str = "learning rate"
    good_ranges: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class LossHeatmap:
    """Figure of final losses over learning rate and momentum, as multiples of the lowest.

    Attributes:
        title: Title of the figure.
        rates: Learning rates, shape ``[R]``.
        momenta: Momenta, ``M`` of them.
        factors: Loss over the lowest loss, at least 1, shape ``[M, R]``.
        marked: Labels and learning rates of the columns to highlight.
    """

    title: str
    rates: Array
    momenta: tuple[float, ...]
    factors: Array
    marked: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class StableRates:
    """Figure of largest stable learning rates.

    Attributes:
        title: Title of the figure.
        rows: Label of the batch size, momentum, and the rate on each seed ``[seeds]``.
    """

    title: str
    rows: tuple[tuple[str, str, Array], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Trajectories:
    """Figure of optimizer trajectories on a surface.

    Attributes:
        title: Title of the figure.
        surface: The surface.
        trajectories: Label and positions ``[steps + 1, D]`` of each trajectory.
    """

    title: str
    surface: Surface
    trajectories: tuple[tuple[str, Array], ...]


ClaimFigure: TypeAlias = LossCurves | FinalLosses | LossHeatmap | StableRates | Trajectories


@dataclass(frozen=True, slots=True, eq=False)
class ClaimResult:
    """A claim with what was measured, and the verdict.

    Attributes:
        title: The claim, as a sentence.
        effects: What the claim predicts, with what was measured; the verdict follows from these alone.
        sentence: The result in words.
        figure: Data of the figure that shows the result.
        estimates: Other numbers that were measured.
        name: Name of the claim, as in ``--claim NAME``.
    """

    title: str
    effects: tuple[Effect, ...]
    sentence: str
    figure: ClaimFigure
    estimates: tuple[Estimate, ...] = ()
    name: str = ""

    @property
    def verdict(self) -> ClaimVerdict:
        """Whether the claim holds, does not hold here, or is too close to call."""
        return assess_effects(self.effects)

    def to_json(self) -> dict[str, Json]:
        """Return the result as JSON, without the figure."""
        return {
            "name": self.name,
            "title": self.title,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "effects": [effect.to_json() for effect in self.effects],
            "numbers": [estimate.to_json() for estimate in self.estimates],
        }


def variant_and_lr(sweep: Sweep, index: int) -> str:
    """Return the label of a training among other variants: its variant and learning rate."""
    return f"{sweep.variant.name}, {lr_label(sweep, index)}"


def lr_label(sweep: Sweep, index: int) -> str:
    """Return the label of a training among others of its variant: its learning rate."""
    return f"lr {format_number(float(sweep.rates[index]))}"


def curve_line(sweep: Sweep, index: int, name: str) -> Line:
    """Return the loss curves of one training on all seeds, thinned to ``MAX_LINE_POINTS``."""
    steps = sweep.loss_curves.shape[-1]
    shown_steps = np.unique(np.linspace(0, steps - 1, min(steps, MAX_LINE_POINTS)).round().astype(np.int64))
    return Line(name, shown_steps.astype(np.float64) + 1.0, sweep.loss_curves[index][:, shown_steps])


def final_loss_line(sweep: Sweep, *, name: str | None = None, effective: bool = False, valid: bool = False) -> Line:
    """Return the final losses of a sweep on all seeds.

    Args:
        sweep: The trainings.
        name: Label in the legend; that of the variant by default.
        effective: Whether the x axis is lr / (1 - momentum) rather than the learning rate.
        valid: Whether to take validation losses rather than training losses.
    """
    x = sweep.variant.effective(sweep.rates) if effective else sweep.rates
    losses = sweep.final_valid_losses if valid else sweep.final_losses
    return Line(name or sweep.variant.name, x, losses.T)


def _exp(log: float) -> float:
    """Return e to a power, infinite instead of an overflow."""
    return math.exp(log) if log < math.log(1e300) else math.inf
