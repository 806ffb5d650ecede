"""Successive halving on a conveyor: who trains on, who makes room, and who takes the room.

The algorithm alone, without any training: given the losses of a round it says what the next round is. So it can be
tested by itself, and a study that was broken off is gone through again from its record.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator

from surefoot.tuning.space import Point, near, spread

# Rungs as eighths of the full training, and the share of a rung's entrants that goes on from it.
RUNGS = (1, 2, 4, 8)
SHARES = (0.25, 0.5, 0.5)
EIGHTHS = 8
# At a rung every member is judged after a short cooldown of a copy, this share of what it has trained.
COOLDOWN = 0.25
# New points are drawn around the best ones: the width of the draw in the unit square, generation after generation.
WIDTHS = (0.15, 0.1, 0.07, 0.05)
PARENTS = 4
# New points are drawn only while the ceiling leaves this many times the work that is expected already.
RESERVE = 1.25
FINISHERS = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A point on its way up the rungs.

    Attributes:
        number: In the order of drawing.
        point: Where it lies in the unit square.
        rung: Index of the rung it trains towards.
        trained: Eighths of the full training done.
    """

    number: int
    point: Point
    rung: int = 0
    trained: int = 0

    @property
    def at_rung(self) -> bool:
        """Whether it has trained as far as its rung."""
        return self.trained == RUNGS[self.rung]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judgement: a candidate's loss at a rung."""

    candidate: Candidate
    loss: float


@dataclass(slots=True)
class Conveyor:
    """Places of constant number, each with a candidate or empty; all training moves in eighths.

    Attributes:
        places: The candidates, ``None`` where a place is empty.
        generator: Draws new points.
        total: Steps of a full training.
        ceiling: Most work that may be spent, in config-steps.
        spent: Work done and begun, in config-steps.
        verdicts: Every judgement so far, by rung.
        drawn: Points drawn so far.
        generation: How often places were refilled.
    """

    places: list[Candidate | None]
    generator: Generator
    total: int
    ceiling: int
    spent: int = 0
    verdicts: list[list[Verdict]] = field(default_factory=lambda: [[] for _ in RUNGS])
    drawn: int = 0
    generation: int = 0

    @classmethod
    def begin(cls, count: int, *, total: int, ceiling: int, generator: Generator) -> Conveyor:
        """Return a conveyor whose places are filled with evenly spread points."""
        points = spread(count, generator=generator)
        places: list[Candidate | None] = [Candidate(number, point) for number, point in enumerate(points)]
        return cls(places, generator, total, ceiling, drawn=count)

    @property
    def training(self) -> list[int]:
        """The places that train in the coming round."""
        return [place for place, candidate in enumerate(self.places) if candidate is not None]

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

    def _refill(self, free: list[int]) -> list[int]:
        """Put new points, drawn around the best, in as many free places as the ceiling pays for."""
        parents = [verdict.candidate.point for verdict in self.ranking() if np.isfinite(verdict.loss)][:PARENTS]
        width = WIDTHS[min(self.generation, len(WIDTHS) - 1)]
        filled: list[int] = []
        for place in free if parents else []:
            point = near(parents[len(filled) % len(parents)], width=width, generator=self.generator)
            new = Candidate(self.drawn, point)
            if not self._affords([new], expected=RESERVE * self._expected()):
                break
            self.places[place] = new
            self.drawn += 1
            filled.append(place)
        self.generation += bool(filled)
        return filled

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


def eighth(total: int, number: int) -> int:
    """Return the step at which so many eighths of a training are done; every eighth has a step while there are any.

    Example:
        >>> [eighth(220, number) for number in (1, 2, 4, 8)], [eighth(5, number) for number in (1, 2, 4, 8)]
        ([28, 55, 110, 220], [1, 2, 4, 5])
    """
    return max(number, round(total * number / EIGHTHS)) if total >= EIGHTHS else min(number, total)


def cooldown_at(candidate: Candidate, total: int) -> int:
    """Return the steps of the cooldown at a candidate's rung; none where the training is over there."""
    step = eighth(total, RUNGS[candidate.rung])
    return 0 if step >= total else max(1, round(COOLDOWN * step))


def to_next_rung(candidate: Candidate, total: int) -> int:
    """Return the config-steps that bring a candidate to its rung and through the judgement there."""
    return eighth(total, RUNGS[candidate.rung]) - eighth(total, candidate.trained) + cooldown_at(candidate, total)


def to_the_end(candidate: Candidate, total: int) -> int:
    """Return the config-steps that bring a candidate through every rung that is left."""
    return sum(to_next_rung(way, total) for way in _ways(candidate))


def expected_work(candidate: Candidate, total: int) -> float:
    """Return the expected config-steps from a candidate's place on, each next rung as likely as its share."""
    work, chance = 0.0, 1.0
    for way in _ways(candidate):
        work += chance * to_next_rung(way, total)
        chance *= SHARES[way.rung] if way.rung < len(SHARES) else 0.0
    return work


def _ways(candidate: Candidate) -> list[Candidate]:
    """Return a candidate as it will set out for each rung that is left."""
    ahead = range(candidate.rung + 1, len(RUNGS))
    return [candidate, *(replace(candidate, rung=rung, trained=RUNGS[rung - 1]) for rung in ahead)]
