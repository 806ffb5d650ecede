"""What one training of one recipe gave."""

from __future__ import annotations

from dataclasses import dataclass, field

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
class Look:
    """What was seen of a training on its way, on the mini-batch of its next step.

    Attributes:
        step: Steps taken until then.
        grad_norm: Norm of the gradient.
        sharpness: How the loss bends along the optimizer's step.
        limit: What the sharpness would be at the edge of stability; ``None`` where that is not known.
    """

    step: int
    grad_norm: float
    sharpness: float
    limit: float | None = None


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
        looks: What was seen on its way, of a confirmed training: evidence beside the result, and not a part of it.
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
    looks: tuple[Look, ...] = field(default=(), compare=False)
