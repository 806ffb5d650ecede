"""How often to look: an account of time that fills while the training works and empties while it is watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

Work: TypeAlias = Literal["signals", "curvature"]

# Of the whole overhead, what signals may take; where there is no curvature to measure they take no more either.
SIGNALS_SHARE = 0.4
# A long pause of the training saves up for so many samples, not for a burst of them.
SAVED_SAMPLES = 2.0
# How much of the expected cost the last sample decides.
NEWEST = 0.3


class Governor:
    """Keeps the time spent on each kind of work below its share of all time.

    Every second that passes between two calls earns a share of a second. Work is allowed once its expected cost is
    earned, and what it really took is taken off; all that a call takes besides counts as signals.

    Args:
        overhead: Share of the training's time that may go to watching; ``None`` allows everything always.
        clock: Seconds, never going back.

    Example:
        >>> now = 0.0
        >>> governor = Governor(overhead=0.05, clock=lambda: now)
        >>> allowed = []
        >>> for _ in range(120):
        ...     now += 0.01  # a step of the training
        ...     with governor.step():
        ...         allowed.append(governor.allows("curvature"))
        ...         if allowed[-1]:
        ...             with governor.work("curvature"):
        ...                 now += 0.03
        >>> sum(allowed), round(governor.spent / now, 3)
        (2, 0.048)
    """

    def __init__(self, *, overhead: float | None, clock: Callable[[], float]) -> None:
        self.overhead, self.clock = overhead, clock
        self.spent = 0.0
        self._shares: dict[Work, float] = {}
        if overhead is not None:
            self._shares = {"signals": SIGNALS_SHARE * overhead, "curvature": (1 - SIGNALS_SHARE) * overhead}
        self._earned: dict[Work, float] = {"signals": 0.0, "curvature": 0.0}
        self._expected: dict[Work, float] = {"signals": 0.0, "curvature": 0.0}
        self._before: float | None = None
        self._worked = 0.0

    def allows(self, work: Work) -> bool:
        """Tell whether a piece of work is paid for; the first of its kind, whose cost is not known, goes on credit."""
        return self.overhead is None or self._earned[work] >= self._expected[work]

    @contextmanager
    def step(self) -> Iterator[None]:
        """Surround one call of the training."""
        begin = self.clock()
        if self._before is not None:
            self._earn(begin - self._before)
        self._worked = 0.0
        try:
            yield
        finally:
            self._before = self.clock()
            own = self._before - begin
            self.spent += own
            self._earned["signals"] -= own - self._worked

    @contextmanager
    def work(self, work: Work) -> Iterator[None]:
        """Surround one piece of work, inside of :meth:`step`."""
        begin = self.clock()
        try:
            yield
        finally:
            took = self.clock() - begin
            self._worked += took
            self._earned[work] -= took
            known = self._expected[work]
            self._expected[work] = (1 - NEWEST) * known + NEWEST * took if known else took

    def _earn(self, seconds: float) -> None:
        for work, share in self._shares.items():
            most = SAVED_SAMPLES * self._expected[work]
            self._earned[work] = min(self._earned[work] + share * seconds, max(most, self._earned[work]))
