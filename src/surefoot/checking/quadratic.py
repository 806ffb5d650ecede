"""A recipe's optimizer on the quadratic model, where theory has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from numpy.typing import ArrayLike

from surefoot.curvature.preconditioner import ADAMS
from surefoot.recipe.recipe import Recipe
from surefoot.theory.linear_method import LinearMethod, adam, heavy_ball, nesterov
from surefoot.theory.stability import adam_limit, heavy_ball_limit, nesterov_limit


@dataclass(frozen=True, slots=True)
class Quadratic:
    """An optimizer along one eigenvector of the Hessian; of the preconditioned one for Adam and AdamW.

    Attributes:
        name: What it is called in theory.
        method: Learning rate and momentum -> its recurrence.
        limit: Eigenvalue, above 0, and momentum -> the largest stable learning rate.
    """

    name: str
    method: Callable[[ArrayLike, ArrayLike], LinearMethod]
    limit: Callable[[float, float], float]


HEAVY_BALL = Quadratic("heavy ball", heavy_ball, lambda top, momentum: heavy_ball_limit(top, momentum=momentum))
NESTEROV = Quadratic("Nesterov", nesterov, lambda top, momentum: nesterov_limit(top, momentum=momentum))
ADAM = Quadratic("Adam, preconditioned", adam, lambda top, momentum: adam_limit(top, beta1=momentum))


def quadratic_of(recipe: Recipe) -> Quadratic | None:
    """Return what a recipe's optimizer is on a quadratic, ``None`` where theory does not say.

    Weight decay and clipping are left aside; a dampened velocity is not.

    Example:
        >>> quadratic_of(Recipe.parse("sgd(lr=0.1, momentum=0.9, nesterov=true)")).name
        'Nesterov'
    """
    if recipe.optimizer in ADAMS:
        return ADAM
    if recipe.optimizer != "sgd" or recipe.schedule("dampening").highest > 0:
        return None
    return NESTEROV if "nesterov" in recipe.switches else HEAVY_BALL
