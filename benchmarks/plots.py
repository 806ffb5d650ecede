"""The plots beside the report: time to quality of every contestant, and the promised intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from benchmarks import grid
from benchmarks.contestants import CONTESTANTS, SUREFOOT
from benchmarks.figures import Race, best_rate
from benchmarks.race import ANSWER
from surefoot.plots.axes import log_axis
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import WIDTH, Figure, finished, layered

ROW_HEIGHT = 26
HELD, MISSED, TASKS_APART = "holds it", "does not", 3
OURS, OTHERS, NEVER = "#0072B2", "#767676", "not within its time"


def time_to_quality(race: Race) -> Figure:
    """Return when each contestant's incumbent first was good, a dot a seed and a bar for the median."""
    rows = [*_times(race)]
    ends = [float(row["seconds"]) for row in rows]  # type: ignore[arg-type]
    low, high = min(ends) / 1.2, max(ends) * 1.2
    y = alt.Y("who:N", sort=[each.title for each in CONTESTANTS], axis=alt.Axis(title=None, labelLimit=260))
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("seconds:Q", scale=scale, axis=log_axis(low, high), title="seconds from the start of the process")
    colour = alt.Color("ours:N", scale=alt.Scale(domain=["yes", "no"], range=[OURS, OTHERS]), legend=None)
    kinds = ["incumbent good", "good answer delivered", NEVER]
    shape = alt.Shape(
        "kind:N",
        scale=alt.Scale(domain=kinds, range=["circle", "diamond", "cross"]),
        legend=alt.Legend(orient="top", title=None, columns=3),
    )
    dots = (
        alt.Chart(inline(rows))
        .mark_point(filled=True, size=70, opacity=0.75)
        .encode(x=x, y=y, color=colour, shape=shape)
    )
    return finished(
        layered(dots, width=WIDTH, height=ROW_HEIGHT * len(CONTESTANTS)),
        f"Time to quality on {race.task}",
        subtitle="Each mark is a seed; a cross stands where a contestant ended without anything good.",
    )


def intervals(tunes: Sequence[dict[str, Any]], tasks: Sequence[str]) -> Figure:
    """Return every tune's interval of the learning rate over the grid's best at its momentum, a line each."""
    rows, labels = _interval_rows(tunes, tasks)
    ends = [float(row[end]) for row in rows for end in ("low", "high")]  # type: ignore[arg-type]
    places = len(rows) + TASKS_APART * len(labels)
    low, high = min(ends) / 1.2, max(ends) * 1.2
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("low:Q", scale=scale, axis=log_axis(low, high), title="learning rate / the grid's best")
    y = alt.Y("place:Q", axis=None, scale=alt.Scale(domain=[places, -1], nice=False))
    colour = alt.Color(
        "held:N",
        scale=alt.Scale(domain=[HELD, MISSED], range=[OURS, "#D55E00"]),
        legend=alt.Legend(orient="top", title=None, symbolType="stroke"),
    )
    lines = alt.Chart(inline(rows)).mark_rule(strokeWidth=1.5).encode(x=x, x2="high:Q", y=y, color=colour)
    names = alt.Chart(inline(labels)).mark_text(align="right", dx=-8).encode(x=alt.value(0), y=y, text="task:N")
    one = alt.Chart(inline([{"at": 1.0}])).mark_rule(strokeDash=[4, 3], style="ink").encode(x="at:Q")
    return finished(
        layered(lines, names, one, height=max(120, 4 * places)),
        "Does the 90 % interval hold the dense grid's best learning rate?",
        subtitle="A line a tune; the dashed line is the grid's best rate at the recommended momentum.",
    )


def _interval_rows(tunes: Sequence[dict[str, Any]], tasks: Sequence[str]) -> tuple[list[Row], list[Row]]:
    """Return a line for every tune, task by task with room between, and the tasks' names at their middles."""
    rows: list[Row] = []
    labels: list[Row] = []
    for task in tasks:
        own = [row for row in tunes if row["task"] == task and row["lr"]]
        begin = len(rows) + TASKS_APART * len(labels)
        if own:
            labels.append({"task": task, "place": begin + (len(own) - 1) / 2})
        for place, row in enumerate(own, begin):
            low, high = (end / best_rate(grid.load(task), row) for end in row["lr"])
            rows.append({"place": place, "low": low, "high": high, "held": HELD if low <= 1 <= high else MISSED})
    return rows, labels


def _times(race: Race) -> Iterator[Row]:
    for each in CONTESTANTS:
        if each.module not in race.incumbent:
            continue
        mine = {"who": each.title, "ours": "yes" if each == SUREFOOT else "no"}
        clocks = {
            "incumbent good": race.incumbent[each.module],
            "good answer delivered": race.answer[ANSWER][each.module],
        }
        for kind, clock in clocks.items():
            for seconds in clock.times:
                if math.isfinite(seconds):
                    yield mine | {"seconds": seconds, "kind": kind}
        watched = race.incumbent[each.module]
        for seconds, limit in zip(watched.times, watched.limits, strict=True):
            if not math.isfinite(seconds):
                yield mine | {"seconds": limit, "kind": NEVER}
