"""How far and where the weights move: the update norm beside the weights', and the cosine of two successive updates.

What is compared are the weights before and after, not gradients: loss scaling, clipping, accumulation and the
optimizer's own ways are all in them, and any optimizer will do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

# Beyond so many weights every n-th is looked at: enough for a cosine to three digits, at a bounded cost.
MOST_WEIGHTS = 2**20


@dataclass(frozen=True, slots=True)
class Update:
    """Two successive updates.

    Attributes:
        step: Of the later one.
        lr: Learning rate then.
        cosine: Between the two.
        ratio: Norm of the later one over that of the weights.
    """

    step: int
    lr: float
    cosine: float
    ratio: float


class Updates:
    """Looks at the weights after three successive steps and compares the two updates between them.

    Args:
        optimizer: Whose parameters; those on its first one's device are looked at.

    Example:
        >>> w = torch.zeros(2)
        >>> updates = Updates(torch.optim.SGD([w]))
        >>> for move in ((1.0, 0.0), (1.0, 0.0), (0.0, 2.0)):
        ...     _ = w.add_(torch.tensor(move))
        ...     found = updates.look()
        >>> found  # cosine, and ratio 2 / ‖(2, 2)‖
        (0.0, 0.7071...)
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.forget()

    @property
    def looking(self) -> bool:
        """Whether it waits for the next step's weights."""
        return self._before is not None

    def forget(self) -> None:
        """Drop a comparison that is under way."""
        self._before: Tensor | None = None
        self._update: Tensor | None = None

    def look(self) -> tuple[float, float] | None:
        """Look at the weights as they are now.

        Returns:
            Cosine and ratio, at the third look; ``None`` before, and where the weights have not moved or are not
            finite: a step that a ``GradScaler`` skipped, or that had a learning rate of 0.
        """
        with torch.no_grad():
            here = self._weights()
            if self._before is None or len(here) != len(self._before):  # a group was added
                self._before, self._update = here, None
                return None
            update, self._before = here - self._before, here
            if self._update is None:
                self._update = update
                return None
            earlier = self._update
            products = torch.stack([earlier @ update, earlier @ earlier, update @ update, here @ here])
        self.forget()
        dot, *squares = products.tolist()
        if not all(math.isfinite(square) and square > 0.0 for square in squares) or not math.isfinite(dot):
            return None
        was, now, weights = map(math.sqrt, squares)
        return dot / (was * now), now / weights

    def lost(self) -> bool:
        """Tell whether a weight is no number; looks at all of them."""
        return not all(bool(torch.isfinite(param).all()) for param in self._params())

    def _weights(self) -> Tensor:
        """Return the weights looked at, as one vector of at least float32: a half cannot hold their squares."""
        params = self._params()
        stride = max(1, math.ceil(sum(param.numel() for param in params) / MOST_WEIGHTS))
        found = torch.cat([param.reshape(-1)[::stride] for param in params])
        return found.float() if found.dtype in (torch.float16, torch.bfloat16) else found

    def _params(self) -> list[Tensor]:
        params = [_real(param.detach()) for group in self.optimizer.param_groups for param in group["params"]]
        return [param for param in params if param.device == params[0].device]


def _real(param: Tensor) -> Tensor:
    """Return complex weights as pairs of real ones."""
    return torch.view_as_real(param) if param.is_complex() else param
