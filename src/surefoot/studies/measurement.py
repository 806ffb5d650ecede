"""What one training of one recipe gave."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Curve:
    """Training losses at some steps; empty where none were kept.

    Attributes:
        steps: Step numbers, ascending.
        losses: Training loss at each, averaged over the steps since the one before; ``inf`` where not finite.
    """

    steps: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """One recipe trained once.

    Attributes:
        recipe: What was trained.
        stage: Name of the stage of the study it belongs to.
        seed: Of initialisation and data order.
        total: Length of its schedule in steps.
        steps: Steps taken.
        valid_loss: Validation loss at the end; ``inf`` where it diverged.
        metric: The task's metric on the validation data, or ``None``.
        test_loss: Loss on the test data, only in the last comparison.
        diverged_at: Step of the first loss that was not finite, or ``None``.
        curve: Its training losses.
    """

    recipe: Recipe
    stage: str
    seed: int
    total: int
    steps: int
    valid_loss: float
    metric: float | None = None
    test_loss: float | None = None
    diverged_at: int | None = None
    curve: Curve = Curve()
