"""The scheduler of a built recipe: sets every scheduled hyperparameter, momentum included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from surefoot.optimizers.groups import Factors

if TYPE_CHECKING:
    from surefoot.recipe.recipe import Recipe

# Torch takes these two at a time, under one name.
PAIRS = {"betas": ("beta1", "beta2"), "eps": ("eps1", "eps2")}
# Recipe name -> name of the torch argument, where they differ.
TORCH_NAMES = {"initial_accumulator": "initial_accumulator_value"}


class RecipeScheduler(LRScheduler):
    """Sets the values of a recipe's schedules on its optimizer; call ``step()`` once after each optimizer step.

    Its state is the step number alone, so it resumes anywhere.

    Args:
        optimizer: The torch optimizer, its groups in the order of ``factors``.
        recipe: Where the schedules are.
        steps: Length of the training.
        factors: For each parameter group, what its learning rate and weight decay are multiplied by.
    """

    def __init__(self, optimizer: Optimizer, recipe: Recipe, *, steps: int, factors: list[Factors]) -> None:
        self.recipe, self.steps, self.factors = recipe, steps, factors
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:  # type: ignore[override]
        """Return the learning rate of each group at the present step."""
        return [self._values(factors)["lr"] for factors in self.factors]

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next optimizer step's values."""
        super().step(epoch)
        self._set()

    def state_dict(self) -> dict[str, Any]:
        """Return the step number."""
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to the step of a saved state and set its values."""
        self.last_epoch = state_dict["last_epoch"]
        self._set()
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _values(self, factors: Factors) -> dict[str, float]:
        values = {name: schedule.value(self.last_epoch, self.steps) for name, schedule in self.recipe.hyper}
        values["lr"] *= factors.lr
        if "weight_decay" in values:
            values["weight_decay"] *= factors.weight_decay
        return values

    def _set(self) -> None:
        for group, factors in zip(self.optimizer.param_groups, self.factors, strict=True):
            group.update(torch_settings(self._values(factors)))


def torch_settings(values: dict[str, float]) -> dict[str, Any]:
    """Return hyperparameters under torch's names, as ``betas`` for beta1 and beta2, ``eps`` for eps1 and eps2.

    Example:
        >>> torch_settings({"lr": 0.1, "beta1": 0.9, "beta2": 0.99})
        {'lr': 0.1, 'betas': (0.9, 0.99)}
    """
    settings: dict[str, Any] = {TORCH_NAMES.get(name, name): value for name, value in values.items()}
    if "eps1" in values:
        settings["eps1"] = values["eps1"] or None  # torch's None: the dtype's own epsilon
    for pair, (first, second) in PAIRS.items():
        if first in values:
            settings[pair] = (settings.pop(first), settings.pop(second))
    return settings
