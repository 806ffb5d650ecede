"""The map of stability: where a recipe stands on the quadratic model of the loss around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import altair as alt
import numpy as np

from surefoot.checking.curvature_summary import quadratic_of
from surefoot.checking.neighbourhood import MOMENTA, Setting
from surefoot.checking.result import CheckResult
from surefoot.core.formatting import numeral
from surefoot.plots.axes import Place, freest, ring
from surefoot.plots.check_losses import CHECK_ROLES, SettingTrials, check_trials, marked_settings
from surefoot.plots.quadratic_model import Bowl, limit_name, limit_rows, lines, outside, region_names, shading
from surefoot.plots.theme import ADVISED, YOURS, Row, finished, inline, layered
from surefoot.plots.trial_points import Frame

# Beyond the limit the picture goes on by this share of what lies before it, and by at least this factor.
BEYOND, LEAST = 0.3, 8.0
# From the middle of a ring to the middle of the arrowhead that points at it, in points.
SHORT_OF = 17


def why_no_map(result: CheckResult) -> str | None:
    """Return why there is no map of a check, in a sentence; ``None`` where there is one."""
    if result.curvature is None:
        why = "the recipe diverged" if result.own_training.diverged else "the curvature was not measured"
        return f"There is no map of stability: {why}."
    sharpness = result.curvature.sharpness
    if sharpness.value is None:
        return f"There is no map of stability: the sharpness is not known, for {sharpness.reason}."
    if not sharpness.value > 0:
        return "There is no map of stability: where the training ended, the loss does not bend upwards."
    if quadratic_of(result.recipe) is None or not 0.0 <= result.recipe.momentum.highest < 1.0:
        return f"There is no map of stability: theory has no limit for {result.recipe.optimizer} with these settings."
    return None


def stability_map(result: CheckResult) -> alt.LayerChart:
    """Return the quadratic model over learning rate and momentum, and on it the recipe, the advice and all tried.

    The colour is the number of steps in which the error along the sharpest direction shrinks to a tenth, exactly as
    its recurrence has it; a line is the limit of stability, a dashed one parts where the error shrinks steadily from
    where it swings.

    Args:
        result: Of a check that :func:`why_no_map` has nothing against.
    """
    bowl = Bowl.of(result)
    tried, marked = check_trials(result), marked_settings(result)
    frame = _frame([*(each.setting for each in tried), *marked.values()], bowl)
    taken = [frame.place(each.setting.lr, 1.0 - each.setting.momentum) for each in tried]
    taken += _between([frame.place(each.lr, 1.0 - each.momentum) for each in marked.values()])
    taken += [frame.place(row["lr"], row["gap"]) for row in limit_rows(bowl, frame)]
    rings = [*_rings(marked, frame, taken)]
    shaft, head = _arrow(marked, frame) if ADVISED in marked else ([], [])
    layers = [
        *shading(bowl, frame, longest=max(10, result.steps)),
        outside(bowl, frame),
        *lines(bowl, frame),
        *limit_name(bowl, frame, taken),
        *shaft,
        _dots([each for each in tried if not each.diverged], frame),
        _crosses([each for each in tried if each.diverged], frame),
        *head,
        *rings,
        *region_names(bowl, frame, taken),
    ]
    figure: alt.LayerChart = finished(layered(*layers), _title(marked[YOURS], bowl), subtitle=_subtitle(result, bowl))
    return figure


def _frame(settings: Sequence[Setting], bowl: Bowl) -> Frame:
    """Return the part of the plane around settings that holds the limit of stability and all usual momenta."""
    limits = [bowl.limit(1.0 - each.momentum) for each in settings]
    beyond = max(LEAST, (max(limits) / min(each.lr for each in settings)) ** BEYOND)
    corners = [(limit * factor, 0.0) for limit in limits for factor in (1.0, beyond)]
    momenta = [(limits[0], momentum) for momentum in MOMENTA]
    return Frame.around([*((each.lr, each.momentum) for each in settings), *corners, *momenta])


def _dots(tried: Sequence[SettingTrials], frame: Frame) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(inline(_row(each) for each in tried))
        .mark_point(filled=True, size=34, opacity=1.0, style=["drawn", "backdrop"], strokeWidth=1)
        .encode(frame.x(), frame.y(), tooltip=_TOOLTIP)
    )
    return chart


def _crosses(tried: Sequence[SettingTrials], frame: Frame) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(inline(_row(each) for each in tried))
        .mark_text(text="✕", style="note", fontSize=11, fontWeight=600)
        .encode(frame.x(), frame.y(), tooltip=_TOOLTIP)
    )
    return chart


_TOOLTIP = [
    alt.Tooltip("rate:N", title="learning rate"),
    alt.Tooltip("momentum:N"),
    alt.Tooltip("losses:N", title="validation loss"),
]


def _row(each: SettingTrials) -> Row:
    lr, momentum = each.setting.lr, each.setting.momentum
    return {
        "lr": lr,
        "gap": 1.0 - momentum,
        "rate": numeral(lr),
        "momentum": numeral(momentum),
        "losses": each.losses,
    }


def _arrow(marked: dict[str, Setting], frame: Frame) -> tuple[list[alt.Chart], list[alt.Chart]]:
    """Return shaft and head of an arrow from the recipe to the advice, whatever the width of the picture."""
    own, to = marked[YOURS], marked[ADVISED]
    base = alt.Chart(
        inline([{"lr": own.lr, "gap": 1.0 - own.momentum, "to": to.lr, "to_gap": 1.0 - to.momentum}])
    ).encode(frame.x(), frame.y(), x2="to:Q", y2="to_gap:Q")
    shaft = [base.mark_rule(style="paper", strokeWidth=5), base.mark_rule(style="drawn", strokeWidth=2)]
    (x, y), (right, down) = (frame.place(each.lr, 1.0 - each.momentum) for each in (own, to))
    angle = f"atan2({down - y:.6g} * height, {right - x:.6g} * width)"
    tip = alt.Chart(inline([{"lr": to.lr, "gap": 1.0 - to.momentum}])).encode(frame.x(), frame.y())
    head = tip.mark_point(
        shape="triangle-right",
        filled=True,
        size=120,
        opacity=1.0,
        style="drawn",
        angle=alt.ExprRef(f"{angle} * 180 / PI"),
        xOffset=alt.ExprRef(f"-{SHORT_OF} * cos({angle})"),
        yOffset=alt.ExprRef(f"-{SHORT_OF} * sin({angle})"),
    )
    return shaft, [head]


def _rings(marked: dict[str, Setting], frame: Frame, taken: list[Place]) -> Iterator[alt.Chart]:
    """Yield rings around the marked settings with their names, and take note of what those cover."""
    for role, setting in marked.items():
        place = frame.place(setting.lr, 1.0 - setting.momentum)
        side = freest(role, place, taken)
        taken += side.covered(place)
        row: Row = {"lr": setting.lr, "gap": 1.0 - setting.momentum, "role": role}
        yield from ring(alt.Chart(inline([row])).encode(frame.x(), frame.y()), side, roles=CHECK_ROLES)


def _between(places: Sequence[Place]) -> list[Place]:
    """Return places all along the way between two, or the one there is."""
    (x, y), (right, down) = places[0], places[-1]
    return [(x + (right - x) * part, y + (down - y) * part) for part in np.linspace(0.0, 1.0, 20).tolist()]


def _title(own: Setting, bowl: Bowl) -> str:
    times = own.lr / bowl.limit(1.0 - own.momentum)
    share = f"{numeral(times, digits=2)} times" if times >= 1.0 else f"{numeral(100.0 * times, digits=2)} % of"
    return f"Learning rate {numeral(own.lr)} is {share} the limit of stability"


def _subtitle(result: CheckResult, bowl: Bowl) -> list[str]:
    return [
        f"{result.task}: the quadratic model ({bowl.quadratic.name}) with full batches, sharpness "
        f"{numeral(bowl.curvature)} where the training ended.",
        "Mini-batches lower the limit, and other settings end where the loss bends otherwise.",
    ]
