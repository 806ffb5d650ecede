"""The range test: where learning begins, and where it breaks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import altair as alt

from surefoot.numerals import numeral
from surefoot.plots.axes import finite, log_axis, loss_scale
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import column, finished, layered
from surefoot.tuning.found import FindResult, MomentumRange
from surefoot.explanation.range_test import Ramp
from surefoot.values import Interval

# Below the limit by this factor a ramp has nothing to show, and little above it.
BELOW, ABOVE = 3e3, 6.0
# A loss this many times its start has left the picture.
CEILING = 1.6
BAR_HEIGHT = 28
CROSS = "M-1,-1L1,1M-1,1L1,-1"
# Around the learning rates that were tried.
ROOM = 1.25


def range_test(ramps: Sequence[Ramp]) -> alt.LayerChart:
    """Return the training loss while the learning rate grows, a line for each ramp, its limit marked.

    Ramps differ in their momentum, or, where there are several optimizers, in those.
    """
    low, high = _window(ramps)
    rows = [row for ramp in ramps for row in _ramp_rows(ramp, low, high)]
    inside = [row for row in rows if low <= float(row["lr"] or 0) <= high]
    start = max(ramp.losses[0] for ramp in ramps)
    scale, axis = loss_scale(_falling(inside, start), ceiling=_ceiling(start))
    colour = _by_ramp(ramps)
    x = _rate(low, high, "learning rate at that step")
    lines = (
        alt.Chart(inline(inside))
        .mark_line(clip=True)
        .encode(x, alt.Y("loss:Q", scale=scale, axis=axis, title="training loss"), color=colour)
    )
    limits: list[Row] = [{"lr": ramp.limit, **_whose(ramp)} for ramp in ramps if ramp.limit]
    rules = alt.Chart(inline(limits)).encode(x, color=colour)
    figure: alt.LayerChart = finished(
        layered(lines, rules.mark_rule(strokeDash=[4, 3], strokeWidth=1.5)),
        _title(ramps),
        subtitle="The learning rate grows at every step; dashed lines mark where the loss rises for good.",
    )
    return figure


def usable_range(result: FindResult) -> alt.VConcatChart:
    """Return the losses at the end of short runs over their learning rates, and below it each momentum's range."""
    momenta = [row.momentum for row in result.ranges]
    ceiling = _ceiling(result.start_loss)
    rows = [row for each in result.ranges for row in _short_run_rows(each, ceiling)]
    shown = [rate for row in result.ranges for rate in (row.limit, row.prior, *_ends(row.limit_interval))]
    rates = finite([*(float(row["lr"] or 0) for row in rows), *shown])
    low, high = min(rates) / ROOM, max(rates) * ROOM
    losses = finite(loss for row in result.ranges for loss in row.losses)
    below = [loss for loss in losses if loss <= result.start_loss] or [result.start_loss]
    scale, axis = loss_scale(below, ceiling=ceiling)
    y = alt.Y("loss:Q", scale=scale, axis=axis, title=f"training loss after {result.run_steps} steps")
    base = alt.Chart(inline(rows)).encode(_rate(low, high, None), y, color=_by_momentum(momenta))
    start = alt.Chart(inline([{"loss": result.start_loss, "text": "loss before the first step"}])).encode(y)
    curves = layered(
        start.mark_rule(strokeDash=[2, 3], opacity=0.7),
        start.mark_text(align="left", dx=4, dy=-7, x=0, style="note").encode(text="text:N"),
        base.mark_line(clip=True, strokeWidth=2),
        base.mark_point(filled=True, size=26, clip=True, opacity=1.0),
    )
    bars = _bars(result.ranges, low, high)
    title, said = _verdict(result)
    figure: alt.VConcatChart = finished(
        column(curves, bars, spacing=14).resolve_scale(color="shared"), title, subtitle=[said, *_key(result)]
    )
    return figure


def _verdict(result: FindResult) -> tuple[str, str]:
    found = result.suggestion
    if found is None:
        reason = str(result.reason)
        return f"{result.task}: no learning rate can be suggested", reason[:1].upper() + reason[1:]
    return (
        f"{result.task}: start from learning rate {numeral(found.lr)}, momentum {numeral(found.momentum)}",
        f"With that momentum {numeral(found.low)} to {numeral(found.high)} is usable.",
    )


def _key(result: FindResult) -> list[str]:
    """Return what the signs below the curves mean, of those that are there."""
    lines = ", thin lines: their 90 % intervals" if any(row.limit_interval for row in result.ranges) else ""
    ticks = any(row.prior for row in result.ranges)
    said = [f"Bars: usable; dots: best; crosses: training breaks{lines}."]
    return [*said, "Upright ticks: the prior, 2 (1 - momentum) / sharpness."] if ticks else said


def _title(ramps: Sequence[Ramp]) -> str:
    several = len({ramp.optimizer for ramp in ramps}) > 1
    limits = [
        f"{numeral(ramp.limit)} ({ramp.optimizer if several else f'momentum {_name(ramp.momentum)}'})"
        for ramp in ramps
        if ramp.limit
    ]
    if not limits:
        return "Training does not break at any learning rate tried"
    return f"Training breaks above learning rate {' and '.join(limits)}" if len(limits) < 3 else "Where training breaks"


def _bars(ranges: Sequence[MomentumRange], low: float, high: float) -> alt.LayerChart:
    momenta = [row.momentum for row in ranges]
    base = alt.Chart(inline([_bar(row) for row in ranges])).encode(
        alt.Y("momentum:N", sort=[_name(momentum) for momentum in momenta], title="momentum"),
        color=_by_momentum(momenta),
    )
    scale = alt.Scale(type="log", domain=[low, high], nice=False)

    def known(name: str) -> alt.Chart:
        chart: alt.Chart = base.transform_filter(f"datum.{name} != null")
        return chart.encode(alt.X(f"{name}:Q", scale=scale))

    def interval(name: str) -> alt.Chart:
        line: alt.Chart = known(f"{name}_low").mark_rule(strokeWidth=1.5, clip=True)
        return line.encode(x2=f"{name}_high:Q")

    usable = base.transform_filter("datum.best != null").mark_bar(height=9, opacity=0.45)
    return layered(
        usable.encode(_rate(low, high, "learning rate"), x2="high:Q"),
        interval("best"),
        interval("limit"),
        known("best").mark_point(filled=True, size=80, opacity=1.0, style="solid"),
        known("limit").mark_point(shape=CROSS, filled=False, size=40, strokeWidth=2, opacity=1.0),
        known("prior").mark_tick(thickness=2.5, size=17, opacity=1.0),
        height=BAR_HEIGHT * len(momenta),
    )


def _bar(row: MomentumRange) -> Row:
    best, limit = _ends(row.best_interval), _ends(row.limit_interval)
    return {
        "momentum": _name(row.momentum),
        "lr": row.low,
        "high": row.high,
        "best": row.best,
        "best_low": best[0],
        "best_high": best[1],
        "limit": row.limit,
        "limit_low": limit[0],
        "limit_high": limit[1],
        "prior": row.prior,
    }


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (interval.low, interval.high)


def _window(ramps: Sequence[Ramp]) -> tuple[float, float]:
    """Return the learning rates between which ramps have something to show."""
    limits = [ramp.limit for ramp in ramps if ramp.limit]
    first, last = min(ramp.rates[0] for ramp in ramps), max(ramp.rates[-1] for ramp in ramps)
    return (max(first, min(limits) / BELOW), min(last, max(limits) * ABOVE)) if limits else (first, last)


def _ramp_rows(ramp: Ramp, low: float, high: float) -> Iterator[Row]:
    for rate, loss in zip(ramp.rates, ramp.losses, strict=True):
        if low <= rate <= high and math.isfinite(loss):
            yield {**_whose(ramp), "lr": rate, "loss": loss}


def _short_run_rows(row: MomentumRange, ceiling: float) -> Iterator[Row]:
    """Yield the ends of one momentum's short runs, up to the first that broke or left the picture for good."""
    best = row.rates[row.losses.index(row.best_loss)]
    for rate, loss in zip(row.rates, row.losses, strict=True):
        if math.isfinite(loss):
            yield {"momentum": _name(row.momentum), "lr": rate, "loss": loss}
        if rate > max(best, row.limit or 0.0) or (rate > best and not loss <= ceiling):
            break


def _falling(rows: Sequence[Row], start: float) -> list[float]:
    """Return the losses that the axis has to hold: those not above the start."""
    losses = finite(float(row["loss"] or 0.0) for row in rows)
    return [loss for loss in losses if loss <= start] or [start]


def _ceiling(start: float) -> float:
    return start + (CEILING - 1.0) * abs(start) if start else 1.0


def _rate(low: float, high: float, title: str | None) -> alt.X:
    return alt.X(
        "lr:Q", scale=alt.Scale(type="log", domain=[low, high], nice=False), axis=log_axis(low, high), title=title
    )


def _by_momentum(momenta: Sequence[float]) -> alt.Color:
    names = [_name(momentum) for momentum in momenta]
    legend = alt.Legend(orient="top", title="momentum", direction="horizontal", symbolType="stroke")
    return alt.Color("momentum:O", scale=alt.Scale(domain=names), legend=legend)


def _by_ramp(ramps: Sequence[Ramp]) -> alt.Color:
    """Return the colour of a ramp: its momentum's, or its optimizer's where there are several of those."""
    names = [*dict.fromkeys(ramp.optimizer for ramp in ramps)]
    if len(names) < 2:
        return _by_momentum([ramp.momentum for ramp in ramps])
    legend = alt.Legend(orient="top", title="optimizer", direction="horizontal", symbolType="stroke")
    return alt.Color("optimizer:N", scale=alt.Scale(domain=names), legend=legend)


def _whose(ramp: Ramp) -> Row:
    return {"optimizer": ramp.optimizer, "momentum": _name(ramp.momentum)}


def _name(momentum: float) -> str:
    return f"{momentum:g}"
