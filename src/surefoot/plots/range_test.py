"""The range test: where learning begins, and where it breaks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import altair as alt

from surefoot.plots.axes import finite, log_axis, loss_scale
from surefoot.plots.inline import Row, inline
from surefoot.plots.numerals import numeral
from surefoot.plots.theme import finished, layered
from surefoot.tuning.found import FindResult, MomentumRange
from surefoot.tuning.range_test import Ramp

# Below the limit by this factor a ramp has nothing to show, and little above it.
BELOW, ABOVE = 3e3, 6.0
# A loss this many times its start has left the picture.
CEILING = 1.6
BAR_HEIGHT = 26
# Around the learning rates that were tried.
ROOM = 1.25


def range_test(ramps: Sequence[Ramp]) -> alt.LayerChart:
    """Return the training loss while the learning rate grows, a line for each momentum, its limit marked."""
    low, high = _window(ramps)
    rows = [row for ramp in ramps for row in _ramp_rows(ramp, low, high)]
    inside = [row for row in rows if low <= float(row["lr"] or 0) <= high]
    start = max(ramp.losses[0] for ramp in ramps)
    scale, axis = loss_scale(_falling(inside, start), ceiling=_ceiling(start))
    momenta = [ramp.momentum for ramp in ramps]
    x = _rate(low, high, "learning rate at that step")
    lines = (
        alt.Chart(inline(inside))
        .mark_line(clip=True)
        .encode(x, alt.Y("loss:Q", scale=scale, axis=axis, title="training loss"), color=_by_momentum(momenta))
    )
    limits: list[Row] = [{"lr": ramp.limit, "momentum": _name(ramp.momentum)} for ramp in ramps if ramp.limit]
    rules = alt.Chart(inline(limits)).encode(x, color=_by_momentum(momenta))
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
    rates = finite([*(float(row["lr"] or 0) for row in rows), *(row.limit for row in result.ranges)])
    low, high = min(rates) / ROOM, max(rates) * ROOM
    losses = finite(loss for row in result.ranges for loss in row.losses)
    below = [loss for loss in losses if loss <= result.start_loss] or [result.start_loss]
    scale, axis = loss_scale(below, ceiling=ceiling)
    y = alt.Y("loss:Q", scale=scale, axis=axis, title=f"training loss after {result.steps} steps")
    base = alt.Chart(inline(rows)).encode(_rate(low, high, None), y, color=_by_momentum(momenta))
    start = alt.Chart(inline([{"loss": result.start_loss, "text": "loss before the first step"}])).encode(y)
    curves = layered(
        start.mark_rule(strokeDash=[2, 3], opacity=0.7),
        start.mark_text(align="left", dx=4, dy=-7, x=0, style="note").encode(text="text:N"),
        base.mark_line(clip=True, strokeWidth=2),
        base.mark_point(filled=True, size=26, clip=True, opacity=1.0),
    )
    bars = _bars(result.ranges, low, high)
    found = result.suggestion
    said = result.reason if found is None else f"start from lr {numeral(found.lr)}, momentum {numeral(found.momentum)}"
    figure: alt.VConcatChart = finished(
        alt.vconcat(curves, bars, spacing=14).resolve_scale(color="shared"),
        "Which learning rates work",
        subtitle=[f"{result.task}: {said}.", "Bars: usable; dot: best; cross: the loss rises from here on."],
    )
    return figure


def _title(ramps: Sequence[Ramp]) -> str:
    limits = [f"{numeral(ramp.limit)} (momentum {_name(ramp.momentum)})" for ramp in ramps if ramp.limit]
    if not limits:
        return "Training does not break at any learning rate tried"
    return f"Training breaks above learning rate {' and '.join(limits)}" if len(limits) < 3 else "Where training breaks"


def _bars(ranges: Sequence[MomentumRange], low: float, high: float) -> alt.LayerChart:
    rows: list[Row] = [
        {
            "momentum": _name(row.momentum),
            "lr": row.low,
            "high": row.high,
            "best": row.best,
            "limit": row.limit,
        }
        for row in ranges
    ]
    momenta = [row.momentum for row in ranges]
    y = alt.Y("momentum:N", sort=[_name(momentum) for momentum in momenta], title="momentum")
    base = alt.Chart(inline(rows)).encode(y=y, color=_by_momentum(momenta))
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    cross = base.transform_filter("datum.limit != null").mark_point(
        shape="M-1,-1L1,1M-1,1L1,-1", filled=False, size=40, strokeWidth=2, opacity=1.0
    )
    known = base.transform_filter("datum.best != null")
    return layered(
        known.mark_bar(height=9, opacity=0.55).encode(_rate(low, high, "learning rate"), x2="high:Q"),
        known.mark_point(filled=True, size=80, opacity=1.0, style="solid").encode(alt.X("best:Q", scale=scale)),
        cross.encode(alt.X("limit:Q", scale=scale)),
        height=BAR_HEIGHT * len(momenta),
    )


def _window(ramps: Sequence[Ramp]) -> tuple[float, float]:
    """Return the learning rates between which ramps have something to show."""
    limits = [ramp.limit for ramp in ramps if ramp.limit]
    first, last = min(ramp.rates[0] for ramp in ramps), max(ramp.rates[-1] for ramp in ramps)
    return (max(first, min(limits) / BELOW), min(last, max(limits) * ABOVE)) if limits else (first, last)


def _ramp_rows(ramp: Ramp, low: float, high: float) -> Iterator[Row]:
    for rate, loss in zip(ramp.rates, ramp.losses, strict=True):
        if low <= rate <= high and math.isfinite(loss):
            yield {"momentum": _name(ramp.momentum), "lr": rate, "loss": loss}


def _short_run_rows(row: MomentumRange, ceiling: float) -> Iterator[Row]:
    """Yield the ends of one momentum's short runs, up to the first that left the picture for good."""
    best = row.rates[row.losses.index(row.best_loss)]
    for rate, loss in zip(row.rates, row.losses, strict=True):
        if math.isfinite(loss):
            yield {"momentum": _name(row.momentum), "lr": rate, "loss": loss}
        if rate > best and not loss <= ceiling:
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


def _name(momentum: float) -> str:
    return f"{momentum:g}"
