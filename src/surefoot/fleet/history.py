"""The training losses of a fleet's members, thinned to a bounded number of points."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

POINTS = 100


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Sums of losses over a hundred equal stretches of each member's schedule; part of the fleet's state.

    Attributes:
        sums: Sum of the losses in each stretch ``[K, 100]``.
        counts: Steps in each ``[K, 100]``.

    Example:
        >>> history = History.of(1)
        >>> losses = torch.arange(200.0, dtype=torch.float64).unsqueeze(1)
        >>> history.add(losses, [0], begins=torch.tensor([0]), totals=torch.tensor([200]))
        >>> history.curve(0, total=200)[:2]
        [(1, 0.5), (3, 2.5)]
    """

    sums: Tensor
    counts: Tensor

    @classmethod
    def of(cls, members: int) -> History:
        """Return the empty history of K members."""
        return cls(torch.zeros(members, POINTS, dtype=torch.float64), torch.zeros(members, POINTS, dtype=torch.int64))

    def add(self, losses: Tensor, places: list[int], *, begins: Tensor, totals: Tensor) -> None:
        """Take in the losses ``[steps, k]`` of the members at ``places``, which began at step ``begins[place]``."""
        steps = begins[places].unsqueeze(1) + torch.arange(len(losses))
        stretch = _stretch(steps, totals[places].unsqueeze(1))
        sums, counts = self.sums[places], self.counts[places]
        self.sums[places] = sums.scatter_add(1, stretch, losses.T.contiguous())
        self.counts[places] = counts.scatter_add(1, stretch, torch.ones_like(stretch))

    def curve(self, place: int, *, total: int) -> list[tuple[int, float]]:
        """Return (last step, mean loss) of each stretch that a member has been through.

        The mean is ``inf`` where a loss was not finite.
        """
        done = (self.counts[place] > 0).nonzero().flatten()
        means = self.sums[place, done] / self.counts[place, done]
        means[~means.isfinite()] = torch.inf
        ends = _last_steps(torch.tensor([total])).flatten()[done]
        return list(zip(ends.tolist(), means.tolist(), strict=True))

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that make up the history, by name."""
        return {"sums": self.sums, "counts": self.counts}


def _stretch(steps: Tensor, totals: Tensor) -> Tensor:
    """Return the number of the stretch that each step falls in; all beyond the end count to the last step's."""
    return steps.minimum(totals - 1) * POINTS // totals


def _last_steps(totals: Tensor) -> Tensor:
    """Return the last step of each stretch of a schedule."""
    numbers = torch.arange(1, POINTS + 1)
    return (numbers * totals - 1).div(POINTS, rounding_mode="floor")
