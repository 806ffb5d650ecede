"""Recipes let loose on a surface: the library's own update rules, schedules and clipping, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.core.errors import RecipeError
from surefoot.core.progress import Interrupted, Stop, never
from surefoot.optimizers.rule import Hyper, Piece, UpdateRule, clip_by_global_norm
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.schedule import Schedule, table
from surefoot.surfaces import surface_named
from surefoot.surfaces.surface import Noise, Surface

Array: TypeAlias = NDArray[np.float64]

# Steps after which it is asked whether to stop: some milliseconds.
ASKED = 64


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """The ways of K balls down a surface.

    Attributes:
        surface: Where.
        recipes: Of the K balls.
        positions: ``[K, steps + 1, D]``, the start first; a ball that diverged is infinite or no number.
        losses: At these positions, without noise ``[K, steps + 1]``.
        lr: What each step used ``[K, steps]``.
        momentum: The same; 0 where the optimizer has none.
    """

    surface: Surface
    recipes: tuple[Recipe, ...]
    positions: Array
    losses: Array
    lr: Array
    momentum: Array

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return int(self.positions.shape[1]) - 1


def descend(
    surface: Surface | str,
    recipes: Sequence[Recipe | str],
    *,
    steps: int,
    start: Sequence[float] | None = None,
    noise: Noise | None = None,
    generator: torch.Generator | None = None,
    stop: Stop = never,
) -> Descent:
    """Let one ball a recipe roll down a surface, all from one place and with the same luck.

    Args:
        surface: Where, or its name.
        recipes: K of them, or their texts; patterns for groups of parameters mean nothing here and are refused.
        steps: How many, at least 1; also the length of every schedule.
        start: Where they begin ``[D]``; the surface's own start unless given.
        noise: What the gradients suffer; the surface's own noise unless given.
        generator: Luck, needed where there is noise.
        stop: Asked now and then; where it says yes, :class:`Interrupted` is raised.

    Raises:
        RecipeError: If there is no such descent.
        Interrupted: If asked to stop.

    Example:
        >>> descend("bowl", ["sgd(lr=0.5, momentum=0)"], steps=3, start=[8.0]).positions[0, :, 0].tolist()
        [8.0, 4.0, 2.0, 1.0]
    """
    surface = surface_named(surface) if isinstance(surface, str) else surface
    balls = tuple(Recipe.parse(each) if isinstance(each, str) else each for each in recipes)
    noise = surface.noise if noise is None else noise
    _require_descent(surface, balls, steps, start)
    begin = torch.tensor(surface.start if start is None else tuple(start), dtype=torch.float64)
    crews = _crews(balls, begin, steps)
    luck = _luck(noise, steps, begin, generator)
    positions = torch.empty(steps + 1, len(balls), len(begin), dtype=torch.float64)
    positions[0] = begin
    with torch.inference_mode():
        for step in range(steps):
            if step % ASKED == 0 and stop():
                raise Interrupted
            here = positions[step]
            grads = surface.gradient(here)
            if luck is not None:
                grads = luck[0][step] * grads + luck[1][step]
            if len(crews) == 1:
                positions[step + 1] = crews[0].moved(here, grads, step)
                continue
            for crew in crews:
                positions[step + 1, crew.rows] = crew.moved(here[crew.rows], grads[crew.rows], step)
        ways = positions.transpose(0, 1)
        losses = surface.value(ways)
    lr, momentum = (_course([getattr(each, name) for each in balls], steps) for name in ("lr", "momentum"))
    return Descent(surface, balls, ways.numpy(), losses.numpy(), lr, momentum)


@dataclass(slots=True, eq=False)
class _Crew:
    """The balls that share one update rule.

    Attributes:
        rule: Theirs.
        rows: Their places among all balls.
        hyper: What every step uses, each value ``[k, 1]``.
        clip: Largest gradient norm ``[k, 1]``, or ``None``.
        slots: The rule's memory.
    """

    rule: UpdateRule
    rows: Tensor
    hyper: Sequence[Hyper]
    clip: Tensor | None
    slots: dict[str, Tensor]

    def moved(self, here: Tensor, grads: Tensor, step: int) -> Tensor:
        """Return where the balls are after a step."""
        if self.clip is not None:
            grads = clip_by_global_norm(grads, self.clip)
        there, self.slots = self.rule.update(here, grads, self.slots, self.hyper[step])
        return there


def _crews(recipes: Sequence[Recipe], begin: Tensor, steps: int) -> list[_Crew]:
    """Part the balls by their update rules."""
    by_rule: dict[UpdateRule, list[int]] = {}
    for row, recipe in enumerate(recipes):
        by_rule.setdefault(recipe.rule.for_pieces((Piece((len(begin),)),)), []).append(row)
    return [_crew(rule, rows, [recipes[row] for row in rows], begin, steps) for rule, rows in by_rule.items()]


def _crew(rule: UpdateRule, rows: list[int], recipes: list[Recipe], begin: Tensor, steps: int) -> _Crew:
    scheduled = {
        spec.name: _column(_course([each.schedule(spec.name) for each in recipes], steps))
        for spec in rule.hyperparameters
    }
    switched = {name: begin.new_tensor([[float(name in each.switches)] for each in recipes]) for name in rule.switches}
    hyper = [dict(zip(scheduled, values, strict=True)) | switched for values in zip(*scheduled.values(), strict=True)]
    clip = None
    if any(each.clip is not None for each in recipes):
        clip = begin.new_tensor([[float("inf") if each.clip is None else each.clip] for each in recipes])
    return _Crew(rule, torch.tensor(rows), hyper, clip, rule.fresh_slots(begin.expand(len(rows), -1)))


def _course(schedules: Sequence[Schedule], steps: int) -> Array:
    """Return the values of K schedules over a whole training ``[K, steps]``."""
    count = len(schedules)
    return table(schedules, totals=[steps] * count, begins=[0] * count, steps=steps)


def _column(values: Array) -> tuple[Tensor, ...]:
    """Return ``[k, 1]`` for every step of ``[k, steps]``."""
    return torch.from_numpy(np.ascontiguousarray(values.T)).unsqueeze(-1).unbind(0)


def _luck(noise: Noise, steps: int, begin: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor] | None:
    """Return factors on the gradients and what is added to them, each ``[steps, D]``: every ball has the same."""
    if not noise:
        return None
    if generator is None:
        raise RecipeError("noise needs luck.", hint="give generator=torch.Generator().manual_seed(0).")
    drawn = torch.randn(2, steps, len(begin), dtype=begin.dtype, generator=generator)
    return 1.0 + noise.curvature * drawn[0], noise.gradient * drawn[1]


def _require_descent(surface: Surface, recipes: Sequence[Recipe], steps: int, start: Sequence[float] | None) -> None:
    if not recipes:
        raise RecipeError("a descent needs a recipe; given none.")
    for recipe in recipes:
        recipe.require_bounds(steps=steps)
        if recipe.groups:
            raise RecipeError(f"a point has no groups of parameters; given {recipe}.", hint="leave the patterns out.")
    if start is not None and (len(start) != surface.dimensions or not np.all(np.isfinite(start))):
        raise RecipeError(f"a start on {surface.name} is {surface.dimensions} finite numbers; given {list(start)}.")
