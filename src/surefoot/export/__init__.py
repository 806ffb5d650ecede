"""Recipe -> code to paste, for any framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from surefoot.core.errors import RecipeError, did_you_mean
from surefoot.export.huggingface import huggingface_code
from surefoot.export.keras import keras_code
from surefoot.export.lightning import lightning_code
from surefoot.export.optax import optax_code
from surefoot.export.pytorch import pytorch_code
from surefoot.recipe.recipe import Recipe

FRAMEWORKS: Mapping[str, Callable[..., str]] = {
    "pytorch": pytorch_code,
    "lightning": lightning_code,
    "huggingface": huggingface_code,
    "keras": keras_code,
    "optax": optax_code,
}


def framework_code(recipe: Recipe, framework: str, *, steps: int) -> str:
    """Return a recipe as code to paste.

    Args:
        recipe: What to write out.
        framework: One of ``FRAMEWORKS``.
        steps: Optimizer steps of the whole training.

    Raises:
        RecipeError: If there is no such framework, it cannot follow the recipe, or a schedule leaves its bounds.

    Example:
        >>> print(framework_code(Recipe.parse("sgd(lr=0.1, momentum=0.9)"), "optax", steps=100))
        # sgd(lr=0.1, momentum=0.9) for 100 steps.
        import optax
        <BLANKLINE>
        optimizer = optax.sgd(learning_rate=0.1, momentum=0.9)
        <BLANKLINE>
    """
    if framework not in FRAMEWORKS:
        hint = did_you_mean(framework, FRAMEWORKS) or f"there are {', '.join(FRAMEWORKS)}."
        raise RecipeError(f"no code is written for {framework!r}.", hint=hint)
    return FRAMEWORKS[framework](recipe, steps=steps)
