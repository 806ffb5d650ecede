"""Recipe text and JSON <-> Recipe.

The grammar:

    RECIPE := OPTIMIZER(KEY=VALUE, ...)
    VALUE  := NUMBER | true | false | SCHEDULE | PATTERN+PATTERN | PATTERN:NUMBER+PATTERN:NUMBER
"""

from __future__ import annotations

from typing import Any

from surefoot.errors import RecipeError
from surefoot.recipe.recipe import (
    GROUP_KEYS,
    Recipe,
    hyperparameters_of,
    names_of,
    rule_named,
    switches_of,
    unknown_name,
)
from surefoot.schedules.scanner import Scanner, number_text
from surefoot.schedules.shown import shown
from surefoot.schedules.text import read_schedule, schedule_json, schedule_text
from surefoot.values import Json

# Shown even at their defaults: a recipe that does not say them leaves the reader guessing.
ALWAYS_SHOWN = {"sgd": ("lr", "momentum")}


def parse_recipe(text: str) -> Recipe:
    """Read a recipe from its text; see the module for the grammar.

    Raises:
        RecipeError: With the place of the fault and the nearest known name.

    Example:
        >>> parse_recipe("adamw(lr=wsd(1e-3, warmup=5%), beta2=0.95, no_decay=bias+norm)").groups.no_decay
        ('bias', 'norm')
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
            raise RecipeError(f"{key} is given twice in {shown(text)}.")
        settings[key] = _read_value(scanner, optimizer, key)
        if not scanner.accept(","):
            scanner.expect(")")
            break
    scanner.end()
    return Recipe.of(optimizer, **settings)


def recipe_text(recipe: Recipe) -> str:
    """Return the text that :func:`parse_recipe` reads back as an equal recipe; defaults are left out."""
    defaults = {spec.name: spec.default for spec in hyperparameters_of(recipe.optimizer)}
    shown = ALWAYS_SHOWN.get(recipe.optimizer, ("lr",))
    parts = [
        f"{name}={schedule_text(schedule)}"
        for name, schedule in recipe.hyper
        if name in shown or schedule_json(schedule) != defaults[name]
    ]
    parts += [f"{switch}=true" for switch in recipe.switches]
    parts += [] if recipe.clip is None else [f"clip={number_text(recipe.clip)}"]
    parts += ["no_decay=" + "+".join(recipe.groups.no_decay)] if recipe.groups.no_decay else []
    for key in ("lr_factor", "decay_factor"):
        factors = getattr(recipe.groups, key)
        parts += [f"{key}=" + "+".join(f"{name}:{number_text(factor)}" for name, factor in factors)] if factors else []
    return f"{recipe.optimizer}({', '.join(parts)})"


def recipe_json(recipe: Recipe) -> dict[str, Json]:
    """Return a recipe as flat JSON data, nothing left out.

    Example:
        >>> recipe_json(Recipe.parse("lion(lr=cosine(1e-4))"))["lr"]
        'cosine(0.0001)'
    """
    data: dict[str, Json] = {"optimizer": recipe.optimizer}
    data |= {name: schedule_json(schedule) for name, schedule in recipe.hyper}
    data |= {name: name in recipe.switches for name in switches_of(recipe.optimizer)}
    data |= {"clip": recipe.clip, "no_decay": list(recipe.groups.no_decay)}
    data |= {key: dict(getattr(recipe.groups, key)) for key in ("lr_factor", "decay_factor")}
    return data


def recipe_from_json(data: Json) -> Recipe:
    """Read a recipe from what :func:`recipe_json` returned.

    Raises:
        RecipeError: If the data are no recipe.
    """
    optimizer = data.get("optimizer") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(optimizer, str):
        raise RecipeError(f"a recipe in JSON is an object with an 'optimizer'; given {shown(data)}.")
    settings = {str(key): value for key, value in data.items() if key != "optimizer"}
    return Recipe.of(optimizer, **settings)


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
        raise RecipeError(f"{key} takes PATTERN:NUMBER, as in backbone:0.1; given {shown(item)}.") from None
