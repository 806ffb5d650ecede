"""What a search's judgements say about full trainings, and the smooth surface through them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from surefoot.statistics import comparable
from surefoot.tuning.rungs import RUNGS, Verdict, finite_verdicts
from surefoot.tuning.space import Box, Point, near, spread

if TYPE_CHECKING:
    from sklearn.gaussian_process.kernels import Kernel

# Losses are clipped so many times the spread of a rung's better half above its best: how bad the bad are says nothing
# about where the best is.
CLIP = 2.0
LATTICE, NEIGHBOURS, NEAR = 1024, 32, 0.05
# A surface through fewer judgements says nothing.
FEWEST_JUDGED = 6


@dataclass(frozen=True, slots=True)
class Foretold:
    """A candidate's point and the loss of a full training that its last judgement foretells."""

    point: Point
    loss: float


def full_losses(verdicts: Sequence[Sequence[Verdict]]) -> list[Foretold]:
    """Return what every candidate's last judgement foretells for the full training.

    A rung's losses are moved by the median difference to the next rung of those judged at both, and so on to the
    last. What diverged is as bad as the worst that did not.

    Args:
        verdicts: Judgements by rung.
    """
    rungs = _comparable(verdicts)
    shift = 0.0
    last: dict[int, Foretold] = {}
    for number in reversed(range(len(rungs))):
        here, above = rungs[number], rungs[number + 1] if number + 1 < len(rungs) else {}
        steps = [above[key] - here[key] for key in above.keys() & here.keys()]
        steps = [step for step in steps if np.isfinite(step)]
        shift += float(np.median(steps)) if steps else 0.0
        for verdict in verdicts[number]:
            last.setdefault(
                verdict.candidate.number, Foretold(verdict.candidate.point, here[verdict.candidate.number] + shift)
            )
    finite = [found.loss for found in last.values() if np.isfinite(found.loss)]
    worst = max(finite, default=0.0)
    return [found if np.isfinite(found.loss) else Foretold(found.point, worst) for _, found in sorted(last.items())]


class Surface:
    """A Gaussian process over points and rungs: what a loss is likely to be where nothing was tried.

    Every rung's losses are counted from its best in units of the spread of its better half: short trainings show the
    same valley as long ones, only flatter or higher.

    Args:
        verdicts: Judgements by rung, some of them finite.

    Reference:
        Rasmussen & Williams (2006), "Gaussian processes for machine learning", chapter 2; rungs as an input as in
        Klein et al. (2017), arXiv:1605.07079.
    """

    def __init__(self, verdicts: Sequence[Sequence[Verdict]]) -> None:
        from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415  (a second; the search ends first)
        from sklearn.gaussian_process import GaussianProcessRegressor  # noqa: PLC0415

        rows = [(verdict, scaled) for verdict, scaled in _scaled(verdicts)]
        inputs = np.array([_input(verdict.candidate.point, verdict.candidate.rung) for verdict, _ in rows])
        losses = np.array([scaled for _, scaled in rows])
        self._mean, self._spread = float(losses.mean()), float(losses.std()) or 1.0
        self._process = GaussianProcessRegressor(_kernel(inputs.shape[1] - 1), random_state=0)
        with warnings.catch_warnings():
            # A length scale at its bound is a bound that did its work.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._process.fit(inputs, (losses - self._mean) / self._spread)
        self._tried = [verdict.candidate.point for verdict, _ in sorted(rows, key=lambda row: row[1])]

    @classmethod
    def through(cls, verdicts: Sequence[Sequence[Verdict]]) -> Surface | None:
        """Return the surface through a search's judgements, ``None`` where too few of them are finite."""
        return cls(verdicts) if finite_verdicts(verdicts) >= FEWEST_JUDGED else None

    def losses(self, points: Sequence[Point]) -> NDArray[np.float64]:
        """Return the expected scaled loss of full trainings at some points."""
        expected: NDArray[np.float64] = self._process.predict(self._full(points))
        return expected * self._spread + self._mean

    def draws(self, points: Sequence[Point], count: int, *, noise: bool, generator: Generator) -> NDArray[np.float64]:
        """Return surfaces that the judgements allow, drawn at random: scaled losses ``[count, points]``.

        Args:
            points: Where.
            count: How many surfaces.
            noise: Whether they bear the noise of a single training as well.
            generator: Draws them.
        """
        mean, covariance = self._process.predict(self._full(points), return_cov=True)
        if not noise:
            covariance = covariance - self._process.kernel_.k2.noise_level * np.eye(len(points))
        # Near points of a smooth surface have a covariance that is singular but for rounding: eigenvectors bear it.
        drawn: NDArray[np.float64] = generator.multivariate_normal(
            mean, covariance, size=count, method="eigh", check_valid="ignore"
        )
        return drawn * self._spread + self._mean

    def minimum(self, box: Box, *, generator: Generator) -> Point:
        """Return the point of a box whose expected loss is lowest."""
        points = self.lattice(box, generator=generator)
        return points[int(np.argmin(self.losses(points)))]

    def lattice(self, box: Box, *, count: int = LATTICE, generator: Generator) -> list[Point]:
        """Return points to read the surface at: spread over the box, and more around the best tried ones."""
        low, high = np.array(box).T
        even = low + (high - low) * np.array(spread(count, dimensions=len(box), generator=generator))
        around = [
            near(point, width=NEAR, box=box, generator=generator)
            for point in self._tried[: NEIGHBOURS // 4]
            for _ in range(NEIGHBOURS)
        ]
        return [tuple(row) for row in even.tolist()] + around

    @staticmethod
    def _full(points: Sequence[Point]) -> NDArray[np.float64]:
        return np.array([_input(point, len(RUNGS) - 1) for point in points])


def _input(point: Point, rung: int) -> list[float]:
    return [*point, rung / (len(RUNGS) - 1)]


def _kernel(dimensions: int) -> Kernel:
    """Return the covariance: smooth along each axis at a scale of its own, nearly the same from rung to rung."""
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel  # noqa: PLC0415

    others = dimensions - 1
    scales = [0.25, *[0.5] * others, 1.0]
    bounds = [(0.1, 1.0), *[(0.2, 3.0)] * others, (0.7, 6.0)]
    return ConstantKernel(1.0, (0.3, 10.0)) * RBF(scales, bounds) + WhiteKernel(0.02, (1e-3, 0.3))


def _scaled(verdicts: Sequence[Sequence[Verdict]]) -> list[tuple[Verdict, float]]:
    """Return every judgement in units of its rung's spread, the rungs joined by those judged at two of them."""
    rows: list[tuple[Verdict, float]] = []
    before: dict[int, float] = {}
    spread_of_half = 1.0
    for row, losses in zip(verdicts, _comparable(verdicts), strict=True):
        finite = sorted(loss for loss in losses.values() if np.isfinite(loss))
        if not finite:
            continue
        middle = finite[min(len(losses) // 2, len(finite) - 1)]
        if not before or len(losses) >= 6:
            spread_of_half = max(middle - finite[0], 1e-9)
        # The clip comes first, for a loss that is no number is to be as bad as any.
        scaled = {key: min(CLIP, (loss - finite[0]) / spread_of_half) for key, loss in losses.items()}
        joined = [before[key] - value for key, value in scaled.items() if key in before]
        offset = float(np.mean(joined)) if joined else 0.0
        before = {key: value + offset for key, value in scaled.items()}
        rows += [(verdict, before[verdict.candidate.number]) for verdict in row]
    return rows


def _comparable(verdicts: Sequence[Sequence[Verdict]]) -> list[dict[int, float]]:
    """Return losses by candidate, rung by rung: all of them on the one scale on which their noise is even."""
    values = iter(comparable([verdict.loss for row in verdicts for verdict in row]).tolist())
    return [{verdict.candidate.number: next(values) for verdict in row} for row in verdicts]
