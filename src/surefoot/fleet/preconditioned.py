"""What a member's optimizer divides its gradient by."""

from __future__ import annotations

from torch import Tensor

from surefoot.curvature.preconditioner import ADAMS, adam_preconditioner
from surefoot.fleet.local import LocalFleet


def preconditioner_of(fleet: LocalFleet, place: int) -> Tensor | None:
    """Return what Adam or AdamW divides each parameter's step by at the step where a member stands.

    Args:
        fleet: The member's.
        place: Its own.

    Returns:
        ``[P]``, above 0; ``None`` for other optimizers.

    Example:
        >>> from surefoot.fleet import Plan, launch
        >>> from surefoot.recipe import Recipe
        >>> from surefoot.tasks.loader import load
        >>> fleet = launch(load("wine"), [Recipe.of("adam", lr=0.01), Recipe.of("sgd", lr=0.1)], seed=0, plan=Plan())
        >>> _ = fleet.train(3)
        >>> bool((preconditioner_of(fleet, 0) > 0).all()), preconditioner_of(fleet, 1)
        (True, None)
    """
    recipe, step, total = fleet.recipes[place], int(fleet.step[place]), int(fleet.total[place])
    if recipe.optimizer not in ADAMS:
        return None
    slots = fleet.slots[fleet.layout.bound(recipe.rule)]
    beta2, eps = (recipe.schedule(name).value(step, total) for name in ("beta2", "eps"))
    second = slots.get("square_max", slots["square"])[place]
    return adam_preconditioner(second, step=max(step, 1), beta2=beta2, eps=eps)
