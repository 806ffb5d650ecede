"""Recipe -> an optax transformation to paste."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from surefoot.export.equivalents import adds_decay, equivalent_of, python_code
from surefoot.optimizers.rule import Equivalent
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.constant import Constant
from surefoot.schedules.scanner import number_text as num


def optax_code(recipe: Recipe, *, steps: int) -> str:
    """Return a recipe as an optax gradient transformation.

    What changes is a table of its values at every step, so that JAX can trace it, whatever the schedule.

    Args:
        recipe: What to write out.
        steps: Optimizer steps of the whole training.

    Raises:
        RecipeError: If optax has no such rule, ``steps`` is below 1, or a schedule leaves its bounds.

    Example:
        >>> print(optax_code(Recipe.parse("sgd(lr=cosine(0.3), momentum=0.9, clip=1)"), steps=220))
        # sgd(lr=cosine(0.3), momentum=0.9, clip=1) for 220 steps.
        import math
        <BLANKLINE>
        import jax.numpy as jnp
        import optax
        <BLANKLINE>
        <BLANKLINE>
        def lr_at(step):
            # cosine(0.3) over 220 steps
            step = min(step, 220)
            return 0.3 * (1 + math.cos(math.pi * step / 220)) / 2
        <BLANKLINE>
        <BLANKLINE>
        lr = jnp.array([lr_at(step) for step in range(220)])
        optimizer = optax.chain(
            optax.clip_by_global_norm(1),
            optax.sgd(learning_rate=lambda step: lr[step], momentum=0.9),
        )
        <BLANKLINE>
    """
    recipe.require_bounds(steps=steps)
    equivalent = equivalent_of(recipe, "optax", title="optax", may_change=True)
    scheduled = [name for name, schedule in recipe.hyper if not isinstance(schedule, Constant)]
    functions = [python_code(recipe.schedule(name), total=steps, name=f"{name}_at").rstrip() for name in scheduled]
    math = any("math." in function for function in functions)
    chain = [*_before(recipe, equivalent), _rule(recipe, equivalent, scheduled)]
    made = chain[0] if len(chain) == 1 else "optax.chain(\n" + "".join(f"    {each},\n" for each in chain) + ")"
    return "\n".join(
        [
            f"# {recipe} for {steps} steps.",
            *(["import math\n"] if math else []),
            *(["import jax.numpy as jnp"] if scheduled else []),
            "import optax",
            *(f"\n\n{function}" for function in functions),
            *(["\n"] if functions else [""]),
            *(f"{name} = jnp.array([{name}_at(step) for step in range({steps})])" for name in scheduled),
            f"optimizer = {made}",
            "",
        ]
    )


def _before(recipe: Recipe, equivalent: Equivalent) -> Iterator[str]:
    """Yield what happens to a gradient before the rule gets it."""
    if recipe.clip is not None:
        yield f"optax.clip_by_global_norm({num(recipe.clip)})"
    if adds_decay(recipe, equivalent):
        yield f"optax.add_decayed_weights({num(recipe.schedule('weight_decay').highest)})"


def _rule(recipe: Recipe, rule: Equivalent, scheduled: Sequence[str]) -> str:
    arguments = [f"{other}={_value(recipe, name)}" for name, other in rule.names.items() if _written(recipe, name)]
    arguments += [f"{switch}=True" for switch in recipe.switches]
    arguments += rule.arguments
    made = f"optax.{rule.name}" if set(scheduled) <= {"lr"} else f"optax.inject_hyperparams(optax.{rule.name})"
    return f"{made}({', '.join(arguments)})"


def _written(recipe: Recipe, name: str) -> bool:
    """Tell whether a hyperparameter is written: a momentum of 0 would cost memory for nothing."""
    return name != "momentum" or recipe.momentum != Constant(0.0)


def _value(recipe: Recipe, name: str) -> str:
    schedule = recipe.schedule(name)
    return num(schedule.peak) if isinstance(schedule, Constant) else f"lambda step: {name}[step]"
