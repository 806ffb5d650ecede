"""Every name in a recipe: optimizers, their hyperparameters and switches, and what people call them elsewhere.

What learning rate and momentum mean to each optimizer.
"""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.core.errors import RecipeError, nearest
from surefoot.core.formatting import shown
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
    hint = f"did you mean {here[0]}?" if here else None if meant else nearest(name, known)
    return RecipeError(f"{optimizer} has no {shown(name)}; it takes {', '.join(known)}.", hint=hint)


def rule_named(optimizer: str) -> type[UpdateRule]:
    """Return the update rule of a name.

    Raises:
        RecipeError: If there is none of that name.
    """
    if not isinstance(optimizer, str) or optimizer not in RULES:
        hint = nearest(optimizer, RULES) if isinstance(optimizer, str) else None
        raise RecipeError(f"no optimizer {shown(optimizer)}; there are {', '.join(RULES)}.", hint=hint)
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
class Family:
    """How an optimizer uses its momentum.

    Attributes:
        momentum: Name of the hyperparameter, ``None`` where there is none.
        accumulates: Whether past gradients are summed, so that a constant gradient moves the weights by
            lr / (1 - momentum) a step; elsewhere they are averaged, and it moves them by lr.
    """

    momentum: str | None
    accumulates: bool = False

    def effective(self, lr: float, momentum: float) -> float:
        """Return the effective rate: how far a constant gradient moves the weights in a step, per unit of gradient.

        Example:
            >>> round(family_of("sgd").effective(0.1, 0.9), 9), family_of("adam").effective(0.1, 0.9)
            (1.0, 0.1)
        """
        return optimum.effective_rate(lr, momentum) if self.accumulates else lr

    def lr(self, effective: float, momentum: float) -> float:
        """Return the learning rate of an effective rate; the inverse of :meth:`effective`."""
        return effective * (1.0 - momentum) if self.accumulates else effective


SUMMED = {"sgd": "momentum", "rmsprop": "momentum"}
AVERAGED = {"adam": "beta1", "adamw": "beta1", "nadam": "beta1", "lion": "beta1", "muon": "momentum"}


def family_of(optimizer: str) -> Family:
    """Return how an optimizer uses its momentum."""
    return Family(SUMMED.get(optimizer) or AVERAGED.get(optimizer), accumulates=optimizer in SUMMED)
