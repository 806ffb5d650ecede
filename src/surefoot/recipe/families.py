"""What learning rate and momentum mean to each optimizer."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.recipe.recipe import Recipe
from surefoot.schedules.constant import Constant
from surefoot.theory import optimum


@dataclass(frozen=True, slots=True)
class Family:
    """How an optimizer uses its momentum.

    Attributes:
        momentum: Name of the hyperparameter, ``None`` where there is none.
        accumulates: Whether past gradients are summed, so that a constant gradient moves the weights by
            lr / (1 - momentum) a step; elsewhere they are averaged, and it moves them by lr.
    """

    momentum: str | None
    accumulates: bool = False

    def effective(self, lr: float, momentum: float) -> float:
        """Return the effective rate: how far a constant gradient moves the weights in a step, per unit of gradient.

        Example:
            >>> round(family_of("sgd").effective(0.1, 0.9), 9), family_of("adam").effective(0.1, 0.9)
            (1.0, 0.1)
        """
        return optimum.effective_rate(lr, momentum) if self.accumulates else lr

    def lr(self, effective: float, momentum: float) -> float:
        """Return the learning rate of an effective rate; the inverse of :meth:`effective`."""
        return effective * (1.0 - momentum) if self.accumulates else effective


SUMMED = {"sgd": "momentum", "rmsprop": "momentum"}
AVERAGED = {"adam": "beta1", "adamw": "beta1", "nadam": "beta1", "lion": "beta1", "muon": "momentum"}


def family_of(optimizer: str) -> Family:
    """Return how an optimizer uses its momentum."""
    return Family(SUMMED.get(optimizer) or AVERAGED.get(optimizer), accumulates=optimizer in SUMMED)


def effective_rate(recipe: Recipe) -> float:
    """Return the effective rate of a recipe at its peak.

    Example:
        >>> round(effective_rate(Recipe.parse("sgd(lr=cosine(0.1), momentum=0.9)")), 9)
        1.0
        >>> round(effective_rate(Recipe.parse("sgd(lr=0.1, momentum=0.9, dampening=0.9)")), 9)
        0.1
    """
    peak = recipe.lr.highest * (1.0 - dict(recipe.hyper).get("dampening", Constant(0.0)).highest)
    return family_of(recipe.optimizer).effective(peak, recipe.momentum.highest)
