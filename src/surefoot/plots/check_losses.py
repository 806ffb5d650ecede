"""What every setting that a check tried ended at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from surefoot.checking.result import CheckResult
from surefoot.diagnosis.foresight import Judged
from surefoot.diagnosis.inquiry import share_name
from surefoot.checking.neighbourhood import Setting
from surefoot.numerals import measured, numeral
from surefoot.plots.axes import MARGIN, finite, log_axis, loss_scale
from surefoot.plots.inline import Row, inline
from surefoot.plots.labels import Place, freest, ring
from surefoot.plots.theme import ADVISED, finished, layered
from surefoot.plots.tried import CHECK_ROLES, Tried, marked_settings, tried_settings

# A loss so many times its start has left the picture.
CEILING = 1.6
# Around the learning rates that were tried.
ROOM = 1.6
# Below the lowest loss.
BELOW = 1.15
# So near the start's loss, as a share of the axis, a mark is in its name's way.
NEAR = 0.1
# From the shortest trainings to the full ones.
SHAPES = ("triangle-up", "square", "circle")


def forks(result: CheckResult) -> alt.LayerChart:
    """Return the validation losses of all settings tried over their learning rates.

    Every momentum has its colour, every length of training its shape; lines join trainings of one momentum and one
    length on the first seed. What diverged, or ended far above the start, is a cross at the upper edge.
    """
    frame = _Frame.around(result)
    rows = [_row(row, frame) for row in result.forks]
    inside = [row for row in rows if not row["lost"]]
    crosses = [row for row in rows if row["lost"]]
    base = alt.Chart(inline(inside)).encode(frame.x(), frame.y(), color=_by_momentum(result))
    start = alt.Chart(inline([{"loss": frame.start, "text": "loss before the first step"}])).encode(frame.y())
    lost = alt.Chart(inline(crosses)).mark_text(text="✕", fontSize=13, fontWeight=700)
    layers = [
        start.mark_rule(strokeDash=[2, 3], opacity=0.7),
        base.transform_filter("datum.seed == 0").mark_line(strokeWidth=2).encode(detail="share:N"),
        base.mark_point(filled=True, size=80, opacity=1.0, style="backdrop", strokeWidth=0.7).encode(
            shape=_by_share(result), tooltip=_TOOLTIP
        ),
        lost.encode(frame.x(), y=alt.value(0), color=_by_momentum(result), tooltip=_TOOLTIP),
        *_start_name(start, result, frame),
        *_rings(result, frame),
    ]
    subtitle = [
        f"{result.task}: validation losses of {len(tried_settings(result))} settings on the same start and batches"
        f"{'; crosses diverged or ended far above the start' if crosses else ''}."
    ]
    figure: alt.LayerChart = finished(layered(*layers), _title(result), subtitle=subtitle)
    return figure


def _start_name(start: alt.Chart, result: CheckResult, frame: _Frame) -> Iterator[alt.Chart]:
    """Yield the name of the line at the start's loss, at the end of it where fewer marks are."""
    places = [frame.place(row.setting.lr, row.loss) for row in result.forks if row.loss <= frame.loss[1]]
    level = frame.place(frame.lr[0], frame.start)[1]
    near = [across for across, down in places if abs(down - level) < NEAR]
    if sum(across > 0.5 for across in near) < sum(across < 0.5 for across in near):
        place: dict[str, Any] = {"align": "right", "dx": -4, "x": "width"}
    else:
        place = {"align": "left", "dx": 4, "x": 0}
    for style in ("halo", "note"):
        yield start.mark_text(**place, dy=-8, style=style).encode(text="text:N")


def _title(result: CheckResult) -> str:
    marked = marked_settings(result)
    if ADVISED not in marked:
        return "Nothing that was tried is clearly better"
    to = marked[ADVISED]
    return f"Learning rate {numeral(to.lr)} at momentum {numeral(to.momentum)} ends lower"


@dataclass(frozen=True, slots=True)
class _Frame:
    """The axes: learning rates, and losses up to a ceiling above the start."""

    lr: tuple[float, float]
    loss: tuple[float, float]
    start: float

    @classmethod
    def around(cls, result: CheckResult) -> _Frame:
        start = result.course.start
        ceiling = start + (CEILING - 1.0) * abs(start) if start else 1.0
        losses = [loss for loss in finite(row.loss for row in result.forks) if loss <= ceiling]
        rates = [row.setting.lr for row in result.forks]
        return cls((min(rates) / ROOM, max(rates) * ROOM), (_below(min([start, *losses])), ceiling), start)

    def x(self) -> alt.X:
        scale = alt.Scale(type="log", domain=[*self.lr], nice=False)
        return alt.X("lr:Q", scale=scale, axis=log_axis(*self.lr), title="learning rate (peak)")

    def y(self) -> alt.Y:
        scale, axis = loss_scale([*self.loss], ceiling=self.loss[1])
        return alt.Y("loss:Q", scale=scale, axis=axis, title="validation loss at the end")

    def place(self, lr: float, loss: float) -> Place:
        """Return where a loss lies, as shares of the axes."""
        low, high = self.loss
        turned = math.log if low > 0 else float
        low = low / MARGIN if low > 0 else low
        across = math.log(lr / self.lr[0]) / math.log(self.lr[1] / self.lr[0])
        return across, (turned(high) - turned(loss)) / (turned(high) - turned(low))


def _below(loss: float) -> float:
    """Return where the axis begins, so that a ring around the lowest loss has room."""
    return loss / BELOW if loss > 0 else loss


_TOOLTIP = [
    alt.Tooltip("rate:N", title="learning rate"),
    alt.Tooltip("momentum:N"),
    alt.Tooltip("trained:N", title="trained, of a full training"),
    alt.Tooltip("number:N", title="seed"),
    alt.Tooltip("shown:N", title="validation loss"),
]


def _row(row: Judged, frame: _Frame) -> Row:
    return {
        "lr": row.setting.lr,
        "loss": row.loss,
        "lost": not row.loss <= frame.loss[1],
        "momentum": numeral(row.setting.momentum),
        "trained": share_name(row.share),
        "share": row.share,
        "seed": row.seed,
        "number": "another" if row.seed else "the first",
        "rate": numeral(row.setting.lr),
        "shown": measured(row.loss),
    }


def _by_momentum(result: CheckResult) -> alt.Color:
    names = [numeral(each) for each in sorted({row.setting.momentum for row in result.forks})]
    legend = alt.Legend(orient="top", title="momentum", direction="horizontal", symbolType="stroke")
    return alt.Color("momentum:O", scale=alt.Scale(domain=names), legend=legend)


def _by_share(result: CheckResult) -> alt.Shape:
    """Return the shape of a mark by how long it was trained, the full training's last."""
    names = [share_name(share) for share in sorted({row.share for row in result.forks})]
    legend = alt.Legend(orient="bottom", title="trained, of a full training", direction="horizontal")
    return alt.Shape("trained:N", scale=alt.Scale(domain=names, range=[*SHAPES[-len(names) :]]), legend=legend)


def _rings(result: CheckResult, frame: _Frame) -> Iterator[alt.Chart]:
    """Yield rings around the longest trainings of the recipe and of the advice."""
    taken = [frame.place(row.setting.lr, row.loss) for row in result.forks if row.loss <= frame.loss[1]]
    for role, setting in marked_settings(result).items():
        furthest = _furthest(setting, tried_settings(result))
        if furthest is None:
            continue
        loss = min(furthest.loss, frame.loss[1])
        side = freest(role, place := frame.place(setting.lr, loss), taken)
        taken += side.covered(place)
        row: Row = {"lr": setting.lr, "loss": loss, "role": role}
        yield from ring(alt.Chart(inline([row])).encode(frame.x(), frame.y()), side, roles=CHECK_ROLES)


def _furthest(setting: Setting, tried: Sequence[Tried]) -> Judged | None:
    return next((each.furthest for each in tried if each.setting == setting), None)
