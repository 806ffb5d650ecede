"""What a slice of a loss shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.explanation.slices.sliced_loss import SlicedLoss
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.values import Json

# By this name a report asks what repeats a slice; claims have theirs.
SLICE = "slice"
Along: TypeAlias = Literal["ways", "hessian", "random"]


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """The way of a training past the plane: its shadow, and what it really was.

    Where its loss was above three times the start's, or no number, it is out of the picture, and not among the T.

    Attributes:
        recipe: Trained by it.
        steps: Steps taken, ascending from 0 ``[T]``.
        places: The nearest places of the plane ``[T, 2]``.
        losses: Of the training's own weights, on the same sample as the plane's ``[T]``.
        away: How far these were from the plane ``[T]``.
        within: Which part of the squared distance from its first weights to its last lies within the plane, 0 to 1.
        end_loss: On the same sample after the last step; infinite where it is no number.
        left_at: Step from which on it was out of the picture, ``None`` where its end is in it.
        diverged_at: Step of its first loss that was no number, or ``None``.
    """

    recipe: Recipe
    steps: NDArray[np.int64]
    places: NDArray[np.float64]
    losses: NDArray[np.float64]
    away: NDArray[np.float64]
    within: float
    end_loss: float
    left_at: int | None
    diverged_at: int | None

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "recipe": str(self.recipe),
            "steps": self.steps.tolist(),
            "places": self.places.tolist(),
            "losses": self.losses.tolist(),
            "away": self.away.tolist(),
            "within": self.within,
            "end_loss": self.end_loss if math.isfinite(self.end_loss) else None,
            "left_at": self.left_at,
            "diverged_at": self.diverged_at,
        }


@dataclass(frozen=True, slots=True, eq=False)
class LossSlice:
    """What :func:`surefoot.slice_loss` found.

    Attributes:
        task: The task's name.
        along: How the plane was laid.
        surface: The losses on it, as a landscape.
        ways: Of the trainings, by their shadows on it.
        told: One number for each axis: the share of the ways' spread along it, or the Hessian's eigenvalue; none where
            the directions are random.
        error: By how much the landscape errs amid the cells of its grid: the most over some of them, as a share of the
            range of the losses; ``None`` where they have no numbers.
        unknown: Points of the grid whose loss is no number; the landscape is there as high as it is anywhere.
        samples: Of the training data, that losses are means over.
        seed: Of initialisation, data order and directions.
        config_steps, seconds: What it cost; three evaluations of a batch count as a step.
        plan: How the trainings were run.
    """

    task: str
    along: Along
    surface: SlicedLoss
    ways: tuple[Way, ...]
    told: tuple[float, float] | None
    error: float | None
    unknown: int
    samples: int
    seed: int
    config_steps: int
    seconds: float
    plan: Plan

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints."""
        return {
            "schema": 1,
            "task": self.task,
            "along": self.along,
            "told": None if self.told is None else list(self.told),
            "x": self.surface.x.tolist(),
            "y": self.surface.y.tolist(),
            "losses": self.surface.grid.tolist(),
            "ways": [way.to_json() for way in self.ways],
            "error": self.error,
            "unknown": self.unknown,
            "samples": self.samples,
            "seed": self.seed,
            "config_steps": self.config_steps,
            "seconds": self.seconds,
            "plan": self.plan.to_json(),
        }
