"""What follows a recipe elsewhere: another framework's optimizer, torch's scheduler, or a function of the step."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.core.errors import RecipeError
from surefoot.optimizers import RULES
from surefoot.optimizers.rule import Equivalent
from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import hyperparameters_of, rule_named
from surefoot.schedules.constant import Constant
from surefoot.schedules.polynomial import Linear
from surefoot.schedules.schedule import Schedule, Span, TorchScheduler
from surefoot.schedules.text import schedule_text

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


def torch_scheduler(schedule: Schedule, *, steps: int, grouped: bool) -> TorchScheduler | None:
    """Return the equal scheduler for an optimizer whose learning rate is the peak; ``None`` where there is none.

    Args:
        schedule: Schedule of the learning rate.
        steps: Optimizer steps of the whole training.
        grouped: Whether parameter groups have rates of their own; then only schedulers that multiply will do.

    Example:
        >>> from surefoot.schedules.cosine import Cosine
        >>> torch_scheduler(Cosine(0.3), steps=100, grouped=False)
        TorchScheduler(name='CosineAnnealingLR', arguments=('T_max=100',))
    """
    has_floor = getattr(schedule, "final", 0.0) != 0.0 and not isinstance(schedule, Linear)
    if grouped and (has_floor or not schedule.scales_with_groups):
        return None
    return schedule.torch_scheduler(steps)


def python_code(schedule: Schedule, *, total: int, name: str = "lr_at") -> str:
    """Return a Python function of the step that gives the schedule's values; it needs ``import math`` alone.

    Args:
        schedule: What to write out.
        total: Steps of the whole training; its numbers are worked into the code.
        name: Of the function.

    Raises:
        RecipeError: If ``total`` is below 1.

    Example:
        >>> from surefoot.schedules.composition import Warmup
        >>> from surefoot.schedules.cosine import Cosine
        >>> from surefoot.schedules.length import Length
        >>> print(python_code(Warmup(Cosine(0.3), Length(10)), total=200))
        def lr_at(step):
            # cosine(0.3, warmup=10) over 200 steps
            step = min(step, 200)
            if step < 10:
                return 0.3 * step / 10
            return 0.3 * (1 + math.cos(math.pi * (step - 10) / 190)) / 2
    """
    schedule.value(0, total)  # raises where there is no such training
    body = [*schedule.code(Span(float(total), int(total)), 0.0)]
    end = total - 1 if schedule.ends_at_last_step else total
    hold = [] if isinstance(schedule, Constant) else [f"step = min(step, {end})"]
    head = [f"# {schedule_text(schedule)} over {total} steps", *hold]
    return "\n".join([f"def {name}(step):", *(f"    {line}" for line in (*head, *body))]) + "\n"
