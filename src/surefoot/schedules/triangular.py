"""Triangular cycles between two bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from surefoot.schedules.length import Length
from surefoot.schedules.scanner import number_text
from surefoot.schedules.schedule import Array, Schedule, Span, TorchScheduler, between, since

_UP = Length(10, percent=True)


@dataclass(frozen=True, slots=True)
class Triangular(Schedule):
    """Up from ``low`` to ``peak`` and down again, over and over.

        value(t) = low + (peak - low) * height(t) * shrink**cycle * gamma**t

    where the height goes from 0 to 1 during ``up`` and back to 0 during ``down`` (as long as ``up`` if not given).
    Equal to ``torch.optim.lr_scheduler.CyclicLR``: ``shrink=0.5`` is its ``triangular2``, ``gamma`` its
    ``exp_range``.

    Reference:
        Smith (2017), arXiv:1506.01186.

    Example:
        >>> schedule = Triangular(1.0, up=Length(10))
        >>> [schedule.value(step, total=100) for step in (0, 5, 10, 15, 20)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    name: ClassVar[str] = "triangular"
    scales_with_groups: ClassVar[bool] = False
    peak: float
    low: float = 0.0
    up: Length = _UP
    down: Length | None = None
    shrink: float = 1.0
    gamma: float = 1.0

    def faults(self) -> Iterator[str]:
        """Yield cycles that vanish or last no time."""
        if self.shrink <= 0:
            yield "shrink must be above 0"
        if self.gamma <= 0:
            yield "gamma must be above 0"
        if self.up.amount <= 0:
            yield "up must be longer than 0"
        if self.down is not None and self.down.amount <= 0:
            yield "down must be longer than 0"

    def over(self, steps: Array, span: Span) -> Array:
        """Return the cycle's values, shape of ``steps``."""
        up, down = self.slopes(span)
        cycle = np.floor(steps / (up + down))
        since = steps - cycle * (up + down)
        height: Array = np.where(since <= up, since / up, 1.0 - (since - up) / down)
        cycles: Array = height * self.shrink**cycle * self.gamma**steps
        return self.low + (self.peak - self.low) * cycles

    def slopes(self, span: Span) -> tuple[int, int]:
        """Return the lengths of the rise and of the fall, in steps."""
        up = max(1, self.up.steps(span.training))
        return up, up if self.down is None else max(1, self.down.steps(span.training))

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        up, down = self.slopes(span)
        yield f"cycle, since = divmod({since(begin)}, {up + down})"
        yield f"height = since / {up} if since <= {up} else 1 - (since - {up}) / {down}"
        scales = ["height"]
        scales += [] if self.shrink == 1.0 else [f"{number_text(self.shrink)} ** cycle"]
        scales += [] if self.gamma == 1.0 else [f"{number_text(self.gamma)} ** {since(begin)}"]
        yield f"return {between(self.low, self.peak, ' * '.join(scales))}"

    def torch_scheduler(self, steps: int) -> TorchScheduler | None:
        """Return the equal scheduler of torch; see :meth:`Schedule.torch_scheduler`."""
        mode = {(1.0, 1.0): "triangular", (0.5, 1.0): "triangular2"}.get((self.shrink, self.gamma), "exp_range")
        if mode == "exp_range" and self.shrink != 1.0:
            return None
        up, down = self.slopes(Span(float(steps), steps))
        settings = {"base_lr": number_text(self.low), "max_lr": number_text(self.peak), "step_size_up": str(up)}
        settings |= {"step_size_down": str(down)} if down != up else {}
        settings |= {"mode": f'"{mode}"'} if mode != "triangular" else {}
        settings |= {"gamma": number_text(self.gamma)} if mode == "exp_range" else {}
        return TorchScheduler.of("CyclicLR", settings | {"cycle_momentum": "False"})
