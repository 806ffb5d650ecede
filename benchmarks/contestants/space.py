"""The settings that searching rivals choose from: the usual ranges, wide enough for every task.

Learning rate log-uniform over five decades, momentum uniform: what people write. All grids' best settings lie inside.
"""

RATE = (1e-4, 10.0)
MOMENTUM = (0.0, 0.99)


def recipe_text(lr: float, momentum: float) -> str:
    """Return a setting as a recipe under the schedule that everybody trains with: cosine annealing to zero."""
    return f"sgd(lr=cosine({lr:.4g}), momentum={momentum:.4g})"
