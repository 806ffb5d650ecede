"""Which recipes another framework can follow: its rules that are the same as PyTorch's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from surefoot.core.errors import RecipeError
from surefoot.recipe.names import hyperparameters_of
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.constant import Constant

DECAY = "weight_decay"


@dataclass(frozen=True, slots=True)
class Twin:
    """An optimizer of another framework whose rule is the same.

    Attributes:
        name: What it is called there.
        names: What it calls our hyperparameters. A weight decay that is missing here is L2, added to the gradient.
        switches: Those that it has as well.
    """

    name: str
    names: Mapping[str, str]
    switches: tuple[str, ...] = ()


def require_twin(recipe: Recipe, framework: str, twins: Mapping[str, Twin], *, may_change: bool) -> None:
    """Refuse a recipe that a framework cannot follow.

    Args:
        recipe: What is to be followed.
        framework: By its name.
        twins: Its rules by our names.
        may_change: Whether something else than the learning rate may have a schedule there.

    Raises:
        RecipeError: All that it cannot follow.
    """
    if recipe.optimizer not in twins:
        raise RecipeError(
            f"{framework} has no {recipe.optimizer} by the same rule as PyTorch's.",
            hint=f"it has {', '.join(twins)}.",
        )
    faults = [*_faults(recipe, twins[recipe.optimizer], may_change=may_change)]
    if faults:
        raise RecipeError(f"{framework}'s {recipe.optimizer} cannot follow {recipe}: {'; '.join(faults)}.")


def adds_decay(recipe: Recipe, twins: Mapping[str, Twin]) -> bool:
    """Tell whether a weight decay is to be added to the gradient."""
    known = {spec.name for spec in hyperparameters_of(recipe.optimizer)}
    return DECAY in known - twins[recipe.optimizer].names.keys() and recipe.schedule(DECAY).highest > 0.0


def _faults(recipe: Recipe, twin: Twin, *, may_change: bool) -> Iterator[str]:
    for spec in hyperparameters_of(recipe.optimizer):
        schedule = recipe.schedule(spec.name)
        changes = not isinstance(schedule, Constant)
        if spec.name not in twin.names and spec.name != DECAY and schedule != Constant(spec.default):
            yield f"it has no {spec.name} like PyTorch's"
        elif changes and spec.name != "lr" and (not may_change or spec.name not in twin.names):
            yield f"its {spec.name} cannot change on the way"
    yield from (f"it has no {switch} like PyTorch's" for switch in recipe.switches if switch not in twin.switches)
    if recipe.groups:
        yield "groups of parameters are written for PyTorch alone"
