"""What a recipe may say of an optimizer: hyperparameters, switches, their other names, and its momentum."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.core.errors import RecipeError, did_you_mean
from surefoot.core.formatting import short_repr
from surefoot.optimizers import RULES
from surefoot.optimizers.rule import Hyperparameter, UpdateRule
from surefoot.theory import optimum

GROUP_KEYS = ("no_decay", "lr_factor", "decay_factor")
# Names for the same thing, here and elsewhere.
SYNONYMS = (
    ("lr", "learning_rate", "eta", "step_size"),
    ("momentum", "beta1", "beta_1", "beta", "betas", "mu"),
    ("beta2", "alpha", "rho", "beta_2"),
    ("weight_decay", "wd", "l2", "decay"),
    ("eps", "eps1", "epsilon"),
    ("clip", "clip_norm", "clipnorm", "grad_clip", "clip_grad", "max_norm", "max_grad_norm"),
    ("beta2_decay", "decay_rate"),
    ("d", "clip_threshold"),
    ("initial_accumulator", "initial_accumulator_value"),
)


def unknown_name(optimizer: str, name: str) -> RecipeError:
    """Return the error for a key that an optimizer does not take, with the name that it has there as a hint."""
    known = names_of(optimizer)
    meant = next((same for same in SYNONYMS if name in same), ())
    here = [own for own in meant if own in known]
    hint = f"did you mean {here[0]}?" if here else None if meant else did_you_mean(name, known)
    return RecipeError(f"{optimizer} has no {short_repr(name)}; it takes {', '.join(known)}.", hint=hint)


def rule_named(optimizer: str) -> type[UpdateRule]:
    """Return the update rule of a name.

    Raises:
        RecipeError: If there is none of that name.
    """
    if not isinstance(optimizer, str) or optimizer not in RULES:
        hint = did_you_mean(optimizer, RULES) if isinstance(optimizer, str) else None
        raise RecipeError(f"no optimizer {short_repr(optimizer)}; there are {', '.join(RULES)}.", hint=hint)
    return RULES[optimizer]


def switches_of(optimizer: str) -> tuple[str, ...]:
    """Return the names of an optimizer's switches."""
    kind = rule_named(optimizer)
    return (*kind.switches, *kind.slot_switches())


def hyperparameters_of(optimizer: str) -> tuple[Hyperparameter, ...]:
    """Return an optimizer's hyperparameters."""
    return rule_named(optimizer).hyperparameters


def names_of(optimizer: str) -> tuple[str, ...]:
    """Return every key that a recipe of an optimizer takes."""
    hyper = tuple(spec.name for spec in hyperparameters_of(optimizer))
    return (*hyper, *switches_of(optimizer), "clip", *GROUP_KEYS)


@dataclass(frozen=True, slots=True)
class MomentumUse:
    """How an optimizer uses its momentum.

    Attributes:
        momentum: Name of the hyperparameter; ``None`` where there is none.
        sums_gradients: Whether past gradients are summed, so that a constant gradient moves the weights by
            lr / (1 - momentum) a step; elsewhere they are averaged, and it moves them by lr. ``None`` where a plugin
            does not say; the learning rate is then taken as it is.
    """

    momentum: str | None
    sums_gradients: bool | None = False

    def effective(self, lr: float, momentum: float) -> float:
        """Return the effective rate: how far a constant gradient moves the weights in a step, per unit of gradient.

        Example:
            >>> round(momentum_use("sgd").effective(0.1, 0.9), 9), momentum_use("adam").effective(0.1, 0.9)
            (1.0, 0.1)
        """
        return optimum.effective_rate(lr, momentum) if self.sums_gradients else lr

    def lr(self, effective: float, momentum: float) -> float:
        """Return the learning rate of an effective rate; the inverse of :meth:`effective`."""
        return effective * (1.0 - momentum) if self.sums_gradients else effective


def momentum_use(optimizer: str) -> MomentumUse:
    """Return how an optimizer uses its momentum."""
    rule = rule_named(optimizer)
    return MomentumUse(rule.momentum, sums_gradients=rule.sums_gradients)
