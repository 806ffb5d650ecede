"""How often to look: each look makes a debt of time, which the training pays off by working."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

Work: TypeAlias = Literal["signals", "curvature"]

# Of the whole overhead, what signals may take; where there is no curvature to measure they take no more either.
SIGNALS_SHARE = 0.4
# What is aimed at of the overhead allowed. The caches that watching leaves cold are not on its own clock: a loop took
# up to 2 % longer than it says.
AIM = 0.6


class Governor:
    """Keeps the time spent on each kind of work below its share of all time.

    What a piece of work took is owed; every second that passes between two calls pays off a share of a second, and
    nothing more is done before all is paid. So the overhead is at most the share, and the last piece of work. A long
    pause pays, but saves nothing up. What a call takes besides is owed by the signals.

    Args:
        overhead: Share of the training's time that may go to watching; ``None`` allows everything always.
        clock: Seconds, never going back.

    Example:
        >>> now = 0.0
        >>> governor = Governor(overhead=0.1, clock=lambda: now)
        >>> allowed = []
        >>> for _ in range(120):
        ...     now += 0.01  # a step of the training
        ...     with governor.step():
        ...         allowed.append(governor.allows("curvature"))
        ...         if allowed[-1]:
        ...             with governor.work("curvature"):
        ...                 now += 0.03
        >>> sum(allowed), round(governor.taken, 3)
        (2, 0.048)
    """

    def __init__(self, *, overhead: float | None, clock: Callable[[], float]) -> None:
        self.overhead, self.clock = overhead, clock
        self.spent = 0.0
        self._shares: dict[Work, float] = {}
        if overhead is not None:
            aim = AIM * overhead
            self._shares = {"signals": SIGNALS_SHARE * aim, "curvature": (1 - SIGNALS_SHARE) * aim}
        self._owed: dict[Work, float] = {"signals": 0.0, "curvature": 0.0}
        self._begin: float | None = None
        self._before: float | None = None
        self._worked = 0.0

    def allows(self, work: Work) -> bool:
        """Tell whether all that was done before is paid for."""
        return self.overhead is None or self._owed[work] <= 0.0

    @property
    def taken(self) -> float:
        """Share of all time since the first call that was spent."""
        return 0.0 if self._begin is None else self.spent / max(self.clock() - self._begin, 1e-12)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Surround one call of the training."""
        begin = self.clock()
        self._begin = begin if self._begin is None else self._begin
        if self._before is not None:
            self._pay(begin - self._before)
        self._worked = 0.0
        try:
            yield
        finally:
            self._before = self.clock()
            own = self._before - begin
            self.spent += own
            self._owed["signals"] += own - self._worked

    @contextmanager
    def work(self, work: Work) -> Iterator[None]:
        """Surround one piece of work, inside of :meth:`step`."""
        begin = self.clock()
        try:
            yield
        finally:
            took = self.clock() - begin
            self._worked += took
            self._owed[work] += took

    def _pay(self, seconds: float) -> None:
        for work, share in self._shares.items():
            self._owed[work] = max(0.0, self._owed[work] - share * seconds)
