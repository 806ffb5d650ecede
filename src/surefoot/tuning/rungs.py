"""Rungs: where candidates are judged on their way to a full training, and what the way costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from surefoot.tuning.space import Point

# Rungs as eighths of the full training, and the share of a rung's entrants that goes on from it.
RUNGS = (1, 2, 4, 8)
SHARES = (0.35, 0.5, 0.5)
EIGHTHS = 8
# At a rung every member is judged after a short cooldown of a copy, this share of what it has trained.
COOLDOWN = 0.25


@dataclass(frozen=True, slots=True)
class Candidate:
    """A point on its way up the rungs.

    Attributes:
        number: In the order of drawing.
        point: Where it lies in the unit cube.
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


def finite_verdicts(verdicts: Sequence[Sequence[Verdict]]) -> int:
    """Return how many judgements were of a training that had not diverged."""
    return sum(math.isfinite(verdict.loss) for row in verdicts for verdict in row)


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
