"""A recipe as an ordinary torch optimizer with its scheduler, which sets every scheduled hyperparameter."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from surefoot.core.errors import RecipeError
from surefoot.optimizers.parameter_groups import Factors, Groups, factors_of, norm_parameters, unmatched
from surefoot.optimizers.rule import UpdateRule, hidden_matrices
from surefoot.recipe.settings import rule_named, switches_of
from surefoot.schedules.schedule import Schedule

# Torch takes these two at a time, under one name.
NO_NAMES: Mapping[str, str] = {}
PAIRS = {"betas": ("beta1", "beta2"), "eps": ("eps1", "eps2")}


class RecipeScheduler(LRScheduler):
    """Sets the values of a recipe's schedules on its optimizer; call ``step()`` once after each optimizer step.

    Its state is the step number alone, so it resumes anywhere.

    Args:
        optimizer: The torch optimizer, its groups in the order of ``factors``.
        hyper: Name and schedule of each hyperparameter.
        steps: Length of the training.
        factors: For each parameter group, what its learning rate and weight decay are multiplied by.
        names: Our name of a hyperparameter -> torch's name, where they differ.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        hyper: Sequence[tuple[str, Schedule]],
        steps: int,
        factors: list[Factors],
        names: Mapping[str, str] = NO_NAMES,
    ) -> None:
        self.hyper, self.steps, self.factors, self.names = tuple(hyper), steps, factors, names
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
        values = {name: schedule.value(self.last_epoch, self.steps) for name, schedule in self.hyper}
        values["lr"] *= factors.lr
        if "weight_decay" in values:
            values["weight_decay"] *= factors.weight_decay
        return values

    def _set(self) -> None:
        for group, factors in zip(self.optimizer.param_groups, self.factors, strict=True):
            group.update(torch_settings(self._values(factors), names=self.names))


def torch_settings(values: Mapping[str, float], *, names: Mapping[str, str] = NO_NAMES) -> dict[str, Any]:
    """Return hyperparameters under torch's names, as ``betas`` for beta1 and beta2, ``eps`` for eps1 and eps2.

    Example:
        >>> torch_settings({"lr": 0.1, "beta1": 0.9, "beta2": 0.99})
        {'lr': 0.1, 'betas': (0.9, 0.99)}
    """
    settings: dict[str, Any] = {names.get(name, name): value for name, value in values.items()}
    if "eps1" in values:
        settings["eps1"] = values["eps1"] or None  # torch's None: the dtype's own epsilon
    for pair, (first, second) in PAIRS.items():
        if first in values:
            settings[pair] = (settings.pop(first), settings.pop(second))
    return settings


Named: TypeAlias = list[tuple[str, torch.Tensor]]
EVERYTHING_ALIKE = Groups()


def build(
    optimizer: str,
    params_or_model: nn.Module | Iterable[Any],
    *,
    hyper: Sequence[tuple[str, Schedule]],
    steps: int,
    switches: Collection[str] = (),
    clip: float | None = None,
    groups: Groups = EVERYTHING_ALIKE,
) -> tuple[Optimizer, RecipeScheduler]:
    """Return the torch optimizer and scheduler that train exactly as a recipe does in a fleet.

    The loop is the usual one: ``loss.backward(); optimizer.step(); scheduler.step(); optimizer.zero_grad()``.
    Clipping, where the recipe has it, happens inside ``optimizer.step()``.

    Args:
        optimizer: Name of the update rule.
        params_or_model: The model, or its parameters (``(name, parameter)`` pairs where there are name patterns).
        hyper: Name and schedule of each hyperparameter of the rule.
        steps: Optimizer steps of the whole training.
        switches: Names of the rule's switches that are on.
        clip: Largest global gradient norm, or ``None``.
        groups: Parameters with another learning rate or weight decay.

    Raises:
        RecipeError: If groups or Muon need the model, a pattern matches no parameter, or nothing is trained.

    Example:
        >>> from surefoot.schedules.cosine import Cosine
        >>> hyper = [("lr", Cosine(0.3)), ("momentum", Cosine(0.9)), ("weight_decay", Cosine(0.0))]
        >>> optimizer, scheduler = build("sgd", nn.Linear(2, 1), hyper=hyper, steps=100)
        >>> optimizer.param_groups[0]["lr"]
        0.3
    """
    rule = rule_named(optimizer)
    members = _parameter_groups(rule, groups, params_or_model)
    first = {name: schedule.value(0, steps) for name, schedule in hyper}
    if "nesterov" in switches:
        # Torch refuses Nesterov without momentum at construction only; the scheduler sets the true value at once.
        first["momentum"] = first["momentum"] or 0.5
    settings = torch_settings(first, names=rule.torch_names) | {
        name: name in switches for name in switches_of(optimizer)
    }
    of_muon = [{"hidden": hidden} if rule.splits_hidden else {} for _, hidden in members]
    params = [{"params": alike} | own for alike, own in zip(members.values(), of_muon, strict=True)]
    built = rule.torch_optimizer()(params, **settings)
    if clip is not None:
        _clip_before_step(built, clip)
    rule.prepare_torch(built)
    scheduler = RecipeScheduler(
        built, hyper=hyper, steps=steps, factors=[factors for factors, _ in members], names=rule.torch_names
    )
    return built, scheduler


def _parameter_groups(
    rule: type[UpdateRule], groups: Groups, params_or_model: Any
) -> dict[tuple[Factors, bool], list[torch.Tensor]]:
    """Return the parameters by their factors and, for Muon, by whether they are hidden matrices."""
    hidden: frozenset[str] = frozenset()
    if isinstance(params_or_model, nn.Module):
        named: Named = [(name, param) for name, param in params_or_model.named_parameters() if param.requires_grad]
        norms = norm_parameters(params_or_model)
        hidden = hidden_matrices(params_or_model) if rule.splits_hidden else hidden
    else:
        named, norms = _named(rule, groups, params_or_model), frozenset()
    if not named:
        raise RecipeError("there are no parameters to train.")
    missed = unmatched(groups, [name for name, _ in named])
    if missed:
        raise RecipeError(f"no parameter matches {missed[0]!r}.", hint=f"there are {_some(named)}.")
    alike: dict[tuple[Factors, bool], list[torch.Tensor]] = {}
    for name, param in named:
        factors = factors_of(groups, name, norm=name in norms)
        alike.setdefault((factors, name in hidden), []).append(param)
    return alike


def _named(rule: type[UpdateRule], groups: Groups, params: Any) -> Named:
    """Return parameters as pairs of name and parameter; names may be empty where none are needed."""
    given = list(params) if isinstance(params, Iterable) and not isinstance(params, torch.Tensor) else [params]
    pairs = [item if isinstance(item, tuple) and len(item) == 2 else ("", item) for item in given]
    if not all(isinstance(name, str) and isinstance(param, torch.Tensor) for name, param in pairs):
        raise RecipeError("a recipe is built for a model, parameters, or (name, parameter) pairs.")
    if rule.splits_hidden:
        what = f"{rule.name} treats hidden matrices differently from embeddings and the output layer"
        raise RecipeError(f"{what}: it needs the model; given parameters.", hint="pass the model itself.")
    bare = any(not name for name, _ in pairs)
    if groups and (bare or "norm" in groups.patterns):
        what = "bare parameters" if bare else "names alone, which do not identify normalisation layers"
        raise RecipeError(f"the groups of a recipe need the model; given {what}.", hint="pass the model itself.")
    return pairs


def _some(named: Named) -> str:
    names = [name for name, _ in named]
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _clip_before_step(optimizer: Optimizer, max_norm: float) -> None:
    def clip(*_: Any) -> None:
        params = [param for group in optimizer.param_groups for param in group["params"]]
        nn.utils.clip_grad_norm_(params, max_norm)

    optimizer.register_step_pre_hook(clip)
