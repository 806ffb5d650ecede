"""Events on a trajectory, as overshoot or divergence, and when they happen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.surfaces.surface import Surface

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
