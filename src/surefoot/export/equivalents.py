"""Which recipes another framework can follow: those whose update rule it has as well."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.core.errors import RecipeError
from surefoot.optimizers import RULES
from surefoot.optimizers.rule import Equivalent
from surefoot.recipe.names import hyperparameters_of, rule_named
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.constant import Constant

DECAY = "weight_decay"


def equivalent_of(recipe: Recipe, framework: str, *, title: str, may_change: bool) -> Equivalent:
    """Return the optimizer of another framework that follows a recipe.

    Args:
        recipe: What is to be followed.
        framework: Name of the framework in the registry entries, as ``"optax"``.
        title: Name of the framework in messages.
        may_change: Whether something else than the learning rate may have a schedule there.

    Raises:
        RecipeError: If it cannot follow the recipe, with everything that stands against it.
    """
    equivalent = rule_named(recipe.optimizer).equivalents.get(framework)
    if equivalent is None:
        known = [name for name, rule in RULES.items() if framework in rule.equivalents]
        raise RecipeError(
            f"{title} has no {recipe.optimizer} by the same rule as PyTorch's.", hint=f"it has {', '.join(known)}."
        )
    faults = [*_faults(recipe, equivalent, may_change=may_change)]
    if faults:
        raise RecipeError(f"{title}'s {recipe.optimizer} cannot follow {recipe}: {'; '.join(faults)}.")
    return equivalent


def adds_decay(recipe: Recipe, equivalent: Equivalent) -> bool:
    """Return whether a weight decay has to be added to the gradient."""
    known = {spec.name for spec in hyperparameters_of(recipe.optimizer)}
    return DECAY in known - equivalent.names.keys() and recipe.schedule(DECAY).highest > 0.0


def _faults(recipe: Recipe, equivalent: Equivalent, *, may_change: bool) -> Iterator[str]:
    for spec in hyperparameters_of(recipe.optimizer):
        schedule = recipe.schedule(spec.name)
        changes = not isinstance(schedule, Constant)
        if spec.name not in equivalent.names and spec.name != DECAY and schedule != Constant(spec.default):
            yield f"it has no {spec.name} like PyTorch's"
        elif changes and spec.name != "lr" and (not may_change or spec.name not in equivalent.names):
            yield f"its {spec.name} cannot change during training"
    yield from (f"it has no {switch} like PyTorch's" for switch in recipe.switches if switch not in equivalent.switches)
    if recipe.groups:
        yield "parameter groups are exported to PyTorch alone"
