"""The settings of a recipe: what an optimizer takes, under which names, and their text and JSON.

The grammar of the text:

    RECIPE := OPTIMIZER(KEY=VALUE, ...)
    VALUE  := NUMBER | true | false | SCHEDULE | PATTERN+PATTERN | PATTERN:NUMBER+PATTERN:NUMBER
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from surefoot.core.errors import RecipeError, did_you_mean
from surefoot.core.formatting import short_repr
from surefoot.core.value_types import Json
from surefoot.optimizers import RULES
from surefoot.optimizers.rule import Hyperparameter, UpdateRule
from surefoot.schedules.scanner import Scanner, number_text
from surefoot.schedules.text import read_schedule, schedule_json, schedule_text
from surefoot.theory import stable_and_best_rates

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
        return stable_and_best_rates.effective_rate(lr, momentum) if self.sums_gradients else lr

    def lr(self, effective: float, momentum: float) -> float:
        """Return the learning rate of an effective rate; the inverse of :meth:`effective`."""
        return effective * (1.0 - momentum) if self.sums_gradients else effective


def momentum_use(optimizer: str) -> MomentumUse:
    """Return how an optimizer uses its momentum."""
    rule = rule_named(optimizer)
    return MomentumUse(rule.momentum, sums_gradients=rule.sums_gradients)


def parse_text(text: str) -> tuple[str, dict[str, Any]]:
    """Return the optimizer and the settings in a recipe's text; see the module for the grammar.

    Raises:
        RecipeError: With the place of the fault and the nearest known name.

    Example:
        >>> parse_text("adamw(beta2=0.95, no_decay=bias+norm)")
        ('adamw', {'beta2': Constant(peak=0.95), 'no_decay': ('bias', 'norm')})
    """
    scanner = Scanner(text)
    optimizer = scanner.name()
    rule_named(optimizer)
    scanner.expect("(")
    settings: dict[str, Any] = {}
    while not scanner.accept(")"):
        key = scanner.keyword()
        if key is None:
            raise scanner.fault("KEY=VALUE", hint=f"as in {optimizer}(lr=0.1).")
        if key not in names_of(optimizer):
            raise unknown_name(optimizer, key)
        if key in settings:
            raise RecipeError(f"{key} is given twice in {short_repr(text)}.")
        settings[key] = _read_value(scanner, optimizer, key)
        if not scanner.accept(","):
            scanner.expect(")")
            break
    scanner.end()
    return optimizer, settings


def write_text(optimizer: str, settings: dict[str, Any]) -> str:
    """Return the text that :func:`parse_text` reads back as equal settings; defaults are left out."""
    always = rule_named(optimizer).always_shown
    parts = [
        f"{spec.name}={schedule_text(settings[spec.name])}"
        for spec in hyperparameters_of(optimizer)
        if spec.name in always or schedule_json(settings[spec.name]) != spec.default
    ]
    on = rule_named(optimizer).switched_on
    parts += [
        f"{switch}={str(settings[switch]).lower()}"
        for switch in switches_of(optimizer)
        if settings[switch] != (switch in on)
    ]
    parts += [] if settings["clip"] is None else [f"clip={number_text(settings['clip'])}"]
    parts += ["no_decay=" + "+".join(settings["no_decay"])] if settings["no_decay"] else []
    for key in ("lr_factor", "decay_factor"):
        factors = [f"{name}:{number_text(factor)}" for name, factor in settings[key]]
        parts += [f"{key}=" + "+".join(factors)] if factors else []
    return f"{optimizer}({', '.join(parts)})"


def write_json(optimizer: str, settings: dict[str, Any]) -> dict[str, Json]:
    """Return settings as flat JSON data: numbers for constants, texts for schedules."""
    hyper = {spec.name: schedule_json(settings[spec.name]) for spec in hyperparameters_of(optimizer)}
    switches: dict[str, Json] = {name: settings[name] for name in switches_of(optimizer)}
    groups: dict[str, Json] = {
        "clip": settings["clip"],
        "no_decay": list(settings["no_decay"]),
        "lr_factor": dict(settings["lr_factor"]),
        "decay_factor": dict(settings["decay_factor"]),
    }
    return {"optimizer": optimizer, **hyper, **switches, **groups}


def read_json(data: Json) -> tuple[str, dict[str, Any]]:
    """Return the optimizer and the settings in what :func:`write_json` returned.

    Raises:
        RecipeError: If the data are no recipe.
    """
    optimizer = data.get("optimizer") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(optimizer, str):
        raise RecipeError(f"a recipe in JSON is an object with an 'optimizer'; given {short_repr(data)}.")
    return optimizer, {str(key): value for key, value in data.items() if key != "optimizer"}


def _read_value(scanner: Scanner, optimizer: str, key: str) -> Any:
    if key in switches_of(optimizer):
        return _read_switch(scanner)
    if key == "clip":
        return scanner.number()
    if key == "no_decay":
        return tuple(scanner.raw().split("+"))
    if key in GROUP_KEYS:
        return tuple(_read_factor(key, item) for item in scanner.raw().split("+"))
    return read_schedule(scanner)


def _read_switch(scanner: Scanner) -> bool:
    if scanner.accept("true"):
        return True
    if scanner.accept("false"):
        return False
    raise scanner.fault("true or false")


def _read_factor(key: str, item: str) -> tuple[str, float]:
    pattern, _, factor = item.rpartition(":")
    try:
        return pattern, float(factor)
    except ValueError:
        raise RecipeError(f"{key} takes PATTERN:NUMBER, as in backbone:0.1; given {short_repr(item)}.") from None
