"""Recipe text and JSON <-> the settings that make a recipe.

The grammar:

    RECIPE := OPTIMIZER(KEY=VALUE, ...)
    VALUE  := NUMBER | true | false | SCHEDULE | PATTERN+PATTERN | PATTERN:NUMBER+PATTERN:NUMBER
"""

from __future__ import annotations

from typing import Any

from surefoot.core.errors import RecipeError
from surefoot.core.formatting import short_repr
from surefoot.core.values import Json
from surefoot.recipe.names import GROUP_KEYS, hyperparameters_of, names_of, rule_named, switches_of, unknown_name
from surefoot.schedules.scanner import Scanner, number_text
from surefoot.schedules.text import read_schedule, schedule_json, schedule_text


def read_text(text: str) -> tuple[str, dict[str, Any]]:
    """Return the optimizer and the settings in a recipe's text; see the module for the grammar.

    Raises:
        RecipeError: With the place of the fault and the nearest known name.

    Example:
        >>> read_text("adamw(beta2=0.95, no_decay=bias+norm)")
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
    """Return the text that :func:`read_text` reads back as equal settings; defaults are left out."""
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
