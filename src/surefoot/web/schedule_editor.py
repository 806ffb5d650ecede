"""The schedule editor: the parts of a schedule as forms, its curve, and the recipe and code that use it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import numpy as np

from surefoot.core.errors import RecipeError
from surefoot.export import FRAMEWORKS, framework_code
from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import momentum_use
from surefoot.schedules import SCHEDULES
from surefoot.schedules.composition import Sequence, Warmup
from surefoot.schedules.constant import Constant
from surefoot.schedules.scanner import number_text
from surefoot.schedules.schedule import Schedule, fields_of, kinds_of
from surefoot.schedules.text import parse_schedule, schedule_text
from surefoot.web.query_parameters import Query
from surefoot.web.recipe_controls import OPTIMIZER_CHOICES, with_control

Data: TypeAlias = dict[str, Any]

MAX_SCHEDULE_CHARACTERS, MAX_STEPS = 500, 10_000_000
# A canvas shows no more points than this.
MAX_CURVE_POINTS = 1000
# The text from which a part of each shape starts.
INITIAL_PARTS = {name: f"{name}(0.1)" for name in SCHEDULES} | {"multistep": "multistep(0.1, at=50%+75%)"}


def schedule_data(query: Query) -> Data:
    """Return a schedule's parts, its values, and the recipe and code that use it.

    Args:
        query: ``schedule`` (its text), ``length`` in steps, ``optimizer``, ``momentum`` (a number or a schedule's text)
            and ``framework``.

    Raises:
        QueryError: If a parameter is out of its bounds.
        RecipeError: If a text is no schedule.
    """
    text = query.text("schedule", "cosine(0.3, warmup=5%)", max_length=MAX_SCHEDULE_CHARACTERS)
    steps = query.integer("length", 1000, low=1, high=MAX_STEPS)
    optimizer = query.choice("optimizer", "sgd", allowed=OPTIMIZER_CHOICES)
    momentum = query.text("momentum", "", max_length=MAX_SCHEDULE_CHARACTERS)
    framework = query.choice("framework", "pytorch", allowed=FRAMEWORKS)
    query.raise_if_invalid()
    schedule = parse_schedule(text)
    recipe = _with_momentum(Recipe.parse(OPTIMIZER_CHOICES[optimizer]).with_(lr=schedule), momentum)
    recipe.require_bounds(steps=steps)
    sampled = np.unique(np.linspace(0, steps - 1, min(steps, MAX_CURVE_POINTS)).round().astype(np.int64))
    return {
        "schema": 1,
        "schedule": schedule_text(schedule),
        "length": steps,
        "parts": list(part_forms(schedule)),
        "steps": sampled.tolist(),
        "values": schedule.values(sampled, steps).tolist(),
        "recipe": str(recipe),
        "momentum": _momentum_text(recipe),
        "momentum_values": None
        if isinstance(recipe.momentum, Constant)
        else recipe.momentum.values(sampled, steps).tolist(),
        "frameworks": list(FRAMEWORKS),
        "code": _code(recipe, framework, steps=steps),
        "initial_parts": INITIAL_PARTS,
    }


def _with_momentum(recipe: Recipe, text: str) -> Recipe:
    """Return a recipe with the momentum of a text: a number or a schedule. Without either the recipe stays as it is."""
    name = momentum_use(recipe.optimizer).momentum
    if name is None or not text:
        return recipe
    return (
        recipe.with_(**{name: parse_schedule(text)})
        if "(" in text
        else with_control(recipe, control="momentum", value=text)
    )


def _momentum_text(recipe: Recipe) -> str | None:
    return None if momentum_use(recipe.optimizer).momentum is None else schedule_text(recipe.momentum)


def _code(recipe: Recipe, framework: str, *, steps: int) -> str:
    """Return the framework's code, or a comment that says why the framework cannot express the recipe."""
    try:
        return framework_code(recipe, framework, steps=steps)
    except RecipeError as error:
        return f"# {error}\n"


def part_forms(schedule: Schedule) -> Iterator[Data]:
    """Yield a form for every part of a schedule: its shape, fields, warmup and length.

    Example:
        >>> first, last = part_forms(parse_schedule("0.1 for 50% then linear(0.1, warmup=10)"))
        >>> first["shape"], first["length"], last["warmup"], [field["text"] for field in last["fields"]]
        ('constant', '50%', '10', ['0.1', '0'])
    """
    parts = schedule.parts if isinstance(schedule, Sequence) else (schedule,)
    lengths = [*map(str, schedule.lengths), None] if isinstance(schedule, Sequence) else [None]
    for part, length in zip(parts, lengths, strict=True):
        inner = part.schedule if isinstance(part, Warmup) else part
        yield {
            "shape": inner.name,
            "fields": list(_fields(inner)),
            "warmup": str(part.length) if isinstance(part, Warmup) else "",
            "warmup_start": number_text(part.start) if isinstance(part, Warmup) else "",
            "length": length,
        }


def _fields(schedule: Schedule) -> Iterator[Data]:
    for field in fields_of(type(schedule)):
        yield {
            "name": field.name,
            "kind": kinds_of(type(schedule))[field.name],
            "text": _field_text(getattr(schedule, field.name)),
            "options": _field_choices(type(schedule)).get(field.name),
        }


@cache
def _field_choices(kind: type[Schedule]) -> dict[str, list[str]]:
    """Return the choices of every field that has some."""
    hints = get_type_hints(kind)
    return {name: list(get_args(hint)) for name, hint in hints.items() if get_origin(hint) is Literal}


def _field_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return number_text(value) if isinstance(value, float) else str(value)
