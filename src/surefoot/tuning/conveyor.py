"""Successive halving on a conveyor: who trains on, who makes room, and who takes the room.

The algorithm alone, without any training: given the losses of a round it says what the next round is. So it can be
tested by itself, and a study that was broken off is gone through again from its record.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from surefoot.tuning.rungs import (
    RUNGS,
    SHARES,
    Candidate,
    Verdict,
    cooldown_at,
    eighth,
    expected_work,
    finite_verdicts,
    to_next_rung,
    to_the_end,
)
from surefoot.tuning.space import Box, Point, unit_box
from surefoot.tuning.strategies import Strategy, Surefoot

# New points are drawn only while the ceiling leaves this many times the work that is expected already.
RESERVE = 1.25
FINISHERS = 2
# New points have some judgements to go by.
FEWEST_JUDGED = 4

Edges: TypeAlias = Callable[[Point, Box], tuple[tuple[int, int], ...]]


@dataclass(frozen=True, slots=True)
class Terrain:
    """Where a search may look.

    Attributes:
        dimensions: Axes of the unit cube.
        outermost: How far the box may grow where the best is found beside a wall; not at all, if not given.
        edges: Tells which walls a point sits at, as (axis, 0 for low or 1 for high); none, if not given.
        warmup: Tells the share of the training in which a point's learning rate still rises; 0, if not given.
    """

    dimensions: int = 2
    outermost: Box | None = None
    edges: Edges | None = None
    warmup: Callable[[Point], float] | None = None


@dataclass(slots=True)
class Conveyor:
    """Places of constant number, each with a candidate or empty; all training moves in eighths.

    Candidates are compared with those that stood at the same rung, so at the same fraction of their schedules. One
    whose learning rate still rises at a rung is not judged there: slow starters are not dropped for starting slowly.

    Attributes:
        places: The candidates, ``None`` where a place is empty.
        generator: Draws new points.
        total: Steps of a full training.
        ceiling: Most work that may be spent, in config-steps.
        terrain: Where points may lie.
        box: Where new points are drawn; it grows where the best is found beside a wall.
        strategy: Draws the points.
        spent: Work done and begun, in config-steps.
        verdicts: Every judgement so far, by rung.
        drawn: Points drawn so far.
    """

    places: list[Candidate | None]
    generator: Generator
    total: int
    ceiling: int
    terrain: Terrain = field(default_factory=Terrain)
    strategy: Strategy = field(default_factory=Surefoot)
    box: Box = ()
    spent: int = 0
    verdicts: list[list[Verdict]] = field(default_factory=lambda: [[] for _ in RUNGS])
    drawn: int = 0

    def __post_init__(self) -> None:
        self.box = self.box or unit_box(self.terrain.dimensions)

    @classmethod
    def begin(
        cls,
        count: int,
        *,
        total: int,
        ceiling: int,
        generator: Generator,
        terrain: Terrain | None = None,
        strategy: Strategy | None = None,
    ) -> Conveyor:
        """Return a conveyor whose places are filled with a strategy's first points."""
        terrain, strategy = terrain or Terrain(), strategy or Surefoot()
        conveyor = cls([], generator, total, ceiling, terrain, strategy)
        for point in strategy.first(count, dimensions=terrain.dimensions, generator=generator):
            candidate = conveyor.candidate(conveyor.drawn, point)
            if conveyor._affords([candidate]):
                conveyor.places.append(candidate)
                conveyor.drawn += 1
        return conveyor

    @property
    def training(self) -> list[int]:
        """The places that train in the coming round."""
        return [place for place, candidate in enumerate(self.places) if candidate is not None]

    def candidate(self, number: int, point: Point) -> Candidate:
        """Return a new candidate; its first rung is the first one behind its warmup, the last but one at most."""
        warmup = self.terrain.warmup(point) if self.terrain.warmup else 0.0
        behind = [rung for rung in range(len(RUNGS) - 1) if eighth(self.total, RUNGS[rung]) > warmup * self.total]
        return Candidate(number, point, rung=behind[0] if behind else len(RUNGS) - 2)

    def advance(self) -> list[int]:
        """Count one round of an eighth for every candidate; return the places that now stand at their rung."""
        for place in self.training:
            candidate = self._at(place)
            self.places[place] = replace(candidate, trained=candidate.trained + 1)
            self.spent += eighth(self.total, candidate.trained + 1) - eighth(self.total, candidate.trained)
        judged = [place for place in self.training if self._at(place).at_rung]
        self.spent += sum(cooldown_at(self._at(place), self.total) for place in judged)
        return judged

    def judge(self, losses: dict[int, float]) -> list[int]:
        """Take in the losses of the places at their rung: the best go on, the others make room for new points.

        Returns:
            The places that have a new candidate, to be trained from the start.
        """
        for place, loss in losses.items():
            self.verdicts[self._at(place).rung].append(Verdict(self._at(place), loss))
        judged = {place: self._at(place) for place in sorted(losses, key=lambda place: losses[place])}
        for place in judged:
            self.places[place] = None
        for place, candidate in judged.items():
            on = replace(candidate, rung=candidate.rung + 1)
            if self._goes_on(candidate, losses[place]) and self._affords([on]):
                self.places[place] = on
        if losses:
            self._grow()
        return self._refill([place for place, candidate in enumerate(self.places) if candidate is None])

    def ranking(self) -> list[Verdict]:
        """Return the last verdict on every candidate, best first: those that came furthest, by their loss."""
        last = {verdict.candidate.number: verdict for rung in self.verdicts for verdict in rung}
        return sorted(last.values(), key=lambda verdict: (-verdict.candidate.rung, verdict.loss))

    def _goes_on(self, candidate: Candidate, loss: float) -> bool:
        """Whether a candidate is among the best of all that ever stood at its rung."""
        rung = candidate.rung
        if rung == len(RUNGS) - 1 or not np.isfinite(loss):
            return False
        losses = sorted(verdict.loss for verdict in self.verdicts[rung])
        keep = max(1, round(SHARES[rung] * len(losses)))
        return loss <= losses[keep - 1]

    def _grow(self) -> None:
        """Move the walls that the best candidate sits at outward, by half of the box, as far as is allowed."""
        best = self.ranking()[0]
        if self.terrain.edges is None or self.terrain.outermost is None or not np.isfinite(best.loss):
            return
        outermost = self.terrain.outermost
        walls = [list(wall) for wall in self.box]
        for axis, side in self.terrain.edges(best.candidate.point, self.box):
            reach = (-0.5, 0.5)[side] * (self.box[axis][1] - self.box[axis][0])
            further = walls[axis][side] + reach
            walls[axis][side] = max(further, outermost[axis][0]) if side == 0 else min(further, outermost[axis][1])
        self.box = tuple((low, high) for low, high in walls)

    def _refill(self, free: list[int]) -> list[int]:
        """Put new points in as many free places as the ceiling pays for."""
        count = min(len(free), self._room())
        if not self.strategy.refines or finite_verdicts(self.verdicts) < FEWEST_JUDGED or count <= 0:
            return []
        filled: list[int] = []
        for point in self.strategy.more(count, self.verdicts, box=self.box, generator=self.generator):
            new = self.candidate(self.drawn, point)
            if not self._affords([new], expected=RESERVE * self._expected()):
                break
            filled.append(free[len(filled)])
            self.places[filled[-1]] = new
            self.drawn += 1
        return filled

    def _room(self) -> int:
        """Return how many new candidates the ceiling could pay for, each at its expected price."""
        left = self.ceiling - self.spent - RESERVE * self._expected()
        return math.ceil(left / (RESERVE * expected_work(Candidate(-1, ()), self.total)))

    def _affords(self, more: list[Candidate], *, expected: float = 0.0) -> bool:
        """Whether the ceiling pays for more candidates beside those in their places.

        Everybody must reach the next rung, and from there the dearest two must reach the end: a search that ends
        with nobody trained in full has found nothing. Where work is expected beyond that, it must fit as well.
        """
        everybody = [*(self._at(place) for place in self.training), *more]
        owed = sum(to_next_rung(candidate, self.total) for candidate in everybody)
        beyond = sorted(
            (to_the_end(candidate, self.total) - to_next_rung(candidate, self.total) for candidate in everybody),
            reverse=True,
        )
        wanted = sum(expected_work(candidate, self.total) for candidate in more) + expected
        return self.spent + max(owed + sum(beyond[:FINISHERS]), wanted) <= self.ceiling

    def _expected(self) -> float:
        """Return the work that the candidates in their places will probably cost to the end, in config-steps."""
        return sum(expected_work(self._at(place), self.total) for place in self.training)

    def _at(self, place: int) -> Candidate:
        candidate = self.places[place]
        assert candidate is not None  # noqa: S101  (callers ask for occupied places)
        return candidate
