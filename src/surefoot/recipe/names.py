"""Every name in a recipe: optimizers, their hyperparameters and switches, and what people call them elsewhere."""

from __future__ import annotations

from surefoot.errors import RecipeError, nearest
from surefoot.optimizers import RULES
from surefoot.optimizers.rule import Hyperparameter, UpdateRule
from surefoot.schedules.shown import shown

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
