"""Limits the time that watching takes to a share of the training's time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

# Signals: reading the losses and the weights. Curvature: one Hessian-vector product.
WorkKind: TypeAlias = Literal["signals", "curvature"]

# Share of the overhead that signals may take; they take no more where there is no curvature to measure. Chosen.
SIGNALS_SHARE_OF_OVERHEAD = 0.4
# Share of the allowed overhead that is aimed at. The caches that watching leaves cold are not on its own clock: on two
# busy cores a loop took up to 2 % longer than the clock said (ADR 0012).
TARGET_SHARE_OF_OVERHEAD = 0.6


class OverheadLimiter:
    """Keeps the time spent on each kind of work below its share of all time.

    The duration of a piece of work is a debt. Each second that passes between two calls pays off a share of a second,
    and no further work of the kind is allowed before the debt is paid. So the overhead is at most the share, plus the
    last piece of work. A long pause pays the debt off, but saves nothing up. What a call takes besides its work is
    charged to the signals.

    Args:
        overhead: Share of the training's time that watching may take; ``None`` sets no limit.
        clock: Returns seconds that never decrease.

    Attributes:
        seconds: Seconds that watching took so far.

    Example:
        >>> now = 0.0
        >>> limiter = OverheadLimiter(overhead=0.1, clock=lambda: now)
        >>> allowed = []
        >>> for _ in range(120):
        ...     now += 0.01  # a step of the training
        ...     with limiter.step():
        ...         allowed.append(limiter.allows("curvature"))
        ...         if allowed[-1]:
        ...             with limiter.work("curvature"):
        ...                 now += 0.03
        >>> sum(allowed), round(limiter.measured_overhead, 3)
        (2, 0.048)
    """

    def __init__(self, *, overhead: float | None, clock: Callable[[], float]) -> None:
        self.overhead, self.clock = overhead, clock
        self.seconds = 0.0
        self._shares: dict[WorkKind, float] = {}
        if overhead is not None:
            target = TARGET_SHARE_OF_OVERHEAD * overhead
            signals = SIGNALS_SHARE_OF_OVERHEAD * target
            self._shares = {"signals": signals, "curvature": (1 - SIGNALS_SHARE_OF_OVERHEAD) * target}
        self._debts: dict[WorkKind, float] = {"signals": 0.0, "curvature": 0.0}
        self._first_call: float | None = None
        self._last_call_ended: float | None = None
        self._work_in_call = 0.0

    def allows(self, work: WorkKind) -> bool:
        """Return whether the debt of a kind of work is paid off."""
        return self.overhead is None or self._debts[work] <= 0.0

    @property
    def measured_overhead(self) -> float:
        """Share of the time since the first call that watching took."""
        return 0.0 if self._first_call is None else self.seconds / max(self.clock() - self._first_call, 1e-12)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Surround one call of the watch by the training."""
        begin = self.clock()
        self._first_call = begin if self._first_call is None else self._first_call
        if self._last_call_ended is not None:
            self._pay(begin - self._last_call_ended)
        self._work_in_call = 0.0
        try:
            yield
        finally:
            self._last_call_ended = self.clock()
            duration = self._last_call_ended - begin
            self.seconds += duration
            self._debts["signals"] += duration - self._work_in_call

    @contextmanager
    def work(self, work: WorkKind) -> Iterator[None]:
        """Surround a piece of work, inside of :meth:`step`."""
        begin = self.clock()
        try:
            yield
        finally:
            duration = self.clock() - begin
            self._work_in_call += duration
            self._debts[work] += duration

    def _pay(self, seconds: float) -> None:
        for work, share in self._shares.items():
            self._debts[work] = max(0.0, self._debts[work] - share * seconds)
