"""Low panels below one another over the same steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import altair as alt

from surefoot.plots.axes import finite, linear_ticks, log_axis
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import layered

HEIGHT = 90
# Values further apart than this factor are on a logarithmic axis.
WIDE = 30.0


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps that all panels share."""

    first: int
    last: int

    def x(self, *, named: bool) -> alt.X:
        """Return their axis; only the lowest panel's is named and has numbers."""
        domain = [self.first, max(self.last, self.first + 1)]
        axis = alt.Axis(tickCount=6, tickMinStep=1, format=",~f", labels=named)
        return alt.X("step:Q", title="step" if named else None, axis=axis, scale=alt.Scale(domain=domain, nice=False))


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity over steps.

    Attributes:
        title: What the values are.
        rows: With ``step`` and ``value``.
        sampled: Whether they are samples, drawn as dots, rather than a line.
        wide: Whether they may be on a logarithmic axis.
        limit: A level to mark by a dashed line.
    """

    title: str
    rows: Sequence[Row]
    sampled: bool = False
    wide: bool = False
    limit: float | None = None


def drawn_panel(panel: Panel, steps: Steps, *, lowest: bool) -> alt.LayerChart:
    """Return a panel's chart; the lowest of all bears the numbers of the steps."""
    scale, axis = _scale(panel)
    y = alt.Y("value:Q", title=panel.title, scale=scale, axis=axis)
    base = alt.Chart(inline(panel.rows)).encode(steps.x(named=lowest), y)
    dots = base.mark_point(filled=True, size=30, opacity=0.8, style="drawn")
    line = base.mark_line(strokeWidth=1.5, style="drawn")
    levels: list[Row] = [] if panel.limit is None else [{"value": panel.limit}]
    rule = alt.Chart(inline(levels)).mark_rule(strokeDash=[4, 3], strokeWidth=1.5).encode(y=y)
    return layered(dots if panel.sampled else line, rule, height=HEIGHT)


def end_marks(at: int | None, steps: Steps, *, lowest: bool) -> Iterator[alt.Chart]:
    """Yield a line at the step at which a training diverged, with its name; nothing where it did not."""
    if at is None:
        return
    late = at - steps.first > (steps.last - steps.first) / 2
    base = alt.Chart(inline([{"step": at, "text": f"no number from step {at:,} on"}])).encode(steps.x(named=lowest))
    yield base.mark_rule(strokeDash=[4, 3], strokeWidth=1.5)
    text = base.mark_text(align="right" if late else "left", dx=-6 if late else 6, dy=-10, style="note")
    yield text.encode(y=alt.value("height"), text="text:N")


def _scale(panel: Panel) -> tuple[alt.Scale, alt.Axis]:
    values = finite([*(float(row["value"] or 0.0) for row in panel.rows), panel.limit]) or [0.0, 1.0]
    low, high = min(values), max(values)
    if panel.wide and low > 0 and high > WIDE * low:
        low, high = low / 1.2, high * 1.2
        return alt.Scale(type="log", domain=[low, high], nice=False), log_axis(low, high, most=4)
    low, high = min(low, 0.0) * 1.1, max(high, 0.0) * 1.1
    high = high if high > low else low + 1.0
    ticks = linear_ticks(low, high, most=4)
    return alt.Scale(domain=[low, high], nice=False), alt.Axis(values=ticks, format="~g")
