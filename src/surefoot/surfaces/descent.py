"""Descent of a surface with recipes, step by step, and events on the trajectories, as overshoot or divergence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.core.errors import RecipeError
from surefoot.core.formatting import format_measurement, short_repr
from surefoot.core.progress import Interrupted, StopCondition, never_stop
from surefoot.core.result_summary import Summarised, Summary
from surefoot.core.value_types import Json, finite_or_none, is_seed
from surefoot.optimizers.rule import Hyper, ParamSpec, UpdateRule, clip_by_global_norm
from surefoot.recipe.recipe import Recipe, as_recipes
from surefoot.schedules.schedule import Schedule, value_table
from surefoot.surfaces import as_surface
from surefoot.surfaces.surface import Noise, Surface

Array: TypeAlias = NDArray[np.float64]

# A trajectory has diverged at this distance from the middle of the surface's box, in widths of the box.
DIVERGENCE_BOX_WIDTHS = 100.0
# A trajectory oscillates from this number of turns on.
OSCILLATION_TURNS = 3
# Moves below this share of the box's width are rounding errors.
MIN_MOVE_SHARE = 1e-9
# A trajectory has arrived when its loss, above the lowest, stays below this share of the loss at the start.
ARRIVAL_LOSS_SHARE = 1e-3


class EventKind(StrEnum):
    """What can happen on a trajectory."""

    OVERSHOOT = "overshoot"
    OSCILLATION = "oscillation"
    ESCAPE = "escape"
    ARRIVAL = "arrival"
    DIVERGENCE = "divergence"


@dataclass(frozen=True, slots=True)
class Event:
    """The first time that something happened on a trajectory.

    Attributes:
        kind: What happened.
        step: Number of steps taken until then.
    """

    kind: EventKind
    step: int


def trajectory_events(surface: Surface, positions: Array, losses: Array) -> tuple[Event, ...]:
    """Return the events on a trajectory, each kind at most once, in order of time.

    - overshoot: a move began downhill and ended uphill, past the lowest point along its direction;
    - oscillation: the trajectory turned back for the third time;
    - escape: it left the basin where it began;
    - arrival: from then on its loss, above the lowest, is below a thousandth of the loss at the start;
    - divergence: it is a hundred widths of the surface's box away, or NaN.

    Args:
        surface: The surface.
        positions: Positions from the start on, shape ``[steps + 1, D]``.
        losses: Losses at these positions, shape ``[steps + 1]``.

    Example:
        >>> from surefoot.surfaces.quadratics import Bowl
        >>> positions = 8.0 * np.array([[(-0.5) ** step] for step in range(21)])
        >>> happened = trajectory_events(Bowl(), positions, positions[:, 0] ** 2 / 2)
        >>> [(event.kind.value, event.step) for event in happened]
        [('overshoot', 1), ('oscillation', 4), ('arrival', 5)]
    """
    diverged_at = _first(_has_diverged(surface, positions))
    before = positions[:diverged_at]
    steps = {
        EventKind.OVERSHOOT: _overshoot(surface, before),
        EventKind.OSCILLATION: _oscillation(surface, before),
        EventKind.ESCAPE: _escape(surface, before),
        EventKind.ARRIVAL: None if diverged_at is not None else _arrival(surface, losses),
        EventKind.DIVERGENCE: diverged_at,
    }
    happened = [Event(kind, step) for kind, step in steps.items() if step is not None]
    return tuple(sorted(happened, key=lambda event: event.step))


def _has_diverged(surface: Surface, positions: Array) -> NDArray[np.bool_]:
    box = np.array(surface.box)
    box_widths = np.abs(positions - box.mean(1)) / (box[:, 1] - box[:, 0])
    diverged: NDArray[np.bool_] = ~(box_widths.max(1) < DIVERGENCE_BOX_WIDTHS)
    return diverged


def _overshoot(surface: Surface, positions: Array) -> int | None:
    gradients = surface.gradient(torch.from_numpy(positions)).numpy()
    moves = _moves(surface, positions)
    # A move that begins uphill passes no lowest point: noise or momentum caused it.
    overshoots = ((moves * gradients[:-1]).sum(1) < 0.0) & ((moves * gradients[1:]).sum(1) > 0.0)
    index = _first(overshoots)
    return None if index is None else index + 1


def _oscillation(surface: Surface, positions: Array) -> int | None:
    moves = _moves(surface, positions)
    turns = np.flatnonzero((moves[1:] * moves[:-1]).sum(1) < 0.0)
    return int(turns[OSCILLATION_TURNS - 1]) + 2 if len(turns) >= OSCILLATION_TURNS else None


def _moves(surface: Surface, positions: Array) -> Array:
    """Return the differences of consecutive positions; 0 where they are rounding errors."""
    box = np.array(surface.box)
    moves = np.diff(positions, axis=0)
    notable = np.abs(moves).max(1, keepdims=True) > MIN_MOVE_SHARE * (box[:, 1] - box[:, 0]).max()
    return np.where(notable, moves, 0.0)


def _escape(surface: Surface, positions: Array) -> int | None:
    if not len(positions):
        return None
    basins = surface.basin(torch.from_numpy(positions)).numpy()
    return _first(basins != basins[0])


def _arrival(surface: Surface, losses: Array) -> int | None:
    above_lowest = losses - surface.lowest
    not_arrived = np.flatnonzero(~(above_lowest <= ARRIVAL_LOSS_SHARE * above_lowest[0]))
    last = int(not_arrived[-1]) if len(not_arrived) else -1
    return last + 1 if 0 <= last < len(losses) - 1 else None


def _first(flags: NDArray[np.bool_]) -> int | None:
    """Return the index of the first true flag, ``None`` if there is none."""
    return int(flags.argmax()) if flags.any() else None


# Length of a descent, in steps, where a slice or an explanation of a surface is given none. Chosen.
DEFAULT_SURFACE_STEPS = 200
# Number of steps between two calls of the stop condition. Chosen: they take some milliseconds.
STEPS_BETWEEN_STOP_CHECKS = 64


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Descent(Summarised):
    """The trajectories of K recipes on a surface.

    Attributes:
        surface: The surface.
        recipes: The K recipes.
        positions: Positions from the start on, infinite or NaN after divergence, shape ``[K, steps + 1, D]``.
        losses: Losses at these positions, without noise, shape ``[K, steps + 1]``.
        lr: Learning rate of each step, shape ``[K, steps]``.
        momentum: Momentum of each step, 0 for an optimizer without momentum, shape ``[K, steps]``.
    """

    surface: Surface
    recipes: tuple[Recipe, ...]
    positions: Array
    losses: Array
    lr: Array
    momentum: Array

    @property
    def steps(self) -> int:
        """Number of steps taken."""
        return int(self.positions.shape[1]) - 1

    @property
    def recipe(self) -> Recipe | None:
        """The recipe that ended with the lowest loss; ``None`` if all diverged."""
        ends = np.where(np.isfinite(self.losses[:, -1]), self.losses[:, -1], np.inf)
        return self.recipes[int(ends.argmin())] if np.isfinite(ends).any() else None

    @property
    def events(self) -> tuple[tuple[Event, ...], ...]:
        """The events on every trajectory, each kind at most once, in order of time."""
        return tuple(
            trajectory_events(self.surface, positions, losses)
            for positions, losses in zip(self.positions, self.losses, strict=True)
        )

    def summary(self) -> Summary:
        """Return the final loss of each recipe, and what happened on its way."""
        ends = [f"loss {format_measurement(float(losses[-1]))}" for losses in self.losses]
        happened = [", ".join(f"{each.kind.value} at {each.step:,}" for each in events) for events in self.events]
        rows = [
            (str(recipe), ", ".join(filter(None, (end, events))))
            for recipe, end, events in zip(self.recipes, ends, happened, strict=True)
        ]
        return Summary.of(f"descent of {self.surface.name}, {self.steps:,} steps", rows)

    def to_json(self) -> dict[str, Json]:
        """Return the descent as the JSON object that the command prints; numbers that are not finite are null."""
        return {
            "schema": 2,
            "surface": self.surface.name,
            "recipe": None if self.recipe is None else str(self.recipe),
            "steps": self.steps,
            "lowest": self.surface.lowest,
            "trajectories": [self._trajectory_json(k, events) for k, events in enumerate(self.events)],
        }

    def _trajectory_json(self, k: int, events: Sequence[Event]) -> Json:
        return {
            "recipe": str(self.recipes[k]),
            "losses": [finite_or_none(loss) for loss in self.losses[k].tolist()],
            "positions": [[finite_or_none(each) for each in position] for position in self.positions[k].tolist()],
            "events": [{"kind": event.kind.value, "step": event.step} for event in events],
        }


def descend(
    surface: Surface | str,
    recipes: Sequence[Recipe | str] | Recipe | str,
    *,
    steps: int,
    start: Sequence[float] | None = None,
    noise: Noise | None = None,
    seed: int | torch.Generator = 0,
    stop: StopCondition = never_stop,
) -> Descent:
    """Descend a surface with several recipes, all from the same start and with the same noise.

    Args:
        surface: A surface, or its name.
        recipes: K recipes, or their texts; a single one needs no list. Settings for parameter groups are refused, as a
            point has none.
        steps: Number of steps, at least 1; also the length of every schedule.
        start: Start of all trajectories, shape ``[D]``; the surface's own start by default.
        noise: Noise of the gradients; the surface's own noise by default.
        seed: Seed of the noise, or the generator that it is drawn from.
        stop: Called every 64 steps; when it returns true, :class:`Interrupted` is raised.

    Raises:
        RecipeError: If there is no surface of that name, or an argument is out of bounds.
        Interrupted: If asked to stop.

    Example:
        >>> descend("bowl", ["sgd(lr=0.5, momentum=0)"], steps=3, start=[8.0]).positions[0, :, 0].tolist()
        [8.0, 4.0, 2.0, 1.0]
    """
    surface = as_surface(surface)
    parsed = as_recipes(recipes)
    noise = surface.noise if noise is None else noise
    if not isinstance(noise, Noise):
        raise RecipeError(f"noise is a surefoot.surfaces.surface.Noise; given {short_repr(noise)}.")
    _require_valid(surface, parsed, steps=steps, start=start, seed=seed)
    first = torch.tensor(surface.start if start is None else tuple(start), dtype=torch.float64)
    groups = _rule_groups(parsed, first, steps=steps)
    draws = _noise_draws(noise, first, steps=steps, seed=seed)
    positions = torch.empty(steps + 1, len(parsed), len(first), dtype=torch.float64)
    positions[0] = first
    with torch.inference_mode():
        for step in range(steps):
            if step % STEPS_BETWEEN_STOP_CHECKS == 0 and stop():
                raise Interrupted
            points = positions[step]
            grads = surface.gradient(points)
            if draws is not None:
                grads = draws[0][step] * grads + draws[1][step]
            if len(groups) == 1:
                positions[step + 1] = groups[0].update(points, grads, step)
                continue
            for group in groups:
                positions[step + 1, group.rows] = group.update(points[group.rows], grads[group.rows], step)
        trajectories = positions.transpose(0, 1)
        losses = surface.value(trajectories)
    lr, momentum = (_schedule_values([getattr(each, name) for each in parsed], steps) for name in ("lr", "momentum"))
    return Descent(surface, parsed, trajectories.numpy(), losses.numpy(), lr, momentum)


@dataclass(slots=True, eq=False)
class _RuleGroup:
    """The k recipes that share one update rule.

    Attributes:
        rule: The update rule.
        rows: Indices of these recipes among all, shape ``[k]``.
        hyper: Hyperparameters of every step, each of shape ``[k, 1]``.
        clip: Largest gradient norm, shape ``[k, 1]``; ``None`` if no recipe clips.
        slots: State of the update rule.
    """

    rule: UpdateRule
    rows: Tensor
    hyper: Sequence[Hyper]
    clip: Tensor | None
    slots: dict[str, Tensor]

    def update(self, points: Tensor, grads: Tensor, step: int) -> Tensor:
        """Return the points ``[k, D]`` after a step."""
        if self.clip is not None:
            grads = clip_by_global_norm(grads, self.clip)
        updated, self.slots = self.rule.update(points, grads, self.slots, self.hyper[step])
        return updated


def _rule_groups(recipes: Sequence[Recipe], start: Tensor, *, steps: int) -> list[_RuleGroup]:
    """Group recipes by their update rules."""
    by_rule: dict[UpdateRule, list[int]] = {}
    for row, recipe in enumerate(recipes):
        by_rule.setdefault(recipe.rule.bind((ParamSpec((len(start),)),)), []).append(row)
    return [
        _rule_group(rule, [recipes[row] for row in rows], rows=rows, start=start, steps=steps)
        for rule, rows in by_rule.items()
    ]


def _rule_group(rule: UpdateRule, recipes: list[Recipe], *, rows: list[int], start: Tensor, steps: int) -> _RuleGroup:
    scheduled = {
        spec.name: _by_step(_schedule_values([each.schedule(spec.name) for each in recipes], steps))
        for spec in rule.hyperparameters
    }
    switches = {name: start.new_tensor([[float(name in each.switches)] for each in recipes]) for name in rule.switches}
    hyper = [dict(zip(scheduled, values, strict=True)) | switches for values in zip(*scheduled.values(), strict=True)]
    clip = None
    if any(each.clip is not None for each in recipes):
        clip = start.new_tensor([[float("inf") if each.clip is None else each.clip] for each in recipes])
    return _RuleGroup(rule, torch.tensor(rows), hyper, clip, rule.fresh_slots(start.expand(len(rows), -1)))


def _schedule_values(schedules: Sequence[Schedule], steps: int) -> Array:
    """Return the values of K schedules at every step, shape ``[K, steps]``."""
    count = len(schedules)
    return value_table(schedules, totals=[steps] * count, first_steps=[0] * count, steps=steps)


def _by_step(values: Array) -> tuple[Tensor, ...]:
    """Return the columns of values ``[k, steps]``, one of shape ``[k, 1]`` for each step."""
    return torch.from_numpy(np.ascontiguousarray(values.T)).unsqueeze(-1).unbind(0)


def _noise_draws(
    noise: Noise, start: Tensor, *, steps: int, seed: int | torch.Generator
) -> tuple[Tensor, Tensor] | None:
    """Return random factors of the gradients and random addends, each ``[steps, D]``; the same for all recipes."""
    if not noise:
        return None
    generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(int(seed))
    drawn = torch.randn(2, steps, len(start), dtype=start.dtype, generator=generator)
    return 1.0 + noise.curvature * drawn[0], noise.gradient * drawn[1]


def _require_valid(
    surface: Surface,
    recipes: Sequence[Recipe],
    *,
    steps: int,
    start: Sequence[float] | None,
    seed: int | torch.Generator,
) -> None:
    if not isinstance(seed, torch.Generator) and not is_seed(seed):
        raise RecipeError(f"a seed is a whole number of at least 0; given {short_repr(seed)}.")
    if not recipes:
        raise RecipeError("a descent needs at least one recipe; given none.")
    for recipe in recipes:
        recipe.require_bounds(steps=steps)
        if recipe.groups:
            raise RecipeError(
                f"a point has no parameter groups; given {recipe}.",
                hint="leave out no_decay, lr_factor and decay_factor.",
            )
    if start is not None and not _is_point(start, surface.dimensions):
        numbers = "one finite number" if surface.dimensions == 1 else f"{surface.dimensions} finite numbers"
        raise RecipeError(f"a start on {surface.name} is a list of {numbers}; given {short_repr(start)}.")


def _is_point(start: Any, dimensions: int) -> bool:
    """Return whether a start is a point of so many finite numbers."""
    try:
        point = np.asarray(start, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return point.shape == (dimensions,) and bool(np.isfinite(point).all())
