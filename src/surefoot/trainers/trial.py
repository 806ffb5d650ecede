"""The Trial: one training, short or full."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from surefoot.errors import RecipeError
from surefoot.recipe.recipe import Recipe


class Reporter(Protocol):
    """Receives what a training function says on its way."""

    def report(self, loss: float, *, step: int | None, metric: float | None, test_loss: float | None) -> None:
        """Take note of a validation loss."""
        ...

    def should_stop(self) -> bool:
        """Tell whether the training may end early."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """One training: a recipe, its length and its seed. What comes of it depends on these three alone.

    The recipe's schedules run over ``steps``, the cooldown at their end included: a short trial is a whole training.

    Attributes:
        recipe: What to train with; ``trial.recipe.build(model)`` returns a torch optimizer and its scheduler.
        steps: Optimizer steps to take, at least 1.
        seed: Seed of initialisation, data order and dropout, at least 0.
        reporter: Receives what :meth:`report` is given; no part of what the trial is.

    Raises:
        RecipeError: If ``steps`` or ``seed`` is no such number.

    Example:
        >>> trial = Trial(Recipe.parse("sgd(lr=cosine(0.1), momentum=0.9)"), steps=100, seed=0)
        >>> trial.recipe.steps, trial == Trial(trial.recipe, steps=100, seed=0)
        (100, True)
    """

    recipe: Recipe
    steps: int
    seed: int
    reporter: Reporter | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise RecipeError(f"a trial's {name} is a whole number of at least {least}; given {value!r}.")
        object.__setattr__(self, "recipe", replace(self.recipe, steps=self.steps))

    def report(
        self,
        loss: float,
        *,
        step: int | None = None,
        metric: float | None = None,
        test_loss: float | None = None,
    ) -> None:
        """Say how the training stands: a validation loss on the way, or, with no step, the one at the end.

        Args:
            loss: Validation loss.
            step: Optimizer steps taken so far; the end of the training, if not given.
            metric: The metric there, the higher the better.
            test_loss: Loss on data that nothing was chosen by.
        """
        if self.reporter is not None:
            self.reporter.report(loss, step=step, metric=metric, test_loss=test_loss)

    @property
    def should_stop(self) -> bool:
        """Whether the training may end early: it was asked to, or its time is over."""
        return self.reporter is not None and self.reporter.should_stop()
