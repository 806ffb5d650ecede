"""A schedule in its parts, its curve, and the recipe and code that use it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import numpy as np

from surefoot.core.errors import RecipeError
from surefoot.export import FRAMEWORKS, framework_code
from surefoot.recipe.names import family_of
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import Sequence, Warmup
from surefoot.schedules.constant import Constant
from surefoot.schedules.scanner import number_text
from surefoot.schedules.schedule import Schedule, fields_of, kinds_of
from surefoot.schedules.text import SCHEDULES, parse_schedule, schedule_text
from surefoot.web.recipe_controls import METHODS, turned
from surefoot.web.server import Query

Data: TypeAlias = dict[str, Any]

LONGEST_SCHEDULE, MOST_STEPS = 500, 10_000_000
# Points of a curve.
POINTS = 1000
# How a part begins that has just been added.
FRESH = {name: f"{name}(0.1)" for name in SCHEDULES} | {"multistep": "multistep(0.1, at=50%+75%)"}


def answer(query: Query) -> Data:
    """Return a schedule's parts, its values, and what to paste.

    Args:
        query: ``schedule`` (a text), ``length`` in steps, ``optimizer``, ``momentum`` (a number or a schedule's text),
            ``framework``.

    Raises:
        QueryError: If something is out of its bounds.
        RecipeError: If the text is no schedule.
    """
    text = query.text("schedule", "cosine(0.3, warmup=5%)", longest=LONGEST_SCHEDULE)
    steps = query.whole("length", 1000, low=1, high=MOST_STEPS)
    method = query.name("optimizer", "sgd", METHODS)
    momentum = query.text("momentum", "", longest=LONGEST_SCHEDULE)
    framework = query.name("framework", "pytorch", FRAMEWORKS)
    query.settle()
    schedule = parse_schedule(text)
    recipe = Recipe.parse(METHODS[method]).with_(lr=schedule)
    recipe = _with_momentum(recipe, momentum)
    recipe.require_bounds(steps=steps)
    shown = np.unique(np.linspace(0, steps - 1, min(steps, POINTS)).round().astype(np.int64))
    return {
        "schema": 1,
        "schedule": schedule_text(schedule),
        "length": steps,
        "parts": list(parts(schedule)),
        "steps": shown.tolist(),
        "values": schedule.values(shown, steps).tolist(),
        "recipe": str(recipe),
        "momentum": _momentum_text(recipe),
        "momenta": None if isinstance(recipe.momentum, Constant) else recipe.momentum.values(shown, steps).tolist(),
        "frameworks": list(FRAMEWORKS),
        "code": _code(recipe, framework, steps),
        "fresh": FRESH,
    }


def _with_momentum(recipe: Recipe, text: str) -> Recipe:
    """Return a recipe with the momentum that a text says, unless the optimizer has none or it says nothing."""
    name = family_of(recipe.optimizer).momentum
    if name is None or not text:
        return recipe
    return recipe.with_(**{name: parse_schedule(text)}) if "(" in text else turned(recipe, "momentum", text)


def _momentum_text(recipe: Recipe) -> str | None:
    return None if family_of(recipe.optimizer).momentum is None else schedule_text(recipe.momentum)


def _code(recipe: Recipe, framework: str, steps: int) -> str:
    """Return the code to paste, or in a comment why there is none."""
    try:
        return framework_code(recipe, framework, steps=steps)
    except RecipeError as error:
        return f"# {error}\n"


def parts(schedule: Schedule) -> Iterator[Data]:
    """Yield the parts of a schedule as forms to fill in: what each is, its fields, its warmup and its length.

    Example:
        >>> first, last = parts(parse_schedule("0.1 for 50% then linear(0.1, warmup=10)"))
        >>> first["shape"], first["length"], last["warmup"], [field["text"] for field in last["fields"]]
        ('constant', '50%', '10', ['0.1', '0'])
    """
    every = schedule.parts if isinstance(schedule, Sequence) else (schedule,)
    lengths = [*map(str, schedule.lengths), None] if isinstance(schedule, Sequence) else [None]
    for part, length in zip(every, lengths, strict=True):
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
            "text": _text(getattr(schedule, field.name)),
            "options": _options(type(schedule)).get(field.name),
        }


@cache
def _options(kind: type[Schedule]) -> dict[str, list[str]]:
    """Return the words that a field may be, of those that are words."""
    hints = get_type_hints(kind)
    return {name: list(get_args(hint)) for name, hint in hints.items() if get_origin(hint) is Literal}


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return number_text(value) if isinstance(value, float) else str(value)
