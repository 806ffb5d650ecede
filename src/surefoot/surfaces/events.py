"""What happens to a ball on its way, and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.surfaces.descent import Array, Descent
from surefoot.surfaces.surface import Surface

# So many times the size of the surface's box from its middle, a ball is lost.
LOST = 100.0
# It oscillates once it has turned back so often.
TURNS = 3
# Moves this small, as shares of the box, are rounding and no news.
NOTABLE = 1e-9
# It has arrived where its loss stays below this share of what it was above the lowest.
NEAR = 1e-3


class Kind(StrEnum):
    """What can happen."""

    OVERSHOOT = "overshoot"
    OSCILLATION = "oscillation"
    ESCAPE = "escape"
    ARRIVAL = "arrival"
    DIVERGENCE = "divergence"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a ball.

    Attributes:
        kind: What.
        step: After how many steps.
    """

    kind: Kind
    step: int


def events(surface: Surface, descent: Descent) -> tuple[tuple[Event, ...], ...]:
    """Return what happened to every ball for the first time, in order.

    - overshoot: a move that began downhill ended uphill, past the lowest point of its way;
    - oscillation: it turned back for the third time;
    - escape: it left the region where it began;
    - arrival: from then on its loss is below a thousandth of what it was, above the lowest;
    - divergence: it is a hundred times as far away as the picture is wide, or nowhere.

    Example:
        >>> from surefoot.recipe.recipe import Recipe
        >>> from surefoot.surfaces.descent import descend
        >>> from surefoot.surfaces.quadratics import Bowl
        >>> way = descend(Bowl(), [Recipe.parse("sgd(lr=1.5, momentum=0)")], steps=20)
        >>> [(event.kind.value, event.step) for event in events(Bowl(), way)[0]]
        [('overshoot', 1), ('oscillation', 4), ('arrival', 5)]
    """
    return tuple(_of_ball(surface, descent.positions[k], descent.losses[k]) for k in range(len(descent.positions)))


def _of_ball(surface: Surface, way: Array, losses: Array) -> tuple[Event, ...]:
    lost = _first(_is_lost(surface, way))
    end = len(way) if lost is None else lost
    sane = way[:end]
    found = {
        Kind.OVERSHOOT: _overshoot(surface, sane),
        Kind.OSCILLATION: _oscillation(surface, sane),
        Kind.ESCAPE: _escape(surface, sane),
        Kind.ARRIVAL: None if lost is not None else _arrival(surface, losses),
        Kind.DIVERGENCE: lost,
    }
    happened = [Event(kind, step) for kind, step in found.items() if step is not None]
    return tuple(sorted(happened, key=lambda event: event.step))


def _is_lost(surface: Surface, way: Array) -> NDArray[np.bool_]:
    box = np.array(surface.box)
    away = np.abs(way - box.mean(1)) / (box[:, 1] - box[:, 0])
    lost: NDArray[np.bool_] = ~(away.max(1) < LOST)
    return lost


def _overshoot(surface: Surface, way: Array) -> int | None:
    slopes = surface.gradient(torch.from_numpy(way)).numpy()
    moves = _moves(surface, way)
    # A move that is uphill from its very beginning passed nothing: noise misled it.
    passed = ((moves * slopes[:-1]).sum(1) < 0.0) & ((moves * slopes[1:]).sum(1) > 0.0)
    return _after(_first(passed), 1)


def _oscillation(surface: Surface, way: Array) -> int | None:
    moves = _moves(surface, way)
    turned = np.flatnonzero((moves[1:] * moves[:-1]).sum(1) < 0.0)
    return int(turned[TURNS - 1]) + 2 if len(turned) >= TURNS else None


def _moves(surface: Surface, way: Array) -> Array:
    """Return the moves, those too small to be news as none."""
    box = np.array(surface.box)
    moves = np.diff(way, axis=0)
    notable = np.abs(moves).max(1, keepdims=True) > NOTABLE * (box[:, 1] - box[:, 0]).max()
    return np.where(notable, moves, 0.0)


def _escape(surface: Surface, way: Array) -> int | None:
    if not len(way):
        return None
    basins = surface.basin(torch.from_numpy(way)).numpy()
    return _first(basins != basins[0])


def _arrival(surface: Surface, losses: Array) -> int | None:
    above = losses - surface.lowest
    far = np.flatnonzero(~(above <= NEAR * above[0]))
    last = int(far[-1]) if len(far) else -1
    return last + 1 if 0 <= last < len(losses) - 1 else None


def _first(flags: NDArray[np.bool_]) -> int | None:
    return int(flags.argmax()) if flags.any() else None


def _after(step: int | None, more: int) -> int | None:
    return None if step is None else step + more
