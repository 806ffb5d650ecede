"""Lion as a torch optimizer, which torch itself has not.

torch.optim.Muon for the hidden matrices and torch.optim.AdamW for the rest, as one optimizer.

The scheduler of a built recipe: sets every scheduled hyperparameter, momentum included.

Recipe -> an ordinary torch optimizer and its scheduler.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from surefoot.core.errors import RecipeError
from surefoot.optimizers.lion import Lion
from surefoot.optimizers.parameter_groups import Factors, Groups, factors_of, norm_parameters, unmatched
from surefoot.optimizers.rule import Slots, hidden_matrices
from surefoot.recipe.names import switches_of
from surefoot.schedules.schedule import Schedule


class LionOptimizer(Optimizer):
    """The update rule :class:`surefoot.optimizers.Lion` on ordinary parameters.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Interpolation for the step, decay of the mean.
        weight_decay: Decoupled weight decay.

    Reference:
        Chen et al. (2023), arXiv:2302.06675.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step; a closure, if given, is called first and its loss returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    self._update(param, group)
        return loss

    def _update(self, param: torch.Tensor, group: dict[str, Any]) -> None:
        rule, row, state = Lion(), param.reshape(1, -1), self.state[param]
        hyper = dict(zip(("beta1", "beta2"), group["betas"], strict=True)) | {
            "lr": group["lr"],
            "weight_decay": group["weight_decay"],
        }
        slots: Slots = dict(state) or rule.fresh_slots(row)
        tensors = {name: row.new_full((1, 1), float(value)) for name, value in hyper.items()}
        after, slots = rule.update(row, param.grad.reshape(1, -1), slots, tensors)  # type: ignore[union-attr]
        param.copy_(after.view_as(param))
        state.update(slots)


class MuonWithAdamW(Optimizer):
    """Two optimizers behind one face: one list of groups for a scheduler, one state to save.

    Args:
        params: Groups of parameters; those with ``"hidden": True`` are matrices that Muon trains.
        lr: Learning rate of both: Muon's steps are made as large as AdamW's.
        momentum: Muon's.
        betas: AdamW's.
        eps: AdamW's.
        weight_decay: Of both, decoupled.
        nesterov: Whether Muon's momentum is Nesterov's.

    Reference:
        Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks"; Liu et al. (2025),
        arXiv:2502.16982.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: float = 1e-3,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.1,
        nesterov: bool = True,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"nesterov": nesterov, "hidden": False})
        self._parts = _parts()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._parts = _parts()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step; a closure, if given, is called first and its loss returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        own = (("momentum", "nesterov"), ("betas", "eps"))
        for part, hidden, names in zip(self._parts, (True, False), own, strict=True):
            groups = [group for group in self.param_groups if group["hidden"] == hidden]
            taken = ("params", "lr", "weight_decay", *names)
            part.param_groups = [part.defaults | {name: group[name] for name in taken} for group in groups]
            part.state = self.state
            part.step()
        return loss


def _parts() -> tuple[Optimizer, Optimizer]:
    """Return the two optimizers; they are given their groups and the state at every step."""
    return Muon([{"params": []}], adjust_lr_fn="match_rms_adamw"), AdamW([{"params": []}])


# Torch takes these two at a time, under one name.
PAIRS = {"betas": ("beta1", "beta2"), "eps": ("eps1", "eps2")}
# Recipe name -> name of the torch argument, where they differ.
TORCH_NAMES = {"initial_accumulator": "initial_accumulator_value"}


class RecipeScheduler(LRScheduler):
    """Sets the values of a recipe's schedules on its optimizer; call ``step()`` once after each optimizer step.

    Its state is the step number alone, so it resumes anywhere.

    Args:
        optimizer: The torch optimizer, its groups in the order of ``factors``.
        hyper: Name and schedule of each hyperparameter.
        steps: Length of the training.
        factors: For each parameter group, what its learning rate and weight decay are multiplied by.
    """

    def __init__(
        self, optimizer: Optimizer, *, hyper: Sequence[tuple[str, Schedule]], steps: int, factors: list[Factors]
    ) -> None:
        self.hyper, self.steps, self.factors = tuple(hyper), steps, factors
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


Named: TypeAlias = list[tuple[str, torch.Tensor]]
EVERYTHING_ALIKE = Groups()

TORCH_OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "lion": LionOptimizer,
    "muon": MuonWithAdamW,
    "adafactor": torch.optim.Adafactor,
}


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
    members = _parameter_groups(optimizer, groups, params_or_model)
    first = {name: schedule.value(0, steps) for name, schedule in hyper}
    if "nesterov" in switches:
        # Torch refuses Nesterov without momentum at construction only; the scheduler sets the true value at once.
        first["momentum"] = first["momentum"] or 0.5
    settings = torch_settings(first) | {name: name in switches for name in switches_of(optimizer)}
    of_muon = [{"hidden": hidden} if optimizer == "muon" else {} for _, hidden in members]
    params = [{"params": alike} | own for alike, own in zip(members.values(), of_muon, strict=True)]
    built = TORCH_OPTIMIZERS[optimizer](params, **settings)
    if clip is not None:
        _clip_before_step(built, clip)
    if optimizer == "rmsprop":
        built.register_step_pre_hook(_complete_velocities)
    return built, RecipeScheduler(built, hyper=hyper, steps=steps, factors=[factors for factors, _ in members])


def _parameter_groups(
    optimizer: str, groups: Groups, params_or_model: Any
) -> dict[tuple[Factors, bool], list[torch.Tensor]]:
    """Return the parameters by their factors and, for Muon, by whether they are hidden matrices."""
    hidden: frozenset[str] = frozenset()
    if isinstance(params_or_model, nn.Module):
        named: Named = [(name, param) for name, param in params_or_model.named_parameters() if param.requires_grad]
        norms = norm_parameters(params_or_model)
        hidden = hidden_matrices(params_or_model) if optimizer == "muon" else hidden
    else:
        named, norms = _named(optimizer, groups, params_or_model), frozenset()
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


def _named(optimizer: str, groups: Groups, params: Any) -> Named:
    """Return what was given in place of a model as names and parameters; names may be empty where none are needed."""
    given = list(params) if isinstance(params, Iterable) and not isinstance(params, torch.Tensor) else [params]
    pairs = [item if isinstance(item, tuple) and len(item) == 2 else ("", item) for item in given]
    if not all(isinstance(name, str) and isinstance(param, torch.Tensor) for name, param in pairs):
        raise RecipeError("a recipe is built for a model, parameters, or (name, parameter) pairs.")
    if optimizer == "muon":
        what = "muon treats hidden matrices differently from embeddings and the output layer"
        raise RecipeError(f"{what}: it needs the model; given parameters.", hint="pass the model itself.")
    bare = any(not name for name, _ in pairs)
    if groups and (bare or "norm" in groups.patterns):
        what = "bare parameters" if bare else "names, which do not tell the normalisation layers"
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


def _complete_velocities(optimizer: Optimizer, *_: Any) -> None:
    """Make the velocities that torch's RMSprop makes at the first step only, and only if momentum is above 0 then."""
    for state in optimizer.state.values():
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(state["square_avg"])
